"""The two databases that are backed up and restored: the same rows, other indexes.

`btree`: pgbench's tables, a wide table of events (text and jsonb) and users; twelve b-tree indexes, two of
them on expressions; foreign keys, a view, a sequence; tables from nothing to four million rows. `gin`: the
same, with a GIN index on the events' jsonb in place of one of the twelve.
"""

import subprocess
from dataclasses import dataclass

import psycopg

from restoredrill.engines.postgres.server import Server


@dataclass(frozen=True)
class Scale:
    """How much of everything: pgbench's scale (100,000 accounts each), rows of events and of users."""

    pgbench: int
    events: int
    users: int


FULL = Scale(pgbench=40, events=1_500_000, users=200_000)  # about 1.4 GB
SMALL = Scale(pgbench=1, events=60_000, users=8_000)  # about 60 MB

BTREE = "bench_btree"
GIN = "bench_gin"
DATABASES = (BTREE, GIN)

_TABLES = """
CREATE TABLE users (
    id bigint PRIMARY KEY, email text NOT NULL, name text NOT NULL, joined date NOT NULL, about text
);
CREATE TABLE events (
    id bigserial, user_id bigint NOT NULL, at timestamptz NOT NULL, kind text NOT NULL, session uuid NOT NULL,
    path text NOT NULL, agent text NOT NULL, payload jsonb NOT NULL
);
CREATE VIEW sales AS
    SELECT u.id, u.name, e.at, (e.payload ->> 'price')::numeric AS price
    FROM events e JOIN users u ON u.id = e.user_id WHERE e.kind = 'order';
"""

# Everything follows from the row's number, so that every run has the same rows.
_USERS = """
INSERT INTO users
SELECT i, 'User.' || i || '@' || substr(md5(i::text), 1, 6) || '.example',
       initcap(substr(md5('n' || i), 1, 8)) || ' ' || initcap(substr(md5('s' || i), 1, 10)),
       date '2015-01-01' + (i * 7919 % 3600)::int,
       CASE WHEN i % 3 = 0 THEN repeat('likes tea. ', (1 + i % 9)::int) END
FROM generate_series(1, {users}::bigint) AS i
"""

_EVENTS = """
INSERT INTO events (user_id, at, kind, session, path, agent, payload)
SELECT 1 + (power(h.a, 2) * ({users} - 1))::bigint,
       timestamptz '2024-01-01 00:00+00' + i * interval '13 seconds' + h.b * interval '1 hour',
       (ARRAY['view','view','view','view','search','search','cart','order'])[1 + (h.b * 7)::int],
       m::uuid,
       '/shop/' || (ARRAY['books','garden','music','toys','kitchen'])[1 + (h.c * 4)::int] || '/item-'
           || (h.a * 9000)::int || '?page=' || i % 7,
       'Mozilla/5.0 (' || (ARRAY['X11; Linux x86_64','Windows NT 10.0; Win64; x64',
           'Macintosh; Intel Mac OS X','iPhone; CPU iPhone OS 17_2 like Mac OS X'])[1 + (h.a * 3)::int]
           || ') AppleWebKit/537.36 (KHTML, like Gecko) Version/' || 90 + (h.c * 30)::int,
       jsonb_build_object('campaign', 'c' || (h.c * 400)::int, 'price', round((h.b * 200)::numeric, 2),
           'tags', jsonb_build_array('t' || (h.a * 60)::int, 't' || (h.b * 60)::int),
           'geo', jsonb_build_object('country', chr(65 + (h.a * 25)::int) || chr(65 + (h.c * 9)::int),
               'lat', round((h.a * 180 - 90)::numeric, 3), 'lon', round((h.b * 360 - 180)::numeric, 2)),
           'ref', substr(m, 9, 8))
FROM generate_series(1, {events}::bigint) AS i
CROSS JOIN LATERAL md5(i::text) AS m
CROSS JOIN LATERAL (SELECT ('x' || substr(m, 1, 6))::bit(24)::int / 16777216.0::float8 AS a,
                           ('x' || substr(m, 7, 6))::bit(24)::int / 16777216.0::float8 AS b,
                           ('x' || substr(m, 13, 6))::bit(24)::int / 16777216.0::float8 AS c) AS h
"""

# With users' and pgbench's four primary keys, twelve.
_INDEXES = """
ALTER TABLE events ADD PRIMARY KEY (id);
CREATE INDEX events_user ON events (user_id);
CREATE INDEX events_at ON events (at);
CREATE INDEX events_kind_at ON events (kind, at);
CREATE INDEX events_campaign ON events ((payload ->> 'campaign'));
CREATE UNIQUE INDEX users_email ON users (lower(email));
CREATE INDEX users_joined ON users (joined);
CREATE INDEX accounts_branch ON pgbench_accounts (bid);
ALTER TABLE events ADD FOREIGN KEY (user_id) REFERENCES users (id);
"""

_OTHER_INDEX = """
DROP INDEX events_kind_at;
CREATE INDEX events_payload ON events USING gin (payload jsonb_path_ops);
"""


def build(server: Server, scale: Scale) -> None:
    """Make both databases on `server`, vacuumed, so that reading them writes nothing."""
    _execute(server, "postgres", f"CREATE DATABASE {BTREE}")
    pgbench = [str(server.tools.program("pgbench")), "-i", "-q", "-s", str(scale.pgbench), "-I", "dtGpf"]
    subprocess.run([*pgbench, server.url(BTREE)], check=True, capture_output=True)
    filling = (sql.format(users=scale.users, events=scale.events) for sql in (_USERS, _EVENTS))
    _execute(server, BTREE, _TABLES, *filling, _INDEXES)
    _execute(server, "postgres", f"CREATE DATABASE {GIN} TEMPLATE {BTREE} STRATEGY file_copy")
    _execute(server, GIN, _OTHER_INDEX)
    for name in DATABASES:
        _execute(server, name, "VACUUM (FREEZE, ANALYZE)")
    _execute(server, "postgres", "CHECKPOINT")


def size_bytes(server: Server, name: str) -> int:
    """What the database takes on disk."""
    with psycopg.connect(server.url(name)) as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        assert row is not None
        return int(row[0])


def contents(url: str) -> dict[str, int]:
    """Rows by table, valid indexes and constraints: what both sides must end with."""
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchall()
        found = {name: _number(connection, f'SELECT count(*) FROM public."{name}"') for (name,) in tables}
        found["valid indexes"] = _number(connection, _VALID_INDEXES)
        found["constraints"] = _number(connection, _VALID_CONSTRAINTS)
        return found


_VALID_INDEXES = """
    SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE i.indisvalid AND c.relnamespace = 'public'::regnamespace"""
_VALID_CONSTRAINTS = """
    SELECT count(*) FROM pg_constraint WHERE convalidated AND connamespace = 'public'::regnamespace"""


def _number(connection: psycopg.Connection, query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


def _execute(server: Server, dbname: str, *statements: str) -> None:
    with psycopg.connect(server.url(dbname), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())
