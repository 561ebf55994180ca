"""What the API needs of the world. Their comments are the contract; every method may be called from several
threads, and raises errors of restoredrill.errors, which are answered as problems.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from restoredrill.ledger import History
from restoredrill.model import Event, Lease, Report
from restoredrill.records import Task


class Papers(Protocol):
    """What lies in the vaults. Of ids that are well-formed, and databases that have a file."""

    def report(self, database: str, drill: str) -> Report | None:
        """None: there is none (yet)."""

    def events(self, database: str, drill: str) -> Sequence[Event]:
        """What its agent has told so far, oldest first; nothing of a drill that nobody knows."""


class Estate(Protocol):
    """What lives now, on this host and in the cloud."""

    def leases(self) -> Sequence[Lease]: ...

    def extend(self, lease: Lease, until: datetime) -> None:
        """Let it live until then."""

    def end(self, lease: Lease) -> None:
        """Now, and all that belongs to it."""


class Orders(Protocol):
    """What a person wants of the controller."""

    def queue(self, task: Task) -> None:
        """Raises `UsageError` where the database's file does not allow it."""

    def cancel(self, final: Task) -> bool:
        """Write down this end of a task, in the history and then in its vault, if it still waits; False if it
        was begun or ended meanwhile.
        """


class World(Protocol):
    """All of it."""

    @property
    def history(self) -> History: ...

    @property
    def papers(self) -> Papers: ...

    @property
    def estate(self) -> Estate: ...

    @property
    def orders(self) -> Orders: ...

    def databases(self) -> Sequence[str]:
        """The names of those that have a file now."""
