"""`restoredrill reap`: end machines that outlived their lease, and what a killed drill or backup has left."""

from collections.abc import Callable, Sequence
from pathlib import Path

import click

from restoredrill import clock, wiring
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.config import machines_directory
from restoredrill.errors import Exit, RestoredrillError
from restoredrill.machines import reaper
from restoredrill.machines.local import LocalMachine
from restoredrill.machines.reaper import Reaped


@new_command
@click.option("--dry-run", is_flag=True, help="Say what would be ended and end nothing.")
def command(context: Context, dry_run: bool) -> Answer:
    """End every machine on this host whose lease is over or whose drill is gone. Needs no file."""
    reaped = _overdue(context) if dry_run else end_overdue(context, context.tell)
    left = [one for one in reaped if one.problem is not None]
    status = Exit.LEFTOVERS if left else Exit.PASSED
    return Answer({"dry_run": dry_run, "reaped": reaped}, _text(reaped, dry_run), status)


def end_overdue(context: Context, say: Callable[[str], None]) -> tuple[Reaped, ...]:
    """End whatever is overdue in any place that a file names, one line of `say` for each."""
    machines = (LocalMachine(directory, {}) for directory in _directories(context))
    return tuple(one for machine in machines for one in reaper.reap(machine, clock.utcnow(), say))


def _overdue(context: Context) -> tuple[Reaped, ...]:
    machines = (LocalMachine(directory, {}) for directory in _directories(context))
    return tuple(one for machine in machines for one in reaper.overdue(machine.leases(), clock.utcnow()))


def _directories(context: Context) -> tuple[Path, ...]:
    """The usual place, and those that files name; a reaper must work where no file can be read."""
    found = {machines_directory()}
    try:
        found |= {wiring.machines_directory(database) for database in context.databases().values()}
    except RestoredrillError as error:
        if context.schedules.exists():
            context.warn(f"only the usual place is looked at: {error}")
    return tuple(sorted(found))


def _text(reaped: Sequence[Reaped], dry_run: bool) -> str:
    if not reaped:
        return "nothing outlived its lease"
    verb = "would end" if dry_run else "ended"
    lines = [
        f"{verb} {one.lease.machine} ({one.lease.database or 'unknown'}): {one.reason}" for one in reaped
    ]
    return "\n".join(
        lines + [f"still there: {one.lease.machine}: {one.problem}" for one in reaped if one.problem]
    )
