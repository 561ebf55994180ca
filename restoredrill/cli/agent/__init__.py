"""`restoredrill agent …`: what throwaway machines run, and how it gets to them."""

from restoredrill.cli import frame

# As in restoredrill.cli: what has no words is for machines, not for people.
COMMANDS = {
    "build": "make the bundle that machines run: one file",
    "publish": "put bundles into a database's vault",
    "run": "",
    "errand": "",
}

command = frame.group(COMMANDS, __name__, "Build and publish what throwaway machines run.")
