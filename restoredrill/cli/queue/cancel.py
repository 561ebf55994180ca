"""`restoredrill queue cancel ID`: take back what still waits."""

import click

from restoredrill import clock, config, wiring
from restoredrill.cli import histories
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.errors import UsageError
from restoredrill.records import TaskState
from restoredrill.vault.tasks import VaultTasks


@new_command
@click.argument("task_id", metavar="ID")
@click.option("--reason", required=True, help="Why; it stays for ever.")
def command(context: Context, task_id: str, reason: str) -> Answer:
    """Cancel a task that waits. One that runs ends by itself, or with its machine."""
    with histories.opened(histories.settings(context)) as history:
        task = history.tasks.get(task_id)
        if task is None:
            raise UsageError("cancel", task_id, "there is no such task", hint="`restoredrill queue list`")
        change = {
            "state": TaskState.CANCELLED,
            "reason": f"cancelled by {config.user()}: {reason}",
            "ended_at": clock.utcnow(),
        }
        final = task.model_copy(update=change)
        if not history.tasks.update(final, TaskState.WAITING):
            hint = "`restoredrill reap` and the page of leases end machines"
            raise UsageError("cancel", task_id, "it does not wait any more", hint=hint)
        VaultTasks(wiring.vault(context.database(task.database), "restore")).keep(final)
    return Answer(final, f"cancelled {task.kind} {task.id} of {task.database}")
