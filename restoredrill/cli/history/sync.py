"""`restoredrill history sync [NAME]`: take up what is new in the vaults."""

import click

from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.cli.history.each import each


@new_command
@click.argument("name", required=False)
def command(context: Context, name: str | None) -> Answer:
    """Take up what is new in the vault of every database (or of NAME): drills taken by hand, say. Exit status
    3 if a vault does not answer or something in it can't be read.
    """
    return each(context, name, again=False)
