"""restoredrill: backups you have seen restore."""

__version__ = "0.1.0"
