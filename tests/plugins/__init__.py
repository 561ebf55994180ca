"""Fixtures, one module a kind of server."""
