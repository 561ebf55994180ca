"""An honest stand-in of AWS for tests: moto behind a gate that closes its gaps (see gate.py)."""
