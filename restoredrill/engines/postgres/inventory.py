"""Every object of a database by kind and identity, each with a short digest of its definition.

The queries are in catalog.py (objects) and rights.py (owners, grants, comments); here is how they are asked.
"""

from collections.abc import Mapping
from string import Template
from typing import Final

import psycopg

from restoredrill.engines.postgres.catalog import CODE, DATABASE, RELATIONS, in_user_schema, ours
from restoredrill.engines.postgres.rights import RIGHTS

QUERIES: Final[Mapping[str, str]] = {**RELATIONS, **CODE, **DATABASE, **RIGHTS}

# Told as they are and not as digests, so that a finding can say what is where. No data, no secret.
PLAIN: Final = frozenset({"extension", "extension schema", "owner", "database", "collation version"})

# Kinds that a major has and older ones have not.
_SINCE: Final[Mapping[int, Mapping[str, str]]] = {
    180000: {
        "not-null constraint": f"""
SELECT k.conrelid::regclass || '.' || quote_ident(k.conname),
    ROW(pg_get_constraintdef(k.oid), k.convalidated)::text
  FROM pg_constraint k JOIN pg_class r ON r.oid = k.conrelid
 WHERE k.contype = 'n' AND r.relpersistence <> 't' AND {in_user_schema("k.connamespace")}
    AND {ours("pg_class", "r")}""",
    },
}

# What a `$name` in a query stands for: the newest of these that the server is not older than.
_PIECES: Final[Mapping[str, Mapping[int, str]]] = {
    "compression": {140000: "nullif(a.attcompression, '')", 0: "NULL"},
    "sql_body": {140000: "pg_get_function_sqlbody(p.oid)", 0: "NULL::text"},
    "multirange": {140000: "r.rngmultitypid::regtype", 0: "NULL"},
    "published": {
        150000: """ROW((SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attname COLLATE "C")
         FROM pg_attribute a WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs::int2[])),
    pg_get_expr(r.prqual, r.prrelid))::text""",
        0: "''",
    },
    "published_schemas": {
        150000: """UNION ALL SELECT quote_ident(p.pubname) || ' schema ' || quote_ident(n.nspname), ''
  FROM pg_publication_namespace m JOIN pg_publication p ON p.oid = m.pnpubid
  JOIN pg_namespace n ON n.oid = m.pnnspid""",
        0: "",
    },
    "database_collation": {
        150000: """UNION ALL SELECT 'the database''s own', datcollversion FROM pg_database
 WHERE datname = current_database() AND datcollversion IS NOT NULL""",
        0: "",
    },
}

# Bytes as the server has them: a digest must not depend on what the client's encoding can hold.
_DIGEST = "left(encode(sha256(convert_to(coalesce(definition, ''), getdatabaseencoding())), 'hex'), 16)"


def inventory(connection: psycopg.Connection) -> dict[str, dict[str, str]]:
    """Kind -> {identity: definition}, the definition as 16 hex digits of its SHA-256 or, for `PLAIN` kinds,
    as it is. Every kind that this server's major has is a key, also where there is no such object.

    `connection` has an empty `search_path` and the other settings that `fingerprint.settle` makes. Raises
    `psycopg.Error`.
    """
    return {kind: dict(connection.execute(sql.encode()).fetchall()) for kind, sql in _queries(connection)}


# What is the server's, or its rows' rather than the schema's.
_NO_SCHEMA: Final = frozenset({"large objects", "collation version", "database", "role"})


def described(connection: psycopg.Connection) -> str:
    """Every object and its whole definition as text; see `Snapshot.describe`. Raises `psycopg.Error`."""
    lines = [
        f"{kind} {_line(identity)} = {_line(definition or '')}"
        for kind, sql in _queries(connection, whole=True)
        if kind not in _NO_SCHEMA
        for identity, definition in connection.execute(sql.encode()).fetchall()
    ]
    return "".join(f"{line}\n" for line in sorted(lines))


def _line(text: str) -> str:
    return " ".join(text.split())


def not_covered(connection: psycopg.Connection) -> list[str]:
    """What an inventory and row digests leave out of this database, for the report."""
    counts = connection.execute(_COUNTS.encode()).fetchone() or (0, 0)
    notes = {
        f"{counts[0]} materialized views: whether they are populated, but not their rows": counts[0],
        f"{counts[1]} foreign tables: their definition, but not their rows": counts[1],
    }
    return [note for note, there in notes.items() if there]


_COUNTS = f"""
SELECT count(*) FILTER (WHERE c.relkind = 'm'), count(*) FILTER (WHERE c.relkind = 'f')
  FROM pg_class c WHERE c.relkind IN ('m', 'f') AND {in_user_schema("c.relnamespace")}
     AND {ours("pg_class", "c")}"""


def _queries(connection: psycopg.Connection, *, whole: bool = False) -> list[tuple[str, str]]:
    version = connection.info.server_version
    pieces = {
        name: next(text for since, text in by_version.items() if version >= since)
        for name, by_version in _PIECES.items()
    }
    newer = {kind: sql for since, kinds in _SINCE.items() if version >= since for kind, sql in kinds.items()}
    return [(kind, _asked(kind, sql, pieces, whole)) for kind, sql in {**QUERIES, **newer}.items()]


def _asked(kind: str, query: str, pieces: Mapping[str, str], whole: bool) -> str:
    said = "definition" if whole or kind in PLAIN else _DIGEST
    return f"SELECT identity, {said} FROM ({Template(query).substitute(pieces)}) AS o (identity, definition)"
