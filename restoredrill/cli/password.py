"""`restoredrill password`: a password's hash, for `users` of `_service.yaml`."""

import sys

import click

from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.errors import ToolMissing, UsageError

SHORTEST, LONGEST = 12, 1024


@new_command
def command(context: Context) -> Answer:
    """Ask for a password (or read it from standard input) and print what `web.users` in _service.yaml
    holds of it.
    """
    try:
        from restoredrill.web.safety import passwords
    except ModuleNotFoundError as error:
        hint = "pip install 'restoredrill[serve]'"
        raise ToolMissing("import", str(error.name), "it is not installed", hint=hint) from error
    hashed = passwords.hashed(_checked(_asked(context)))
    return Answer({"hash": hashed}, hashed)


def _asked(context: Context) -> str:
    if context.interactive:
        told: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return told
    return sys.stdin.readline(LONGEST + 2).rstrip("\r\n")


def _checked(password: str) -> str:
    """Raises `UsageError`."""
    if SHORTEST <= len(password) <= LONGEST:
        return password
    reason = f"it has {len(password)} characters" if len(password) < SHORTEST else "it is too long"
    hint = f"take {SHORTEST} to {LONGEST}: a few words, or what a password manager makes"
    raise UsageError("hash", "the password", reason, hint=hint)
