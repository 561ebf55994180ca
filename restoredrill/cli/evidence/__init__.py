"""`restoredrill evidence …`: what an auditor is given, and how he checks it."""

from restoredrill.cli import frame

# `archive` needs not be said: `restoredrill evidence shop --since 2026-01-01`.
COMMANDS = {
    "archive": "NAME --since DATE: one file with every report of a period (`archive` may be left out)",
    "verify": "check such a file, offline",
    "key": "make a key pair to sign with",
}

command = frame.group(
    COMMANDS, __name__, "Make and check evidence of a database's drills.", otherwise="archive"
)
