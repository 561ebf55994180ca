"""Backups and drills, as an index (`ledger.Proofs`)."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, exists, func, literal_column, select

from restoredrill.history import schema, standings
from restoredrill.history.access import Access, portions, restored, upsert, written
from restoredrill.model import Verdict
from restoredrill.records import BackupRow, DrillRow
from restoredrill.standing import Standing


class DatabaseProofs:
    """See `ledger.Proofs`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def note_drills(self, rows: Sequence[DrillRow]) -> None:
        """See `Proofs.note_drills`. The next `sync` looks once more whether the vault says the same."""
        with self._access.writing("drills") as connection:
            upsert(self._access, connection, schema.drills, [drill_columns(row, False) for row in rows])

    def note_backups(self, rows: Sequence[BackupRow], gone: Sequence[str] = ()) -> None:
        """See `Proofs.note_backups`."""
        with self._access.writing("backups") as connection:
            upsert(self._access, connection, schema.backups, [backup_columns(row) for row in rows])
            for some in portions(gone):
                connection.execute(delete(schema.backups).where(schema.backups.c.backup.in_(some)))

    def drills(
        self, database: str | None = None, since: datetime | None = None, limit: int = 1000
    ) -> tuple[DrillRow, ...]:
        """See `Proofs.drills`."""
        table = schema.drills
        query = select(table.c.document)
        if database is not None:
            query = query.where(table.c.database == database)
        if since is not None:
            query = query.where(table.c.started_at >= since)
        query = query.order_by(table.c.started_at.desc(), table.c.drill.desc(), table.c.database).limit(limit)
        with self._access.reading("drills") as connection:
            return tuple(restored(DrillRow, stored) for stored in connection.scalars(query))

    def backups(self, database: str | None = None) -> tuple[BackupRow, ...]:
        """See `Proofs.backups`."""
        table = schema.backups
        query = select(table.c.document)
        if database is not None:
            query = query.where(table.c.database == database)
        query = query.order_by(table.c.taken_at.desc(), table.c.backup.desc(), table.c.database)
        with self._access.reading("backups") as connection:
            return tuple(restored(BackupRow, stored) for stored in connection.scalars(query))

    def standings(self, now: datetime, databases: Sequence[str] | None = None) -> dict[str, Standing]:
        """See `Proofs.standings`."""
        with self._access.reading("standings") as connection:
            return standings.gather(connection, now, databases)

    def verdicts(self) -> dict[tuple[str, Verdict], int]:
        """See `Proofs.verdicts`."""
        key = (schema.drills.c.database, schema.drills.c.verdict)
        with self._access.reading("drills") as connection:
            rows = connection.execute(select(*key, func.count()).group_by(*key))
            found: Counter[tuple[str, Verdict]] = Counter()
            for database, told, count in rows:
                found[database, Verdict(told.partition(" ")[0])] += count
            return dict(found)

    def spent_usd(self, since: datetime) -> float:
        """See `Proofs.spent_usd`: what reports say, and of what has none yet, what its task says."""
        drills, tasks = schema.drills, schema.tasks
        reported = exists().where(drills.c.database == tasks.c.database, drills.c.drill == tasks.c.id)
        with self._access.reading("costs") as connection:
            proven = connection.scalar(select(_sum(drills)).where(_costly(drills), _since(drills, since)))
            others = select(_sum(tasks)).where(_costly(tasks), _since(tasks, since), ~reported)
            return float(proven or 0.0) + float(connection.scalar(others) or 0.0)


def _sum(table: Table) -> ColumnElement[Any]:
    return func.coalesce(func.sum(table.c.usd), 0.0)


def _costly(table: Table) -> ColumnElement[bool]:
    """As the index has it: SQLite compares the words, so this is no parameter."""
    return table.c.usd > literal_column("0")


def _since(table: Table, since: datetime) -> ColumnElement[bool]:
    return table.c.started_at >= since


def drill_columns(row: DrillRow, settled: bool) -> dict[str, Any]:
    """A drill's row in the table."""
    return {
        "database": row.database,
        "drill": row.drill,
        "started_at": row.started_at,
        "verdict": row.verdict.value if row.told or not row.tier.words else f"{row.verdict} {row.tier}",
        "backup": row.backup,
        "usd": row.usd,
        "settled": settled,
        "document": written(row),
    }


def backup_columns(row: BackupRow) -> dict[str, Any]:
    """A backup's row in the table."""
    return {
        "database": row.database,
        "backup": row.backup,
        "taken_at": row.taken_at,
        "document": written(row),
    }
