"""Dumps that somebody else takes, found where they lie and read as they are. Nothing is written there."""
