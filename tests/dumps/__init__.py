"""Dumps that somebody else takes."""
