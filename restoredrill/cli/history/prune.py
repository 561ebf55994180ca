"""`restoredrill history prune`: let go what is older than `history.keep`."""

from restoredrill import clock
from restoredrill.cli import histories
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.durations import format_duration


@new_command
def command(context: Context) -> Answer:
    """Drop drills, tasks, notices and audit entries that are older than `history.keep` of `_service.yaml`
    from the index. The vaults keep theirs.
    """
    named = histories.settings(context)
    with histories.opened(named) as history:
        from restoredrill.history.sync import prune

        gone = prune(history, keep_s=named.keep_s, now=clock.utcnow())
    words = f"{gone.drills} drills, {gone.tasks} tasks, {gone.notices} notices and {gone.audit} audit entries"
    return Answer(gone, f"dropped what is older than {format_duration(named.keep_s)}: {words}")
