"""`restoredrill queue …`: what waits for the service, runs, and was."""

from restoredrill.cli import frame

COMMANDS = {
    "list": "what waits, runs and was, with why",
    "add": "ask the service for a backup or a drill, before all that a schedule wants",
    "cancel": "take back what still waits",
}

command = frame.group(COMMANDS, __name__, "Look at the service's queue, and change it by hand.")
