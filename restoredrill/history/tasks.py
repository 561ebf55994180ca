"""What is to be done, is under way, and was (`ledger.Tasks`)."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update

from restoredrill.errors import HistoryError
from restoredrill.history import schema
from restoredrill.history.access import Access, restored, written
from restoredrill.records import Kind, Task

_table = schema.tasks


class DatabaseTasks:
    """See `ledger.Tasks`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def add(self, task: Task) -> bool:
        """See `Tasks.add`. The same task may be added again. Raises `HistoryError` too, if another one has
        its id.
        """
        slot = task.due_at if task.asked_by == "schedule" else None
        row = {"id": task.id, "database": task.database, "kind": task.kind, "slot": slot, **columns(task)}
        with self._access.writing("a task") as connection:
            inserted = self._access.added(connection, _table, row)
            holder = None
            if not inserted:
                mine = select(_table.c.database, _table.c.kind).where(_table.c.id == task.id)
                holder = connection.execute(mine).one_or_none()
        if holder is not None and tuple(holder) != (task.database, task.kind):
            reason = f"a {holder.kind} of {holder.database} has this id"
            raise HistoryError("queue", task.id, reason, hint="make another id and add it again")
        return inserted

    def update(self, task: Task, expected: str) -> bool:
        """See `Tasks.update`: one statement compares and sets."""
        change = (
            update(_table).where(_table.c.id == task.id, _table.c.state == expected).values(**columns(task))
        )
        with self._access.writing("a task") as connection:
            return connection.execute(change).rowcount == 1

    def open(self) -> tuple[Task, ...]:
        """See `Tasks.open`."""
        query = select(_table.c.document).where(_table.c.settled_at.is_(None))
        return self._found(query.order_by(_table.c.due_at, _table.c.id))

    def past(self, database: str | None = None, limit: int = 100) -> tuple[Task, ...]:
        """See `Tasks.past`."""
        query = select(_table.c.document).where(_table.c.settled_at.is_not(None))
        if database is not None:
            query = query.where(_table.c.database == database)
        return self._found(query.order_by(_table.c.settled_at.desc(), _table.c.id.desc()).limit(limit))

    def get(self, task: str) -> Task | None:
        """See `Tasks.get`."""
        found = self._found(select(_table.c.document).where(_table.c.id == task))
        return found[0] if found else None

    def queued(self) -> dict[tuple[str, Kind], datetime]:
        """See `Tasks.queued`."""
        key = (_table.c.database, _table.c.kind)
        query = select(*key, func.max(_table.c.slot)).where(_table.c.slot.is_not(None)).group_by(*key)
        with self._access.reading("tasks") as connection:
            return {(row[0], row[1]): row[2] for row in connection.execute(query)}

    def _found(self, query: Any) -> tuple[Task, ...]:
        with self._access.reading("tasks") as connection:
            return tuple(restored(Task, stored) for stored in connection.scalars(query))


def columns(task: Task) -> dict[str, Any]:
    """What may change of a task's row."""
    return {
        "due_at": task.due_at,
        "state": task.state.value,
        "settled_at": (task.ended_at or task.due_at) if task.state.final else None,
        "started_at": task.started_at,
        "usd": task.usd,
        "document": written(task),
    }
