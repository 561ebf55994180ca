"""One file a kind of check; verdict.py decides."""
