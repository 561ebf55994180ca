"""`restoredrill reap`: end machines that outlived their lease, and what a killed drill or backup has left."""

from collections.abc import Callable, Sequence

import click

from restoredrill import clock
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.cli.places import Place, Unseen, each, places, region_option
from restoredrill.errors import Exit
from restoredrill.machines import reaper
from restoredrill.machines.reaper import Reaped


@new_command
@click.option("--dry-run", is_flag=True, help="Say what would be ended and end nothing.")
@region_option
def command(context: Context, dry_run: bool, regions: tuple[str, ...]) -> Answer:
    """End every machine whose lease is over or whose drill is gone: on this host, and in every region that a
    file or --region names. Needs no file; touches nothing that does not carry our tag.
    """
    found = places(context, regions)
    if dry_run:
        reaped, unseen = _over(found)
    else:
        reaped, unseen = _ended(found, context.tell)
    left = any(one.problem is not None for one in reaped)
    status = Exit.LEFTOVERS if left or unseen else Exit.PASSED
    document = {"dry_run": dry_run, "reaped": reaped, "unseen": unseen}
    return Answer(document, _text(reaped, unseen, dry_run), status)


def end_overdue(context: Context, say: Callable[[str], None]) -> tuple[Reaped, ...]:
    """End whatever is overdue in any place that a file names, one line of `say` for each, and for each place
    that could not be looked at.
    """
    reaped, unseen = _ended(places(context, ()), say)
    for one in unseen:
        say(_blind(one))
    return reaped


def _ended(
    found: Sequence[Place], say: Callable[[str], None]
) -> tuple[tuple[Reaped, ...], tuple[Unseen, ...]]:
    seen, unseen = each(found, lambda place: reaper.reap(place.estate(), clock.utcnow(), say, place.at_once))
    return tuple(one for some in seen for one in some), unseen


def _over(found: Sequence[Place]) -> tuple[tuple[Reaped, ...], tuple[Unseen, ...]]:
    seen, unseen = each(found, lambda place: reaper.overdue(place.estate().leases(), clock.utcnow()))
    return tuple(one for some in seen for one in some), unseen


def _blind(one: Unseen) -> str:
    return f"could not look at {one.place}: {one.problem}"


def _text(reaped: Sequence[Reaped], unseen: Sequence[Unseen], dry_run: bool) -> str:
    blind = [_blind(one) for one in unseen]
    if not reaped:
        nothing = "nothing else outlived its lease" if blind else "nothing outlived its lease"
        return "\n".join([*blind, nothing])
    verb = "would end" if dry_run else "ended"
    lines = [f"{verb} {_named(one)}: {one.reason}" for one in reaped if one.problem is None]
    lines += [f"still there: {one.lease.machine}: {one.problem}" for one in reaped if one.problem]
    return "\n".join(lines + blind)


def _named(one: Reaped) -> str:
    where = f", {one.lease.region}" if one.lease.region else ""
    return f"{one.lease.machine} ({one.lease.database or 'unknown'}{where})"
