"""Tests of restoredrill: real servers, no patching."""
