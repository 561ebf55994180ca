"""How a fingerprint is taken: in one snapshot, by several sessions, without holding on to anything."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from restoredrill.engines.postgres import digest, fingerprint, tables
from restoredrill.model import Fingerprint, FingerprintLevel
from tests.engines.restored import fingerprint_of, silent
from tests.plugins.postgres import SourceServer

Servers = Callable[[int], SourceServer]
CONTENT = FingerprintLevel.CONTENT


@pytest.fixture
def server(source_server: Servers) -> SourceServer:
    return source_server(17)


def test_all_sessions_see_the_snapshot_and_nothing_later(server: SourceServer) -> None:
    name = server.database(
        "".join(f"CREATE TABLE t{i} AS SELECT generate_series(1, {i}) AS a; " for i in range(1, 40))
    )
    with psycopg.connect(server.url(name)) as holder:
        holder.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        row = holder.execute("SELECT pg_export_snapshot()").fetchone()
        assert row is not None
        with server.connect(name) as other:
            for i in range(1, 40):
                other.execute(f"INSERT INTO t{i} VALUES (0)".encode())

        def connect() -> psycopg.Connection:
            connection = psycopg.connect(server.url(name))
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.execute(f"SET TRANSACTION SNAPSHOT '{row[0]}'".encode())
            return connection

        there = fingerprint.take(connect, CONTENT, 3, silent)
    later = fingerprint_of(server, name)
    server.drop(name)
    assert {t.rows for t in there.tables} == set(range(40))
    assert {t.rows for t in later.tables} == {0, *range(2, 41)}


def test_levels(server: SourceServer) -> None:
    name = server.database("CREATE TABLE t AS SELECT 1 AS a; CREATE SEQUENCE s; SELECT nextval('s')")
    by_level = {level: fingerprint_of(server, name, level) for level in FingerprintLevel}
    server.drop(name)
    rows, content = by_level[FingerprintLevel.ROWS], by_level[CONTENT]
    assert by_level[FingerprintLevel.NONE] == Fingerprint(
        level=FingerprintLevel.NONE, algorithm=digest.ALGORITHM
    )
    assert [(t.table, t.rows) for t in rows.tables] == [(t.table, t.rows) for t in content.tables]
    assert {t.digest for t in rows.tables} == {None}
    assert None not in {t.digest for t in content.tables}
    assert rows.objects == content.objects
    assert rows.sequences == content.sequences == {"public.s": "1,true"}
    assert rows.version_num // 10000 == 17


def test_sequences_read_before_the_dump_are_kept(server: SourceServer) -> None:
    name = server.database("CREATE SEQUENCE s; CREATE SEQUENCE \"S s\" INCREMENT -1; SELECT nextval('s')")
    with server.connect(name) as connection:
        with psycopg.connect(server.url(name)) as session:
            before = fingerprint.read_sequences(session)
        connection.execute("SELECT nextval('s')")
    later = fingerprint.take(lambda: psycopg.connect(server.url(name)), CONTENT, 1, silent, sequences=before)
    server.drop(name)
    assert later.sequences == before == {"public.s": "1,true", 'public."S s"': "-1,false"}


def test_progress_is_told(server: SourceServer) -> None:
    name = server.database("CREATE TABLE a AS SELECT generate_series(1, 9); CREATE TABLE b (a integer)")
    told: list[tuple[str, float | None]] = []

    def progress(message: str, percent: float | None, mb_per_s: float | None) -> None:
        told.append((message, percent))

    fingerprint.take(lambda: psycopg.connect(server.url(name)), CONTENT, 1, progress)
    server.drop(name)
    assert told[-1][1] == 100.0


def test_locks_are_given_back_while_it_runs(server: SourceServer) -> None:
    """Ten thousand tables must not fill the lock table that the dump needs as well."""
    name = server.database("".join(f"CREATE TABLE t{i} (a integer PRIMARY KEY); " for i in range(200)))
    locks: list[int] = []
    with server.connect(name) as watcher:

        def progress(message: str, percent: float | None, mb_per_s: float | None) -> None:
            row = watcher.execute(
                "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
                " WHERE l.locktype = 'relation' AND l.relation >= 16384 AND a.datname = current_database()"
            ).fetchone()
            assert row is not None
            locks.append(row[0])

        fingerprint.take(lambda: psycopg.connect(server.url(name)), CONTENT, 1, progress)
    server.drop(name)
    assert len(locks) > 5
    assert max(locks) < 60


class Counted:
    """Opens sessions and knows how many are open."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._opened: list[psycopg.Connection] = []
        self._lock = threading.Lock()

    def __call__(self) -> psycopg.Connection:
        connection = psycopg.connect(self._url)
        with self._lock:
            self._opened.append(connection)
        return connection

    def open(self) -> int:
        return sum(not connection.closed for connection in self._opened)


@pytest.fixture
def guarded(server: SourceServer) -> Iterator[str]:
    """A database with a table that the role `nobody_much` may not read."""
    name = server.database(
        """DO $$ BEGIN CREATE ROLE nobody_much LOGIN; EXCEPTION WHEN duplicate_object THEN END $$;
        CREATE TABLE large AS SELECT repeat('x', 5000) AS a FROM generate_series(1, 10000);
        ALTER TABLE large ALTER COLUMN a SET STORAGE PLAIN;
        CREATE TABLE secret AS SELECT * FROM large;
        CREATE TABLE mine (a integer); CREATE POLICY p ON mine USING (a > 0);
        GRANT SELECT ON large, mine TO nobody_much"""
    )
    yield name
    server.drop(name)


@pytest.mark.parametrize("jobs", [1, 3])
def test_what_may_not_be_read_fails_it_and_leaves_no_session(
    jobs: int, guarded: str, server: SourceServer
) -> None:
    connect = Counted(server.url_as("nobody_much", guarded))
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="secret"):
        fingerprint.take(connect, CONTENT, jobs, silent)
    assert connect.open() == 0


def test_rows_that_row_security_would_hide_are_an_error(guarded: str, server: SourceServer) -> None:
    with server.connect(guarded) as connection:
        connection.execute(
            "ALTER TABLE mine ENABLE ROW LEVEL SECURITY; GRANT SELECT ON secret TO nobody_much"
        )
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        fingerprint_of(server, guarded, role="nobody_much")


def test_one_sessions_failure_ends_the_others(server: SourceServer) -> None:
    """The second session fails while the first one is in a query that takes very long."""
    name = server.database(
        "CREATE TABLE b AS SELECT repeat('x', 1000) FROM generate_series(1, 10000);"
        "CREATE EXTENSION hstore; CREATE TABLE conf AS SELECT 1 AS a; ALTER EXTENSION hstore ADD TABLE conf;"
        "UPDATE pg_extension SET extconfig = ARRAY['conf'::regclass],"
        " extcondition = '{WHERE pg_sleep(600) IS NOT NULL}' WHERE extname = 'hstore'"
    )
    opened = Counted(server.url(name))
    turn = iter(range(10))

    def connect() -> psycopg.Connection:
        if next(turn) == 0:
            return opened()
        with contextlib.closing(psycopg.connect(server.url(name), autocommit=True)) as watcher:
            wait_until_somebody_sleeps(watcher)
        raise psycopg.OperationalError("no more sessions")

    with pytest.raises(psycopg.OperationalError, match="no more sessions"):
        fingerprint.take(connect, CONTENT, 2, silent)
    assert opened.open() == 0
    server.drop(name)


def wait_until_somebody_sleeps(watcher: psycopg.Connection) -> None:
    asleep = "SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
    for _ in range(3000):
        if watcher.execute(asleep).fetchone() is not None:
            return
        time.sleep(0.02)
    raise AssertionError("nobody sleeps")


# What is not an ordinary table ----------------------------------------------------------------------------

LARGE_OBJECTS = """
DO $$ BEGIN CREATE ROLE lo_reader LOGIN; EXCEPTION WHEN duplicate_object THEN END $$;
SELECT lo_from_bytea(71001, '\\xdeadbeef');
SELECT lo_from_bytea(71002, convert_to(repeat('0123456789', 700), 'UTF8'));
SELECT lo_create(71003), lo_create(71004);
SELECT lo_put(71003, 100000, 'far away'), lo_put(71003, 5, 'near'), lo_put(71003, 30000, 'x');
GRANT SELECT ON LARGE OBJECT 71001, 71002, 71003, 71004 TO lo_reader
"""


def large_objects(found: Fingerprint) -> Any:
    return next(t for t in found.tables if t.table == tables.LARGE_OBJECTS)


def test_large_objects_are_the_same_for_a_role_that_may_not_read_their_catalogue(
    server: SourceServer,
) -> None:
    name = server.database(LARGE_OBJECTS)
    as_superuser = large_objects(fingerprint_of(server, name))
    as_reader = large_objects(fingerprint_of(server, name, role="lo_reader"))
    server.drop(name)
    assert as_superuser == as_reader
    assert as_superuser.rows == 4


@pytest.mark.parametrize(
    "change",
    [
        "SELECT lo_put(71002, 6999, 'x')",
        "SELECT lo_put(71003, 50000, 'in the hole')",
        "SELECT lo_put(71004, 0, '\\x00')",  # zeros, but longer
        "SELECT lo_unlink(71001), lo_from_bytea(71005, '\\xdeadbeef')",
    ],
)
def test_a_changed_large_object_changes_the_digest(change: str, server: SourceServer) -> None:
    name, other = server.database(LARGE_OBJECTS), server.database(f"{LARGE_OBJECTS}; {change}")
    there, here = (large_objects(fingerprint_of(server, n, jobs=1)) for n in (name, other))
    server.drop(name)
    server.drop(other)
    assert there.rows == here.rows
    assert there.digest != here.digest


def test_an_extensions_configuration_counts_as_far_as_it_is_dumped(server: SourceServer) -> None:
    name = server.database(
        "CREATE EXTENSION hstore; CREATE TABLE conf (a integer); CREATE TABLE made (a integer);"
        "INSERT INTO conf SELECT generate_series(1, 10); INSERT INTO made VALUES (1);"
        "ALTER EXTENSION hstore ADD TABLE conf; ALTER EXTENSION hstore ADD TABLE made;"
        "UPDATE pg_extension SET extconfig = ARRAY['conf'::regclass], extcondition = '{WHERE a > 7}'"
        " WHERE extname = 'hstore'"
    )
    found = fingerprint_of(server, name)
    server.drop(name)
    assert {t.table: t.rows for t in found.tables} == {"public.conf": 3, tables.LARGE_OBJECTS: 0}
    assert found.objects["table"] == {}


def test_unlogged_tables_are_empty_on_a_standby(server_factory: Callable[..., SourceServer]) -> None:
    standby = server_factory(17)
    name = standby.database(
        "CREATE UNLOGGED TABLE u AS SELECT 1 AS a; CREATE TABLE t AS SELECT 2 AS a;"
        "CREATE UNLOGGED SEQUENCE s; CREATE SEQUENCE q"
    )
    standby.server.stop(immediate=False)
    (standby.server.data / "standby.signal").touch()
    standby.server.start()
    found = fingerprint_of(standby, name)
    assert {t.table: t.rows for t in found.tables} == {"public.u": 0, "public.t": 1, tables.LARGE_OBJECTS: 0}
    assert set(found.sequences) == {"public.q"}


def test_what_is_not_covered_is_told(server: SourceServer) -> None:
    name = server.database(
        "CREATE TABLE t (a integer); CREATE INDEX broken ON t (a);"
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'broken'::regclass;"
        "CREATE MATERIALIZED VIEW m AS SELECT 1"
    )
    found = fingerprint_of(server, name)
    server.drop(name)
    told = " ".join(found.notes)
    assert "1 materialized view" in told
    assert found.objects["index"] == {}
    assert found.objects["invalid index"].keys() == {"public.broken"}
