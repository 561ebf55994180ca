"""`python -m restoredrill` is `restoredrill`."""

from restoredrill.cli import main

main()
