"""A command that says what it was given."""

import click

from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.errors import Exit


@new_command
@click.argument("words", nargs=-1)
@click.option("--exit", "status", type=int, default=0, help="How to end.")
def command(context: Context, words: tuple[str, ...], status: int) -> Answer:
    """Say what was given."""
    context.tell("at work")
    document = {"schedules": context.schedules, "json": context.json, "words": words}
    return Answer(document, f"{context.schedules} {' '.join(words)}", Exit(status))
