"""One folder a database engine."""
