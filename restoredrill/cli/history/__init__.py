"""`restoredrill history …`: the index of what the vaults hold."""

from restoredrill.cli import frame

COMMANDS = {
    "sync": "take up what is new in the vaults",
    "rebuild": "make the index again from the vaults alone",
    "prune": "let go what is older than `history.keep`",
}

command = frame.group(COMMANDS, __name__, "Look after the index of past drills, backups and tasks.")
