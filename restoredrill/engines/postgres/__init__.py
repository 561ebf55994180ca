"""PostgreSQL: dump, fingerprint, throwaway server, restore."""
