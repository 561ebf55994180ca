"""Tests of the repository itself: its layers, its size, what must not be in it."""
