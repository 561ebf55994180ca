"""One way to break a backup each: `make` does it, `rules` must say so."""
