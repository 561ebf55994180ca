"""`restoredrill queue add NAME KIND`: ask the service for a backup or a drill."""

import secrets

import click

from restoredrill import clock, config
from restoredrill.cli import histories
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.errors import UsageError
from restoredrill.model import make_id
from restoredrill.records import ON_DEMAND, Kind, Task


@new_command
@click.argument("name")
@click.argument("kind", type=click.Choice(["backup", "drill"]))
def command(context: Context, name: str, kind: Kind) -> Answer:
    """Queue a backup or a drill of NAME: `serve` begins it before all that a schedule wants."""
    database = context.database(name)
    if database.section(kind) is None:
        raise UsageError("queue", f"a {kind} of {name}", f"its file has no {kind} section", hint="add one")
    now = clock.utcnow()
    task = Task(
        id=make_id(now, secrets.token_hex(4)),
        database=name,
        kind=kind,
        due_at=now,
        not_before=now,
        asked_by="person",
        asker=config.user(),
        priority=ON_DEMAND,
    )
    with histories.opened(histories.settings(context)) as history:
        history.tasks.add(task)
    return Answer(task, f"queued {kind} {task.id} of {name}")
