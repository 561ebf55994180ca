"""What the index knows of a vault, taken up and let go in bulk: for `sync`, `rebuild` and retention."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, delete, exists, select, tuple_

from restoredrill.history import schema
from restoredrill.history.access import Access, portions, upsert
from restoredrill.history.proofs import backup_columns, drill_columns
from restoredrill.history.tasks import columns
from restoredrill.records import BackupRow, DrillRow, Task

_PORTION = 5000  # rows in one transaction, a tenth of a second or so


@dataclass(frozen=True)
class Known:
    """Ids of a database that need not be fetched; of backups and drills those that say nothing, too."""

    backups: frozenset[str]
    drills: frozenset[str]
    tasks: frozenset[str]
    blanks: frozenset[tuple[str, str]]  # kind and id


@dataclass
class Findings:
    """What was found in a vault; `settled`: drills whose report will not change any more."""

    backups: list[BackupRow] = field(default_factory=list)
    drills: list[DrillRow] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    settled: set[str] = field(default_factory=set)
    blanks: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Forgotten:
    """How much retention took."""

    drills: int
    tasks: int
    notices: int
    audit: int


class Index:
    """The bulk side of one history."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def known(self, database: str) -> Known:
        """What need not be fetched again. Raises `HistoryError`."""
        drills, backups, tasks, blanks = schema.drills, schema.backups, schema.tasks, schema.blanks
        settled = (drills.c.database == database, drills.c.settled.is_(True))
        final = (tasks.c.database == database, tasks.c.settled_at.is_not(None))
        with self._access.reading("what is known") as connection:
            return Known(
                backups=_ids(connection, backups, "backup", backups.c.database == database),
                drills=_ids(connection, drills, "drill", *settled),
                tasks=_ids(connection, tasks, "id", *final),
                blanks=frozenset(
                    (row.kind, row.id)
                    for row in connection.execute(
                        select(blanks.c.kind, blanks.c.id).where(blanks.c.database == database)
                    )
                ),
            )

    def take(self, database: str, found: Findings, gone: Sequence[str] = ()) -> None:
        """Add or replace what was found; `gone`: backups that the vault has no more."""
        with self._access.writing("what the vault holds") as connection:
            self._take(connection, database, found)
            for some in portions(gone):
                table = schema.backups
                connection.execute(
                    delete(table).where(table.c.database == database, table.c.backup.in_(some))
                )

    def replace(self, database: str, found: Findings) -> None:
        """What was found, and nothing else, is what there was; tasks that wait or run stay."""
        tasks = schema.tasks
        with self._access.writing("what the vault holds") as connection:
            for table in (schema.drills, schema.backups, schema.blanks):
                connection.execute(delete(table).where(table.c.database == database))
            connection.execute(
                delete(tasks).where(tasks.c.database == database, tasks.c.settled_at.is_not(None))
            )
            self._take(connection, database, found)

    def forget(self, before: datetime, before_id: str) -> Forgotten:
        """Let go what is older: drills and final tasks by their id, what was told or done by its time; in
        portions, so that nobody waits long for a turn. Backups are the vault's, and what waits is nobody's to
        drop.
        """
        drills, tasks, notices, audit = schema.drills, schema.tasks, schema.notices, schema.audit
        sent, blanks = schema.deliveries, schema.blanks
        pending = exists().where(sent.c.key == notices.c.key, sent.c.pending_at.is_not(None))
        self._drop(blanks, blanks.c.id < before_id, blanks.c.kind != "backup")
        return Forgotten(
            drills=self._drop(drills, drills.c.started_at < before, drills.c.drill < before_id),
            tasks=self._drop(tasks, tasks.c.id < before_id, tasks.c.settled_at.is_not(None)),
            notices=self._drop(notices, notices.c.at < before, ~pending),
            audit=self._drop(audit, audit.c.at < before),
        )

    def _drop(self, table: Table, *which: ColumnElement[bool]) -> int:
        """Delete these rows, and how many they were."""
        keys = list(table.primary_key)
        some = select(*keys).where(*which).limit(_PORTION)
        sent, dropped = schema.deliveries, 0
        if table is schema.notices:  # asked for twice, it must be the same portion
            some = some.order_by(table.c.at, table.c.key)
        while True:
            with self._access.writing("less") as connection:
                if table is schema.notices:
                    connection.execute(delete(sent).where(sent.c.key.in_(some)))
                count = connection.execute(delete(table).where(tuple_(*keys).in_(some))).rowcount
            dropped += count
            if count < _PORTION:
                return dropped

    def _take(self, connection: Connection, database: str, found: Findings) -> None:
        drills = [drill_columns(row, row.drill in found.settled) for row in found.drills]
        upsert(self._access, connection, schema.drills, drills)
        upsert(self._access, connection, schema.backups, [backup_columns(row) for row in found.backups])
        blanks = [{"database": database, "kind": kind, "id": one} for kind, one in sorted(set(found.blanks))]
        upsert(self._access, connection, schema.blanks, blanks)
        self._take_tasks(connection, database, found.tasks)

    def _take_tasks(self, connection: Connection, database: str, found: Sequence[Task]) -> None:
        """The vault's word about a task is the last one. One whose time another task holds is kept beside it:
        both were, whatever a lost history has led to.
        """
        if not found:
            return
        table = schema.tasks
        held = select(table.c.id, table.c.kind, table.c.slot).where(
            table.c.database == database, table.c.slot.is_not(None)
        )
        holders = {(row.kind, row.slot): row.id for row in connection.execute(held)}
        rows = []
        for task in sorted(found, key=lambda one: one.id):
            slot = task.due_at if task.asked_by == "schedule" else None
            if slot is not None and holders.setdefault((task.kind, slot), task.id) != task.id:
                slot = None
            rows.append(
                {"id": task.id, "database": database, "kind": task.kind, "slot": slot, **columns(task)}
            )
        upsert(self._access, connection, table, rows)


def _ids(connection: Connection, table: Table, name: str, *which: ColumnElement[bool]) -> frozenset[str]:
    return frozenset(connection.scalars(select(table.c[name]).where(*which)))
