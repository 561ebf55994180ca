"""What the pages need of the world, beside what the API needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from restoredrill.configuration import Loaded
from restoredrill.records import Kind
from restoredrill.web.api.needs import World


@dataclass(frozen=True)
class Planned:
    """What a drill would do, in the words of `drill --dry-run`, and its price; or why it can't be."""

    text: str
    usd: float | None = None  # None: nobody is paid
    possible: bool = True


class Desk(World, Protocol):
    """The world of the pages. Raises errors of restoredrill.errors."""

    def loaded(self) -> Loaded:
        """The files in force."""

    def upcoming(self, database: str) -> Sequence[tuple[Kind, datetime]]:
        """The next runs, soonest first."""

    def plan(self, database: str, backup: str | None, machine: str | None, keep_s: float | None) -> Planned:
        """Nothing is done and nothing costs anything."""
