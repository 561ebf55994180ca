"""Unique and foreign keys proved again by query, without a look at any index."""

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from restoredrill.engines.postgres.catalog import in_user_schema, ours
from restoredrill.protocols import Flaw, Progress

_SCANS = ("enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan")

# Each unique index: its table, the expressions it is unique over, its predicate, do NULLs count as equal.
_UNIQUE = f"""
SELECT x.indexrelid::regclass::text, c.oid::regclass::text,
       ARRAY(SELECT pg_get_indexdef(x.indexrelid, n, true) FROM generate_series(1, x.indnkeyatts) n),
       pg_get_expr(x.indpred, x.indrelid), coalesce((to_jsonb(x)->>'indnullsnotdistinct')::boolean, false)
  FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid
 WHERE x.indisunique AND x.indisvalid AND c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition
   AND c.relpersistence <> 't' AND {in_user_schema("c.relnamespace")} AND {ours("pg_class", "c")}
 ORDER BY 1"""

# Each foreign key: both tables, both lists of columns, the operators that compare them, how NULLs match.
_FOREIGN = f"""
SELECT c.oid::regclass || '.' || quote_ident(k.conname), c.oid::regclass::text, k.confrelid::regclass::text,
       ARRAY(SELECT quote_ident(a.attname) FROM unnest(k.conkey) WITH ORDINALITY u (n, o)
               JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY o),
       ARRAY(SELECT quote_ident(a.attname) FROM unnest(k.confkey) WITH ORDINALITY u (n, o)
               JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY o),
       ARRAY(SELECT format('OPERATOR(%I.%s)', s.nspname, p.oprname)
               FROM unnest(k.conpfeqop) WITH ORDINALITY u (n, o) JOIN pg_operator p ON p.oid = u.n
               JOIN pg_namespace s ON s.oid = p.oprnamespace ORDER BY o),
       k.confmatchtype = 'f'
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
 WHERE k.contype = 'f' AND k.conparentid = 0 AND k.convalidated
   AND to_jsonb(k)->>'conenforced' IS DISTINCT FROM 'false'
   AND coalesce((to_jsonb(k)->>'conperiod')::boolean, false) = false
   AND {in_user_schema("c.relnamespace")} AND {ours("pg_class", "c")} ORDER BY 1"""


@dataclass(frozen=True)
class Proven:
    """What was found, and how many keys were looked at."""

    flaws: tuple[Flaw, ...]
    looked_at: int


def prove(connection: psycopg.Connection, progress: Progress) -> Proven:
    """Every unique and foreign key of the user's. Raises `psycopg.Error`."""
    for name in _SCANS:
        connection.execute(f"SET {name} = off".encode())
    unique = connection.execute(_UNIQUE.encode()).fetchall()
    foreign = connection.execute(_FOREIGN.encode()).fetchall()
    found = (*_unique(connection, unique, progress), *_foreign(connection, foreign, progress))
    for name in _SCANS:
        connection.execute(f"RESET {name}".encode())
    return Proven(found, len(unique) + len(foreign))


Key = tuple[str, str, list[str], str | None, bool]
Reference = tuple[str, str, str, list[str], list[str], list[str], bool]


def _unique(connection: psycopg.Connection, keys: list[Key], progress: Progress) -> Iterator[Flaw]:
    for name, table, columns, predicate, nulls_equal in keys:
        progress(f"unique key {name}", None, None)
        wanted = [f"({predicate})"] if predicate else []
        if not nulls_equal:
            wanted += [f"({column}) IS NOT NULL" for column in columns]
        where = f"WHERE {' AND '.join(wanted)}" if wanted else ""
        groups = ", ".join(f"({column})" for column in columns)
        query = f"SELECT FROM {table} {where} GROUP BY {groups} HAVING count(*) > 1 LIMIT 1"
        if connection.execute(_bytes(connection, query)).fetchone() is not None:
            yield Flaw("KEY_NOT_UNIQUE", name, f"rows of {table} have the same key in unique index {name}")


def _foreign(connection: psycopg.Connection, keys: list[Reference], progress: Progress) -> Iterator[Flaw]:
    for name, table, other, columns, there, operators, full in keys:
        progress(f"foreign key {name}", None, None)
        pairs = zip(columns, there, operators, strict=True)
        joined = " AND ".join(f"p.{far} {operator} f.{near}" for near, far, operator in pairs)
        # MATCH FULL: all or none of them are NULL; MATCH SIMPLE: one NULL is enough to refer to nothing.
        how = " OR " if full else " AND "
        wanted = how.join(f"f.{column} IS NOT NULL" for column in columns)
        query = (
            f"SELECT FROM {table} f WHERE ({wanted}) AND NOT EXISTS (SELECT FROM {other} p WHERE {joined})"
            " LIMIT 1"
        )
        if connection.execute(_bytes(connection, query)).fetchone() is not None:
            yield Flaw("KEY_BROKEN", name, f"rows of {table} refer to rows that {other} does not have")


def _bytes(connection: psycopg.Connection, query: str) -> bytes:
    return query.encode(connection.info.encoding)
