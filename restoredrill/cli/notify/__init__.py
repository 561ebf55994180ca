"""`restoredrill notify …`: are messages delivered?"""

from restoredrill.cli import frame

COMMANDS = {"test": "send a test message to every address of a database and of the service"}

command = frame.group(COMMANDS, __name__, "Try whether messages arrive.")
