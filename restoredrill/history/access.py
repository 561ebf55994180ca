"""Connections and transactions: the same for whatever is kept in the history."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Table, text
from sqlalchemy.dialects import postgresql, sqlite

from restoredrill.document import Document
from restoredrill.history.errors import translated

WRITES = "restoredrill_writes"  # the execution option of a transaction that will write
AT_ONCE = 500  # values in one statement: SQLite takes 32,766 at the most
_LOCK_CLASS = 0x72646C  # of our advisory locks; the second number says what is locked
_LOCKS = {"migrate": 1, "alarms": 2, "lead": 3}
_D = TypeVar("_D", bound=Document)

Insert = postgresql.Insert | sqlite.Insert


class Access:
    """One database behind an engine; `thing` is how it is called in an error."""

    def __init__(self, engine: Engine, thing: str) -> None:
        self.engine = engine
        self.thing = thing
        self.postgres = engine.dialect.name == "postgresql"
        self._writing = engine.execution_options(**{WRITES: True})

    @contextlib.contextmanager
    def reading(self, what: str) -> Iterator[Connection]:
        """A transaction that sees one state. Raises `HistoryError`."""
        with translated(f"read {what} from", self.thing), self.engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self, what: str) -> Iterator[Connection]:
        """A transaction that is there wholly or not at all. Raises `HistoryError`."""
        with translated(f"write {what} to", self.thing), self._writing.begin() as connection:
            yield connection

    def insert(self, table: Table) -> Insert:
        """An INSERT that may say ON CONFLICT, which both databases know and SQL does not."""
        return postgresql.insert(table) if self.postgres else sqlite.insert(table)

    def added(self, connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
        """Add a row, unless something that must be unique is there already: then False."""
        insert = self.insert(table).values(**row).on_conflict_do_nothing()
        return connection.execute(insert, execution_options={"preserve_rowcount": True}).rowcount == 1

    def alone(self, connection: Connection, what: str) -> None:
        """Until the transaction ends nobody else is in here; SQLite has one writer anyway."""
        if self.postgres:
            connection.execute(text("SELECT pg_advisory_xact_lock(:a, :b)"), lock_numbers(what))


def lock_numbers(what: str) -> dict[str, int]:
    """The numbers of an advisory lock, the same in every version."""
    return {"a": _LOCK_CLASS, "b": _LOCKS[what]}


def upsert(access: Access, connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add rows or replace those with the same primary key; always in the same order, so that two who do it
    at once can't wait for each other.
    """
    if not rows:
        return
    keys = [column.name for column in table.primary_key]
    ordered = sorted(rows, key=lambda row: tuple(row[key] for key in keys))
    insert = access.insert(table)
    changed = {name: insert.excluded[name] for name in rows[0] if name not in keys}
    if changed:
        insert = insert.on_conflict_do_update(index_elements=keys, set_=changed)
    else:
        insert = insert.on_conflict_do_nothing()
    connection.execute(insert, [dict(row) for row in ordered])


def written(document: Document) -> str:
    """A document as it is stored."""
    return document.model_dump_json(by_alias=True)


def restored(kind: type[_D], stored: str) -> _D:
    """What `written` wrote, maybe by another version."""
    return kind.model_validate_json(stored)


def portions(values: Sequence[str]) -> Iterator[Sequence[str]]:
    """Few enough for one statement."""
    for start in range(0, len(values), AT_ONCE):
        yield values[start : start + AT_ONCE]
