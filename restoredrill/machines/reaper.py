"""What outlived its lease, and its end. Looks at what lives, never at notes of our own (promise 4)."""

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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
    """End everything overdue; one that resists does not save the others.

    `at_once`: so many ends are waited for at the same time, where the estate can be used by several threads.
    """
    over = overdue(estate.leases(), now)
    end = functools.partial(_end, estate, say=say)
    if at_once <= 1 or len(over) <= 1:
        return tuple(map(end, over))
    with ThreadPoolExecutor(max_workers=min(at_once, len(over))) as pool:
        return tuple(pool.map(end, over))


def _end(estate: Estate, one: Reaped, say: Callable[[str], None]) -> Reaped:
    say(f"ending {one.lease.machine}: {one.reason}")
    try:
        estate.terminate(one.lease.machine)
        left = estate.leftovers(one.lease.drill)
    except RestoredrillError as error:
        return Reaped(one.lease, one.reason, str(error))
    return Reaped(one.lease, one.reason, ", ".join(left) or None)
