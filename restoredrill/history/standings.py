"""Where every database stands, in a few queries for all of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, Table, and_, exists, func, select

from restoredrill.history import schema
from restoredrill.history.access import portions, restored
from restoredrill.model import Verdict
from restoredrill.records import BackupRow, DrillRow
from restoredrill.standing import Standing, month_of

_drills, _backups = schema.drills, schema.backups
_proven = exists().where(
    _drills.c.database == _backups.c.database,
    _drills.c.backup == _backups.c.backup,
    _drills.c.verdict == Verdict.PASSED.value,
)


def gather(
    connection: Connection, now: datetime, databases: Sequence[str] | None = None
) -> dict[str, Standing]:
    """See `ledger.Proofs.standings`."""
    if databases is None:
        return _gather(connection, now, None)
    found: dict[str, Standing] = {}
    for some in portions(databases):
        found |= _gather(connection, now, some)
    return found


def _gather(connection: Connection, now: datetime, some: Sequence[str] | None) -> dict[str, Standing]:
    newest = _newest_drills(connection, some)
    backups = _first(connection, _backups.c.taken_at.desc(), some)
    unproven = _first(connection, _backups.c.taken_at.asc(), some, ~_proven)
    retained = _summed(connection, _backups, func.count(), some)
    verified = _summed(connection, _backups, func.count(), some, _proven)
    month = _drills.c.started_at >= month_of(now)
    spent = _summed(connection, _drills, func.sum(_drills.c.usd), some, month)
    return {
        name: _standing(
            name,
            newest.get(name, {}),
            backups=int(retained.get(name, 0)),
            verified=int(verified.get(name, 0)),
            newest_backup=backups.get(name),
            oldest_unverified=unproven.get(name),
            usd_this_month=float(spent.get(name, 0.0)),
        )
        for name in sorted({*newest, *backups})
    }


def _standing(name: str, drills: dict[str, DrillRow], **known: Any) -> Standing:
    """`drills`: the newest of each verdict, lesser passes apart."""
    last = max(drills.values(), key=lambda row: (row.started_at, row.drill), default=None)
    told = [row for row in drills.values() if row.told]
    newest_told = max(told, key=lambda row: (row.started_at, row.drill), default=None)
    passed = next((row for row in told if row.proves), None)
    return Standing(
        name, proven=passed is not None and newest_told is passed, last_drill=last, last_pass=passed, **known
    )


def _newest_drills(connection: Connection, some: Sequence[str] | None) -> dict[str, dict[str, DrillRow]]:
    order = (_drills.c.started_at.desc(), _drills.c.drill.desc())
    place = func.row_number().over(partition_by=(_drills.c.database, _drills.c.verdict), order_by=order)
    query = select(_drills.c.verdict, _drills.c.document, place.label("place"))
    ranked = _of(query, _drills, some).subquery()
    found: dict[str, dict[str, DrillRow]] = {}
    newest = select(ranked.c.verdict, ranked.c.document).where(ranked.c.place == 1)
    for told, stored in connection.execute(newest):
        row = restored(DrillRow, stored)
        found.setdefault(row.database, {})[told] = row
    return found


def _first(
    connection: Connection, order: Any, some: Sequence[str] | None, *conditions: Any
) -> dict[str, BackupRow]:
    """Of each database the first backup in this order."""
    place = func.row_number().over(partition_by=_backups.c.database, order_by=(order, _backups.c.backup))
    query = select(_backups.c.document, place.label("place")).where(and_(True, *conditions))
    ranked = _of(query, _backups, some).subquery()
    rows = connection.scalars(select(ranked.c.document).where(ranked.c.place == 1))
    return {row.database: row for row in (restored(BackupRow, stored) for stored in rows)}


def _summed(
    connection: Connection, table: Table, what: Any, some: Sequence[str] | None, *conditions: Any
) -> dict[str, Any]:
    query = select(table.c.database, what).where(and_(True, *conditions)).group_by(table.c.database)
    return {row[0]: row[1] for row in connection.execute(_of(query, table, some))}


def _of(query: Select[Any], table: Table, some: Sequence[str] | None) -> Select[Any]:
    return query if some is None else query.where(table.c.database.in_(some))
