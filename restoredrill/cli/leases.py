"""`restoredrill leases`: what lives now, here and in the cloud, since when, until when, and at what price."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from restoredrill import clock
from restoredrill.cli import places
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.cli.places import Unseen, region_option
from restoredrill.errors import Exit
from restoredrill.model import Lease
from restoredrill.reports import units
from restoredrill.reports.escaping import visible

_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Living:
    """A lease as it stands at one instant."""

    lease: Lease
    age_s: float
    left_s: float  # negative: it should be gone
    usd: float | None  # so far; None: nobody pays, or the price is not known

    @property
    def overdue(self) -> bool:
        return self.left_s <= 0 or self.lease.orphan


@new_command
@region_option
def command(context: Context, regions: tuple[str, ...]) -> Answer:
    """List every machine that lives: on this host, and in every region that a file or --region names.

    Exit status 4: something outlived its lease; 3: a place could not be looked at.
    """
    leases, unseen = places.living(context, regions)
    living = at(clock.utcnow(), leases)
    status = Exit.PASSED
    if unseen:
        status = Exit.INCONCLUSIVE
    if any(one.overdue for one in living):
        status = Exit.LEFTOVERS
    return Answer(_document(living, unseen), text(living, unseen), status)


def at(now: datetime, leases: Iterable[Lease]) -> tuple[Living, ...]:
    """Each machine once, those that should be gone first, then the dearest."""
    once = {(lease.provider, lease.region, lease.machine): lease for lease in leases}
    living = [_living(lease, now) for lease in once.values()]
    return tuple(sorted(living, key=lambda one: (not one.overdue, -(one.usd or 0), one.lease.machine)))


def _living(lease: Lease, now: datetime) -> Living:
    age = max(now - lease.started_at, timedelta(0))
    usd = None if lease.usd_per_hour is None else age / _HOUR * lease.usd_per_hour
    return Living(lease, age.total_seconds(), (lease.expires_at - now).total_seconds(), usd)


def text(living: Sequence[Living], unseen: Sequence[Unseen]) -> str:
    """Two lines a machine, and a sum."""
    lines = [line for one in living for line in (_first(one), _second(one))]
    lines += [f"could not look at {one.place}: {one.problem}" for one in unseen]
    return "\n".join([*lines, _sum(living, unseen)])


def _first(one: Living) -> str:
    lease = one.lease
    where = " ".join(filter(None, (lease.provider, lease.type, lease.region)))
    return visible(f"{lease.machine}  {lease.database or 'unknown database'}  {where}  {_until(one)}")


def _until(one: Living) -> str:
    if one.left_s <= 0:
        return f"OVERDUE by {units.duration(-one.left_s)}"
    left = f"ends in {units.duration(one.left_s)}"
    return f"ORPHAN, {left}" if one.lease.orphan else left


def _second(one: Living) -> str:
    lease = one.lease
    price = "costs nothing" if lease.provider == "local" else "price not known"
    if one.usd is not None and lease.usd_per_hour is not None:
        price = f"{units.money(one.usd)} so far at {units.money(lease.usd_per_hour)} an hour"
    parts = (f"errand {lease.drill}", f"{units.duration(one.age_s)} old", price, lease.detail)
    return visible("  " + ", ".join(filter(None, parts)))


def _sum(living: Sequence[Living], unseen: Sequence[Unseen]) -> str:
    if not living:
        return "nothing was found where one could look" if unseen else "nothing lives"
    total = _total(living)
    machines = "1 lives" if len(living) == 1 else f"{len(living):,} live"
    spent = f"{units.money(total['usd'])} so far, {units.money(total['usd_per_hour'])} an hour"
    late = f"; {total['overdue']:,} should be gone: `restoredrill reap`" if total["overdue"] else ""
    return f"{machines}, {spent}{late}"


def _total(living: Sequence[Living]) -> dict[str, Any]:
    return {
        "machines": len(living),
        "overdue": sum(one.overdue for one in living),
        "usd": sum(one.usd or 0.0 for one in living),
        "usd_per_hour": sum(one.lease.usd_per_hour or 0.0 for one in living),
    }


def _document(living: Sequence[Living], unseen: Sequence[Unseen]) -> dict[str, Any]:
    leases = [
        one.lease.model_dump(mode="json")
        | {"age_s": one.age_s, "left_s": one.left_s, "usd": one.usd, "overdue": one.overdue}
        for one in living
    ]
    return {"leases": leases, "unseen": unseen, "total": _total(living)}
