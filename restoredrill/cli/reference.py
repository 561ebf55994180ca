"""`restoredrill reference NAME`: every object of the source and its definition, for a `schema` check."""

from pathlib import Path

import click

from restoredrill import wiring
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.errors import UsageError


@new_command
@click.argument("name")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write it there.")
def command(context: Context, name: str, output: Path | None) -> Answer:
    """Write down what objects the source of NAME has, a line each. The source is only read."""
    database = context.database(name)
    if database.source is None:
        hint = "a file without a source has nothing to be described"
        raise UsageError("describe", name, "its file has no source", hint=hint)
    with wiring.source(database).snapshot() as snapshot:
        facts = snapshot.facts()
        head = f"# The schema of {facts.database} on PostgreSQL {facts.major}: kind name = definition.\n"
        text = head + snapshot.describe()
    lines = text.count("\n") - 1
    if output is None:
        return Answer({"database": name, "objects": lines, "text": text}, text.rstrip("\n"))
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError("write", str(output), error.strerror or str(error)) from error
    return Answer(
        {"database": name, "objects": lines, "file": output}, f"{lines} objects written to {output}"
    )
