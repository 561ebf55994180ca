"""Dumps that somebody else has taken: what their first bytes say, and how they are restored."""
