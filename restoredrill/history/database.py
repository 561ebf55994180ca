"""The history behind one URL, put together (`ledger.History`)."""

from types import TracebackType
from typing import Self

from sqlalchemy import Engine

from restoredrill.history.access import Access
from restoredrill.history.alarms import DatabaseAlarms
from restoredrill.history.index import Index
from restoredrill.history.leading import Leader
from restoredrill.history.outbox import DatabaseOutbox
from restoredrill.history.proofs import DatabaseProofs
from restoredrill.history.tasks import DatabaseTasks


class DatabaseHistory:
    """See `ledger.History`; `index` is for `sync` and for retention."""

    def __init__(self, access: Access, leader: Leader) -> None:
        self._access = access
        self._leader = leader
        self.tasks = DatabaseTasks(access)
        self.proofs = DatabaseProofs(access)
        self.outbox = DatabaseOutbox(access)
        self.alarms = DatabaseAlarms(access)
        self.index = Index(access)

    @property
    def shared(self) -> Engine | None:
        """Where it is on a server: for what else whoever leads next has to know. None: it is a file."""
        return self._access.engine if self._access.postgres else None

    def lead(self) -> bool:
        """See `History.lead`. A child made by fork(2) alone would share a file's lock: start programs."""
        return self._leader.lead()

    def resign(self) -> None:
        """Let another process lead, at once."""
        self._leader.resign()

    def close(self) -> None:
        """Resign, and close every connection."""
        self.resign()
        self._access.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
