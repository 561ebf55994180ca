"""A command that ends in an error."""

from collections.abc import Callable

import click

from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.errors import ConfigError, PlanUnmet, VaultDenied
from restoredrill.secret import Secret

ERRORS: dict[str, Callable[[], BaseException]] = {
    "denied": lambda: VaultDenied("read", "s3://b/k", "access denied", hint="grant s3:GetObject"),
    "one problem": lambda: ConfigError("schedules", ("schedules/a.yaml:1: vault: is missing",)),
    "two problems": lambda: ConfigError("schedules", ("a.yaml:1: x", "b.yaml:2: y"), hint="read them"),
    "unmet plan": lambda: PlanUnmet("shop", ("no subnet sg-1", "no room for it"), hint="see README"),
    "unexpected": lambda: ValueError(f"odd\nvalue {Secret('planted-in-a-crash').reveal()}"),
    "pipe": lambda: BrokenPipeError(32, "the connection to the database is gone"),
    "input": lambda: EOFError("somewhere deep"),
    "interrupt": lambda: KeyboardInterrupt(),
}


@new_command
@click.argument("kind")
def command(context: Context, kind: str) -> Answer:
    """End in an error."""
    raise ERRORS[kind]()
