"""Machines that were asked for and that no look has found yet: EC2 shows them some seconds later, and where
the answer was lost nobody knows if there is one.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass

from restoredrill import clock
from restoredrill.machines.ec2 import tags
from restoredrill.machines.ec2.account import Found


@dataclass(frozen=True)
class _Awaited:
    since_s: float
    machine: str | None = None  # None: no answer so far


class Sight:
    """What is still to come into sight; after `visible_s` it is expected no more. Any thread may ask."""

    def __init__(self, visible_s: float) -> None:
        self._visible_s = visible_s
        self._lock = threading.Lock()
        self._awaited: dict[tuple[str, int], _Awaited] = {}

    def asked(self, errand: str, attempt: int, machine: str | None = None) -> None:
        """From now on one of this attempt may appear."""
        with self._lock:
            self._awaited[errand, attempt] = _Awaited(clock.monotonic_s(), machine)

    def refused(self, errand: str, attempt: int) -> None:
        """There is none, and EC2 said so."""
        with self._lock:
            self._awaited.pop((errand, attempt), None)

    def seen(self, found: Iterable[Found]) -> None:
        """These are in sight."""
        with self._lock:
            for one in found:
                self._awaited.pop((one.errand, tags.attempt(one.tags)), None)

    def awaits(self, machine: str) -> bool:
        """Is this machine, or one of this errand, still to appear?"""
        oldest_s = clock.monotonic_s() - self._visible_s
        with self._lock:
            return any(
                one.since_s > oldest_s and machine in (errand, one.machine)
                for (errand, _), one in self._awaited.items()
            )
