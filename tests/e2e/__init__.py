"""End to end: the real command line, real servers, and what is left afterwards."""
