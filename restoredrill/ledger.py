"""What the history keeps, as whoever uses it sees it. Their comments are the contract.

The history is an index (promise 2): all of it but what is under way can be made again from the vaults. Every
method may be called from several threads and raises `HistoryError`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from restoredrill.model import Verdict
from restoredrill.records import (
    Alarm,
    AuditEntry,
    BackupRow,
    Delivery,
    DrillRow,
    Kind,
    Notice,
    Task,
)
from restoredrill.standing import Standing


class Tasks(Protocol):
    """What is to be done, is under way, and was."""

    def add(self, task: Task) -> bool:
        """Queue it; False, and nothing changes, if this database's schedule has one of this kind and
        `due_at` already, whatever became of it.
        """

    def update(self, task: Task, expected: str) -> bool:
        """Replace the task of this id, if its state is still `expected`; False if somebody was faster."""

    def open(self) -> tuple[Task, ...]:
        """All that wait or run, first due first."""

    def past(self, database: str | None = None, limit: int = 100) -> tuple[Task, ...]:
        """Final ones, newest first."""

    def get(self, task: str) -> Task | None: ...

    def queued(self) -> dict[tuple[str, Kind], datetime]:
        """Of each database and kind the last time of its schedule that became a task."""


class Proofs(Protocol):
    """Backups and drills, as an index."""

    def note_drills(self, rows: Sequence[DrillRow]) -> None:
        """Add or replace."""

    def note_backups(self, rows: Sequence[BackupRow], gone: Sequence[str] = ()) -> None:
        """Add or replace; `gone` were pruned."""

    def drills(
        self, database: str | None = None, since: datetime | None = None, limit: int = 1000
    ) -> tuple[DrillRow, ...]:
        """Newest first."""

    def backups(self, database: str | None = None) -> tuple[BackupRow, ...]:
        """Newest first."""

    def standings(self, now: datetime, databases: Sequence[str] | None = None) -> dict[str, Standing]:
        """Where each database stands of which there is anything (or each of these): a few queries for all of
        them, the same that `standing` says of one.
        """

    def verdicts(self) -> dict[tuple[str, Verdict], int]:
        """How many drills of each verdict there are, by database."""

    def spent_usd(self, since: datetime) -> float:
        """Of all drills and backups that started since then, those under way with what they are expected to
        cost.
        """


class Outbox(Protocol):
    """Notices on their way."""

    def post(self, notice: Notice, addresses: Sequence[str]) -> bool:
        """Queue it for each address; False if there was one of this key already."""

    def due(self, now: datetime, limit: int = 100) -> tuple[Delivery, ...]:
        """What is to be tried now."""

    def tried(self, delivery: Delivery) -> None:
        """Write down how a try went."""

    def undelivered(self) -> tuple[Delivery, ...]:
        """Those given up, newest first."""


class Alarms(Protocol):
    """What is wrong right now, and who did what."""

    def stand(self, alarms: Sequence[Alarm]) -> tuple[tuple[Alarm, ...], tuple[Alarm, ...]]:
        """These and no others are wrong now; returns those that are new and those that are over. One that
        stood already keeps its `since`.
        """

    def standing(self) -> tuple[Alarm, ...]:
        """As of the last `stand`."""

    def audit(self, entry: AuditEntry) -> None:
        """Never changed, never deleted before the history's own retention."""

    def audited(self, limit: int = 200) -> tuple[AuditEntry, ...]:
        """Newest first."""


class History(Protocol):
    """All of it, behind one URL."""

    @property
    def tasks(self) -> Tasks: ...

    @property
    def proofs(self) -> Proofs: ...

    @property
    def outbox(self) -> Outbox: ...

    @property
    def alarms(self) -> Alarms: ...

    def lead(self) -> bool:
        """Is this process the one that decides? With PostgreSQL an advisory lock held by a session of its
        own (False while another holds it, and as soon as that session is lost); with SQLite a lock on the
        file.
        """
