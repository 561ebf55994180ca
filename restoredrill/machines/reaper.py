"""What outlived its lease, and its end. Looks at what lives, never at notes of our own (promise 4)."""

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime

from restoredrill.errors import RestoredrillError
from restoredrill.model import Lease
from restoredrill.protocols import Estate


@dataclass(frozen=True)
class Reaped:
    """One machine that had to go: why, and what went wrong if it is still there."""

    lease: Lease
    reason: str
    problem: str | None = None


def overdue(leases: Sequence[Lease], now: datetime) -> tuple[Reaped, ...]:
    """Whose time is over, or whose user is gone. Pure."""
    expired = ((lease, f"its lease ended {lease.expires_at:%Y-%m-%d %H:%M:%S} UTC") for lease in leases)
    return tuple(
        Reaped(lease, reason if lease.expires_at <= now else "whatever worked in it is gone")
        for lease, reason in expired
        if lease.expires_at <= now or lease.orphan
    )


def reap(estate: Estate, now: datetime, say: Callable[[str], None], at_once: int = 1) -> tuple[Reaped, ...]:
    """End everything overdue, then look at what is left; one that resists does not save the others.

    `at_once`: so many ends are waited for at the same time, where the estate can be used by several threads.
    """
    leases = estate.leases()
    over = overdue(leases, now)
    ending = {one.lease.machine for one in over}
    alive = frozenset(lease.drill for lease in leases if lease.machine not in ending)
    with ThreadPoolExecutor(max_workers=max(1, at_once)) as pool:
        each = pool.map if at_once > 1 else map
        ended = tuple(each(functools.partial(_end, estate, say), over))
        return tuple(each(functools.partial(_look, estate, alive), ended))


def _end(estate: Estate, say: Callable[[str], None], one: Reaped) -> Reaped:
    say(f"ending {one.lease.machine}: {one.reason}")
    try:
        estate.terminate(one.lease.machine)
    except RestoredrillError as error:
        return replace(one, problem=str(error))
    return one


def _look(estate: Estate, alive: frozenset[str], one: Reaped) -> Reaped:
    """Of an errand that has another machine with time left, only what was ended must be gone."""
    if one.problem is not None:
        return one
    try:
        left = estate.leftovers(one.lease.drill)
    except RestoredrillError as error:
        return replace(one, problem=str(error))
    if one.lease.drill in alive:
        left = tuple(name for name in left if one.lease.machine in name)
    return replace(one, problem=", ".join(left) or None)
