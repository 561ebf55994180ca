"""Which tables hold rows that a dump carries, and the query that measures each; where sequences stand.

A table counts for its own rows only: a partitioned table has none, a parent's are not its children's.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from restoredrill.engines.postgres.catalog import in_user_schema, ours
from restoredrill.engines.postgres.digest import Column, row_hash

Connection = psycopg.Connection[Any]

LARGE_OBJECTS: Final = "pg_catalog.pg_largeobject"
"""The name under which large objects are counted, as if each were a row of a table."""

_SEQUENCES_AT_ONCE = 100


@dataclass(frozen=True)
class Measure:
    """A query that gives one row: the number of rows, and the sum of their hashes (NULL if not asked for)."""

    table: str
    size_bytes: int
    query: str


def measures(connection: Connection, *, content: bool) -> list[Measure]:
    """One for every table, and one for the large objects."""
    found = connection.execute(_TABLES.encode()).fetchall()
    columns = _columns(connection, [oid for oid, *_ in found]) if content else {}
    measured = [
        Measure(name, size_bytes, _query(name, columns.get(oid, ()) if content else None, condition, unread))
        for oid, name, size_bytes, condition, unread in found
    ]
    return [*measured, _large_objects(connection, content=content)]


def sequences(connection: Connection) -> dict[str, str]:
    """`last_value,is_called` of every sequence that a dump carries."""
    names = [name for (name,) in connection.execute(_SEQUENCES.encode())]
    stands: dict[str, str] = {}
    for at in range(0, len(names), _SEQUENCES_AT_ONCE):
        some = names[at : at + _SEQUENCES_AT_ONCE]
        parts = (f"SELECT {i}, last_value, is_called FROM {name}" for i, name in enumerate(some))
        with connection.transaction(force_rollback=True):  # gives the locks back
            rows = connection.execute(" UNION ALL ".join(parts).encode(connection.info.encoding)).fetchall()
        stands |= {some[i]: f"{last_value},{str(called).lower()}" for i, last_value, called in rows}
    return stands


def partitions(connection: Connection) -> dict[str, str]:
    """The partitioned table at the top, by the name of each partition that holds rows itself."""
    return dict(connection.execute(_PARTITIONS.encode()).fetchall())


# Tables ---------------------------------------------------------------------------------------------------

# An extension makes its tables itself; a dump holds rows of those it marked as configuration (extconfig).
# On a standby unlogged tables can't be read, and pg_dump leaves their rows out.
_TABLES = f"""
SELECT c.oid, c.oid::regclass::text, pg_table_size(c.oid), x.condition,
       c.relpersistence = 'u' AND pg_is_in_recovery()
  FROM pg_class c
  LEFT JOIN LATERAL (
       SELECT e.extcondition[array_position(e.extconfig, c.oid)] AS condition
         FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
          AND c.oid = ANY (e.extconfig)) x ON true
 WHERE c.relkind = 'r' AND c.relpersistence <> 't'
   AND (x.condition IS NOT NULL OR {in_user_schema("c.relnamespace")} AND {ours("pg_class", "c")})
 ORDER BY 2"""

# A generated column that is not stored has no content of its own.
_COLUMNS = """
SELECT a.attrelid, a.attname, a.atttypid FROM pg_attribute a
 WHERE a.attrelid = ANY (%s) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> 'v'"""


def _columns(connection: Connection, oids: Sequence[int]) -> Mapping[int, list[Column]]:
    columns: defaultdict[int, list[Column]] = defaultdict(list)
    for table, name, type_oid in connection.execute(_COLUMNS.encode(), [list(oids)]):
        columns[table].append(Column(name, type_oid, f"t.{_quoted(name)}"))
    return columns


def _query(table: str, columns: Iterable[Column] | None, condition: str | None, unread: bool) -> str:
    """`columns` None: count only. `condition` starts with WHERE, or is empty, as its extension gave it."""
    total = "NULL::numeric" if columns is None else f"coalesce(sum({row_hash(columns)}), 0)"
    if unread:
        return f"SELECT 0::bigint, {'NULL::numeric' if columns is None else '0::numeric'}"
    return f"SELECT count(*), {total} FROM ONLY {table} AS t {condition or ''}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


_PARTITIONS = """
SELECT c.oid::regclass::text, pg_partition_root(c.oid)::regclass::text
  FROM pg_class c WHERE c.relispartition AND c.relkind = 'r'"""

_SEQUENCES = f"""
SELECT c.oid::regclass::text FROM pg_class c
 WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND NOT (c.relpersistence = 'u' AND pg_is_in_recovery())
   AND {in_user_schema("c.relnamespace")} AND {ours("pg_class", "c")} ORDER BY 1"""

# Large objects --------------------------------------------------------------------------------------------

_PAGE_BYTES = 2048  # LOBLKSIZE where a block has 8 kB

_BY_PAGE = """
SELECT m.oid AS loid, o.pageno, o.data
  FROM pg_largeobject_metadata m LEFT JOIN pg_largeobject o ON o.loid = m.oid"""

# For a role that may read the objects but not the catalogue that holds them. lo_get() gives 1 GB at most.
_BY_OBJECT = f"""
SELECT m.oid AS loid, p.pageno, substring(m.whole FROM p.pageno * {_PAGE_BYTES} + 1 FOR {_PAGE_BYTES}) AS data
  FROM (SELECT oid, lo_get(oid) AS whole FROM pg_largeobject_metadata OFFSET 0) m,
       generate_series(0, (octet_length(m.whole) - 1) / {_PAGE_BYTES}) AS p (pageno)"""

# A restore writes an object anew from its first byte to its last: pages that were never written become
# zeros, short ones are filled up. So pages count as if they were full, those of zeros not at all.
_DIGESTS = f"""
WITH page AS (
  SELECT loid, pageno, octet_length(data) AS bytes,
         CASE WHEN octet_length(data) = {_PAGE_BYTES} THEN data
              ELSE data || substring(zeros FROM octet_length(data) + 1) END AS page, zeros
    FROM ({{pages}}) AS piece, decode(repeat('00', {_PAGE_BYTES}), 'hex') AS zeros),
object AS (
  SELECT loid, max(pageno::bigint * {_PAGE_BYTES} + bytes) AS bytes,
         sum(hashoidextended(loid, hashint4extended(pageno, hash_array_extended(ARRAY[page], 0))))
           FILTER (WHERE page <> zeros) AS pages
    FROM page GROUP BY loid)
SELECT count(*), coalesce(sum(coalesce(pages, 0)
       + hashoidextended(loid, hashtextextended(coalesce(bytes, 0)::text, 1))), 0) FROM object"""

_LARGE_OBJECT_FACTS = """
SELECT has_table_privilege('pg_largeobject', 'SELECT') AND current_setting('block_size') = '8192',
       pg_total_relation_size('pg_largeobject')"""


def _large_objects(connection: Connection, *, content: bool) -> Measure:
    by_page, size_bytes = connection.execute(_LARGE_OBJECT_FACTS.encode()).fetchone() or (False, 0)
    if content:
        query = _DIGESTS.format(pages=_BY_PAGE if by_page else _BY_OBJECT)
    else:
        query = "SELECT count(*), NULL::numeric FROM pg_largeobject_metadata"
    return Measure(LARGE_OBJECTS, size_bytes, query)
