"""`restoredrill history rebuild [NAME]`: make the index again from the vaults alone."""

import click

from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.cli.history.each import each


@new_command
@click.argument("name", required=False)
def command(context: Context, name: str | None) -> Answer:
    """Make the index of every database (or of NAME) again from its vault. Tasks that wait, notices and the
    audit log stay. Exit status 3 if a vault does not answer or something in it can't be read.
    """
    return each(context, name, again=True)
