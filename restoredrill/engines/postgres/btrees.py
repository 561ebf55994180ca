"""B-trees looked through by PostgreSQL's own amcheck: order, links, and (deep) every row of the table.

The library's functions are declared in the session's own temporary schema: the restored database stays as it
is, whether it has the extension or not.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from restoredrill.engines.postgres.catalog import in_user_schema, ours
from restoredrill.protocols import Flaw, Progress

_DECLARE = b"""
CREATE FUNCTION pg_temp.restoredrill_check(index regclass, heapallindexed boolean) RETURNS void
LANGUAGE c STRICT AS '$libdir/amcheck', 'bt_index_check'"""

_INDEXES = f"""
SELECT i.oid::regclass::text, i.oid, sum(pg_relation_size(i.oid)) OVER ()::float8, pg_relation_size(i.oid)
  FROM pg_class i JOIN pg_index x ON x.indexrelid = i.oid JOIN pg_class c ON c.oid = x.indrelid
 WHERE i.relkind = 'i' AND i.relam = (SELECT oid FROM pg_am WHERE amname = 'btree')
   AND x.indisvalid AND x.indisready AND c.relpersistence <> 't'
   AND {in_user_schema("c.relnamespace")} AND {ours("pg_class", "c")} ORDER BY 4 DESC, 1"""

_LIBRARY_MISSING = ("58P01", "42883", "0A000")  # undefined_file, undefined_function, feature_not_supported
_NO_VERDICT = ("53", "57", "58", "08")  # out of something, told to stop, the system: not the index's fault


@dataclass(frozen=True)
class Looked:
    """What was found in how many B-trees, and why not in all."""

    flaws: tuple[Flaw, ...] = ()
    looked_at: int = 0
    notes: tuple[str, ...] = ()


def look(connection: psycopg.Connection, deep: bool, progress: Progress) -> Looked:
    """Look through every B-tree of the user's; `connection` is an autocommit one of a superuser.

    Raises `psycopg.Error` where that says nothing about an index.
    """
    indexes = connection.execute(_INDEXES.encode()).fetchall()
    if not indexes:
        return Looked()
    try:
        connection.execute(_DECLARE)
    except psycopg.Error as error:
        if error.sqlstate not in _LIBRARY_MISSING:
            raise
        return Looked(notes=("B-trees from inside: this PostgreSQL has no amcheck",))
    return Looked(tuple(_look(connection, indexes, deep, progress)), len(indexes))


def _look(
    connection: psycopg.Connection, indexes: list[tuple[str, int, float, int]], deep: bool, progress: Progress
) -> Iterator[Flaw]:
    done = 0
    for name, oid, total, size_bytes in indexes:
        progress(f"B-tree {name}", 100.0 * done / max(1, total), None)
        try:
            connection.execute(f"SELECT pg_temp.restoredrill_check({oid}, {deep})".encode())
        except psycopg.Error as error:
            if connection.closed or (error.sqlstate or "08").startswith(_NO_VERDICT):
                raise
            yield Flaw("INDEX_CORRUPT", name, f"index {name}: {_said(error)}")
        done += size_bytes


def _said(error: psycopg.Error) -> str:
    """amcheck's first line names an index and a block; its detail may quote a key, and is left out."""
    return error.diag.message_primary or f"amcheck found it bad ({error.sqlstate})"
