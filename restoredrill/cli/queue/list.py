"""`restoredrill queue list`: what waits, runs and was, with why."""

import click
from rich.table import Table

from restoredrill import clock
from restoredrill.cli import histories
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.records import Task
from restoredrill.reports import units


@new_command
@click.option("--past", default=20, show_default=True, metavar="N", help="So many that are over, too.")
def command(context: Context, past: int) -> Answer:
    """List what waits, what runs, and what became of the last runs. Why one waits, was skipped or cancelled
    stays for ever.
    """
    with histories.opened(histories.settings(context)) as history:
        waiting, over = history.tasks.open(), history.tasks.past(limit=past)
    if not waiting and not over:
        words = "nothing waits, runs or was: is `restoredrill serve` at work?"
        return Answer({"open": [], "past": []}, words)
    now = clock.utcnow()
    table = Table("state", "what", "due", "id", "why", box=None)
    for task in (*waiting, *over):
        what, due = f"{task.kind} {task.database}", units.ago(task.due_at, now)
        table.add_row(task.outcome or task.state.value, what, due, task.id, _why(task))
    return Answer({"open": waiting, "past": over}, table)


def _why(task: Task) -> str:
    asker = f" (asked for by {task.asker or 'a person'})" if task.asked_by == "person" else ""
    return f"{task.reason}{asker}".strip()
