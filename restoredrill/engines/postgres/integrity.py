"""Is the restored database sound in itself: sequences, constraints, triggers, views, indexes.

What a dump carries over faithfully can be wrong on the source already: these are questions that need no
fingerprint, so they hold for anyone's dump. Nothing is written; an answer names objects and holds no row.
"""

import contextlib
from collections.abc import Iterator

import psycopg

from restoredrill.engines.postgres import btrees, proving
from restoredrill.engines.postgres.catalog import in_user_schema, ours
from restoredrill.engines.postgres.connect import SAME_TEXT, TARGET, login, plain, translated
from restoredrill.engines.postgres.counters import behind
from restoredrill.protocols import Examined, Flaw, Progress

_NOT_OURS = f"{in_user_schema('c.relnamespace')} AND {ours('pg_class', 'c')} AND c.relpersistence <> 't'"

# What a constraint of 18 says of itself; before, all are enforced.
_ENFORCED = "to_jsonb(k)->>'conenforced' IS DISTINCT FROM 'false'"

# Rule, what is said of an object, and which objects: each query gives one name a row.
_STATES = (
    (
        "CONSTRAINT_NOT_VALID",
        "constraint {} is not validated: rows from before it was made may break it",
        f"""
SELECT coalesce(nullif(k.conrelid, 0)::regclass::text, k.contypid::regtype::text)
       || '.' || quote_ident(k.conname)
  FROM pg_constraint k LEFT JOIN pg_class c ON c.oid = k.conrelid
 WHERE NOT k.convalidated AND {_ENFORCED} AND {in_user_schema("k.connamespace")}
   AND (k.conrelid = 0 OR {_NOT_OURS}) AND k.conparentid = 0 ORDER BY 1""",
    ),
    (
        "TRIGGER_DISABLED",
        "trigger {} is disabled",
        f"""
SELECT c.oid::regclass || '.' || quote_ident(t.tgname)
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
 WHERE t.tgenabled = 'D' AND {_NOT_OURS}
   AND (NOT t.tgisinternal OR t.tgparentid <> 0 AND t.tgname !~ '^RI_ConstraintTrigger_') ORDER BY 1""",
    ),
    (
        "VIEW_NOT_POPULATED",
        "materialized view {} is not populated: it can't be queried",
        f"""
SELECT c.oid::regclass::text FROM pg_class c
 WHERE c.relkind = 'm' AND NOT c.relispopulated AND {_NOT_OURS} ORDER BY 1""",
    ),
    (
        "INDEX_INVALID",
        "index {} is not valid: no query uses it",
        f"""
SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
 WHERE NOT (i.indisvalid AND i.indisready) AND c.relkind <> 'p' AND {_NOT_OURS} ORDER BY 1""",
    ),
)

_ENCODING = b"SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()"


def examine(url: str, deep: bool, progress: Progress) -> Examined:
    """Look through the database that `url` leads to, as its superuser. `deep` reads every table again: unique
    and foreign keys by query, B-trees against their tables.

    Raises `ServerFailed`, `QueryFailed`, `DiskFull`.
    """
    to = login(url)
    with translated(TARGET, "examine", to), _session(url) as connection:
        progress("sequences, constraints, triggers, views", None, None)
        found = [*_states(connection), *behind(connection)]
        trees = btrees.look(connection, deep, progress)
        found += trees.flaws
        keys = 0
        if deep:
            proven = proving.prove(connection, progress)
            found += proven.flaws
            keys = proven.looked_at
        notes = (*trees.notes, *_encoding(connection))
    looked_at = f"sequences, constraints, triggers and {trees.looked_at} B-trees"
    if deep:
        looked_at = f"{looked_at} against their tables, {keys} unique and foreign keys by query"
    return Examined(tuple(found), looked_at, notes)


def _states(connection: psycopg.Connection) -> Iterator[Flaw]:
    for rule, words, query in _STATES:
        for (name,) in connection.execute(query.encode()).fetchall():
            yield Flaw(rule, name, words.format(name))


def _encoding(connection: psycopg.Connection) -> tuple[str, ...]:
    found = connection.execute(_ENCODING).fetchone()
    if found is not None and found[0] == "SQL_ASCII":
        return ("text: in SQL_ASCII nobody can tell whether its bytes mean what they should",)
    return ()


@contextlib.contextmanager
def _session(url: str) -> Iterator[psycopg.Connection]:
    """An autocommit session without time-outs, that sees every row and names everything in full."""
    with contextlib.closing(plain(login(url), TARGET)) as connection:
        connection.autocommit = True
        ascii_only = connection.info.parameter_status("server_encoding") == "SQL_ASCII"
        settings = {
            **SAME_TEXT,
            "client_encoding": "LATIN1" if ascii_only else "UTF8",
            "statement_timeout": "0",
            "lock_timeout": "0",
            "default_transaction_read_only": "off",
            "row_security": "off",
            "jit": "off",
        }
        for name, value in settings.items():
            connection.execute(f"SET {name} = '{value}'".encode())
        yield connection
