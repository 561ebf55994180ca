"""What a source tells about itself, and what it refuses to be a backup of."""

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from restoredrill.engines.postgres.connect import Limits
from restoredrill.engines.postgres.source import PostgresSource
from restoredrill.engines.postgres.toolchain import Tools
from restoredrill.errors import DumpFailed, SourceDenied, SourceUnreachable, ToolMissing
from restoredrill.model import Extension, FingerprintLevel
from tests.engines.keeping import Keeping, quiet
from tests.plugins.postgres import SourceServer

GetServer = Callable[[int], SourceServer]
AllTools = dict[int, Tools]
MAJORS = [14, 16, 17, 18]


@pytest.fixture
def server(source_server: GetServer) -> SourceServer:
    return source_server(17)


def source_of(server: SourceServer, pg_tools: AllTools, name: str, role: str = "postgres") -> PostgresSource:
    return PostgresSource(server.url_as(role, name), tuple(pg_tools.values()))


# Facts ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("major", MAJORS)
def test_facts(major: int, source_server: GetServer, pg_tools: AllTools) -> None:
    server = source_server(major)
    roles = "".join(
        f"DROP ROLE IF EXISTS f_{r}; CREATE ROLE f_{r};" for r in ("owner", "grantee", "set", "none")
    )
    name = server.database(
        f"{roles} CREATE EXTENSION pg_trgm; CREATE TABLE t (x int); ALTER TABLE t OWNER TO f_owner;"
        "GRANT SELECT ON t TO f_grantee;"
    )
    with server.connect(name) as connection:
        connection.execute(f"ALTER ROLE f_set IN DATABASE {name} SET work_mem = '8MB'".encode())
        size = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    with source_of(server, pg_tools, name).snapshot() as snapshot:
        facts = snapshot.facts()
    assert facts.version == server.tools.version
    assert facts.major == major
    assert (facts.database, facts.encoding) == (name, "UTF8")
    assert (facts.collate, facts.ctype, facts.locale_provider) == ("C.UTF-8", "C.UTF-8", "libc")
    assert (facts.size_bytes,) == size
    assert [extension.name for extension in facts.extensions] == ["pg_trgm", "plpgsql"]
    assert facts.extensions[1] == Extension(name="plpgsql", version="1.0", schema_name="pg_catalog")
    assert facts.roles == ("f_grantee", "f_owner", "f_set", "postgres")
    assert facts.bootstrap == "postgres"
    server.drop(name)


def test_facts_of_other_encodings_and_providers(source_server: GetServer, pg_tools: AllTools) -> None:
    server = source_server(17)
    ascii_only = server.database(options="ENCODING 'SQL_ASCII' LOCALE 'C'")
    builtin = server.database(options="LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'")
    facts = source_of(server, pg_tools, ascii_only).facts()
    assert (facts.encoding, facts.collate, facts.locale_provider) == ("SQL_ASCII", "C", "libc")
    facts = source_of(server, pg_tools, builtin).facts()
    assert (facts.locale_provider, facts.locale) == ("builtin", "C.UTF-8")
    assert facts.collation_version is not None


# Privileges -----------------------------------------------------------------------------------------------

SECRETS = """
DROP ROLE IF EXISTS unprivileged; CREATE ROLE unprivileged LOGIN;
CREATE SCHEMA hidden; CREATE TABLE hidden.t (x int); GRANT SELECT ON hidden.t TO unprivileged;
CREATE TABLE open (x int); GRANT SELECT ON open TO unprivileged;
CREATE TABLE "Pay ""roll" (x int); CREATE SEQUENCE closed_sequence;
CREATE TABLE tenants (x int); GRANT SELECT ON tenants TO unprivileged;
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON tenants USING (x = 1);
CREATE TABLE parts (x int) PARTITION BY LIST (x); GRANT SELECT ON parts TO unprivileged;
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE VIEW secret_view AS SELECT 1; CREATE MATERIALIZED VIEW secret_mv AS SELECT 1 AS x;
SELECT lo_create(777); SELECT lo_create(778); GRANT SELECT ON LARGE OBJECT 778 TO unprivileged;
SELECT lo_create(779); GRANT SELECT ON LARGE OBJECT 779 TO PUBLIC;
"""

FOUND = [
    "schema hidden (no USAGE)",
    'table public."Pay ""roll" (no SELECT)',
    "table public.parts_1 (no SELECT)",
    "table public.tenants (row security hides rows)",
    "sequence public.closed_sequence (no SELECT)",
    "large object 777 (no SELECT)",
]


@pytest.mark.parametrize("major", MAJORS)
def test_what_may_not_be_read_is_named_all_at_once(
    major: int, source_server: GetServer, pg_tools: AllTools, tmp_path: Path
) -> None:
    server = source_server(major)
    name = server.database(SECRETS)
    source = source_of(server, pg_tools, name, "unprivileged")
    assert source.unreadable() == FOUND
    keep = Keeping(tmp_path / "kept")
    with source.snapshot() as snapshot, pytest.raises(SourceDenied) as caught:
        snapshot.dump(tmp_path / "spool", keep, 2, quiet)
    assert all(line in caught.value.reason for line in FOUND)
    assert "BYPASSRLS" in caught.value.hint
    assert keep.begun == [], "nothing is dumped of what would not be whole"

    with server.connect(name) as connection:
        connection.execute("GRANT pg_read_all_data TO unprivileged; ALTER ROLE unprivileged BYPASSRLS")
        connection.execute("GRANT SELECT ON LARGE OBJECT 777 TO unprivileged")
    assert source.unreadable() == []
    with source.snapshot() as snapshot:
        dumped = snapshot.dump(tmp_path / "spool", keep, 2, quiet)
    assert {file.name for file in dumped.files} == keep.names
    server.drop(name)


def test_pg_dump_agrees(source_server: GetServer, pg_tools: AllTools) -> None:
    """Each of the lines alone is enough for pg_dump to give up: nothing here is refused for no reason."""
    server = source_server(17)
    name = server.database(SECRETS.replace("unprivileged", "agreeing"))
    fixes = [
        "GRANT USAGE ON SCHEMA hidden TO agreeing",
        'GRANT SELECT ON "Pay ""roll" TO agreeing',
        "GRANT SELECT ON parts_1 TO agreeing",
        "ALTER ROLE agreeing BYPASSRLS",
        "GRANT SELECT ON closed_sequence TO agreeing",
        "GRANT SELECT ON LARGE OBJECT 777 TO agreeing",
    ]
    argv = [str(pg_tools[17].program("pg_dump")), "-f", "/dev/null", server.url_as("agreeing", name)]
    source = source_of(server, pg_tools, name, "agreeing")
    with server.connect(name) as connection:
        for fix in fixes:
            connection.execute(fix.encode())
        assert source.unreadable() == []
        assert subprocess.run(argv, capture_output=True, check=False).returncode == 0
        for fix in fixes:
            _revoke(connection, fix)
            assert len(source.unreadable()) == 1, fix
            assert subprocess.run(argv, capture_output=True, check=False).returncode != 0, fix
            connection.execute(fix.encode())
    server.drop(name)


def _revoke(connection: psycopg.Connection, granted: str) -> None:
    undone = granted.replace("GRANT", "REVOKE").replace(" TO ", " FROM ").replace("BYPASSRLS", "NOBYPASSRLS")
    connection.execute(undone.encode())


def test_a_role_without_any_right_gets_a_short_message(
    server: SourceServer, pg_tools: AllTools, tmp_path: Path
) -> None:
    many = "DO $$BEGIN FOR i IN 1..300 LOOP EXECUTE format('CREATE TABLE t%s (x int)', i); END LOOP; END$$"
    name = server.database(f"DROP ROLE IF EXISTS nothing; CREATE ROLE nothing LOGIN; {many}")
    source = source_of(server, pg_tools, name, "nothing")
    assert len(source.unreadable()) == 200
    with source.snapshot() as snapshot, pytest.raises(SourceDenied, match=r"and 190 more"):
        snapshot.dump(tmp_path / "spool", Keeping(tmp_path / "kept"), 2, quiet)
    server.drop(name)


def test_configuration_tables_of_extensions_count_and_others_do_not(
    server: SourceServer, pg_tools: AllTools
) -> None:
    name = server.database(
        "DROP ROLE IF EXISTS ext_reader; CREATE ROLE ext_reader LOGIN; CREATE EXTENSION pg_trgm;"
        "CREATE TABLE config (x int); CREATE TABLE internal (x int);"
        "ALTER EXTENSION pg_trgm ADD TABLE config; ALTER EXTENSION pg_trgm ADD TABLE internal;"
        "UPDATE pg_extension SET extconfig = ARRAY['config'::regclass::oid], extcondition = ARRAY['']"
        " WHERE extname = 'pg_trgm'"
    )
    found = source_of(server, pg_tools, name, "ext_reader").unreadable()
    assert found == ["table public.config (no SELECT)"]
    server.drop(name)


def test_what_is_left_out_on_purpose_is_a_note(
    server: SourceServer, pg_tools: AllTools, tmp_path: Path
) -> None:
    name = server.database(
        "DROP ROLE IF EXISTS plain_reader; CREATE ROLE plain_reader LOGIN;"
        "GRANT pg_read_all_data TO plain_reader;"
        "CREATE EXTENSION postgres_fdw; CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw;"
        "CREATE FOREIGN TABLE far (x int) SERVER elsewhere;"
        "CREATE USER MAPPING FOR postgres SERVER elsewhere OPTIONS (password 'x');"
        "CREATE SUBSCRIPTION feed CONNECTION 'host=/nonexistent' PUBLICATION p"
        " WITH (connect = false, slot_name = NONE)"
    )
    with source_of(server, pg_tools, name, "plain_reader").snapshot() as snapshot:
        notes = " ".join(snapshot.dump(tmp_path / "spool", Keeping(tmp_path / "kept"), 2, quiet).notes)
    assert "feed" in notes
    assert "foreign tables" in notes
    assert "user mappings" in notes
    with server.connect(name) as connection:
        connection.execute("ALTER SUBSCRIPTION feed SET (slot_name = NONE); DROP SUBSCRIPTION feed")
    server.drop(name)


# The snapshot ---------------------------------------------------------------------------------------------


def test_taken_at_is_the_sources_clock_and_before_what_came_later(
    server: SourceServer, pg_tools: AllTools
) -> None:
    name = server.database("CREATE TABLE t (at timestamptz)")
    with server.connect(name) as connection:
        connection.execute("INSERT INTO t VALUES (clock_timestamp())")
        with source_of(server, pg_tools, name).snapshot() as snapshot:
            connection.execute("INSERT INTO t VALUES (clock_timestamp())")
            rows = connection.execute("SELECT at FROM t ORDER BY 1").fetchall()
            with contextlib.closing(snapshot.connect()) as inside:
                assert inside.execute("SELECT count(*) FROM public.t").fetchone() == (1,)
    (first,), (second,) = rows
    assert first <= snapshot.taken_at <= second
    assert snapshot.taken_at.tzinfo is UTC
    assert snapshot.taken_at.year >= datetime(2024, 1, 1, tzinfo=UTC).year


def test_the_fingerprint_is_of_the_same_snapshot_and_may_run_beside_the_dump(
    server: SourceServer, pg_tools: AllTools, tmp_path: Path
) -> None:
    name = server.database("CREATE TABLE t AS SELECT generate_series(1, 100) AS x; CREATE SEQUENCE s START 5")
    with server.connect(name) as connection, source_of(server, pg_tools, name).snapshot() as snapshot:
        connection.execute("DELETE FROM t WHERE x > 50")
        with ThreadPoolExecutor() as pool:
            fingerprint = pool.submit(snapshot.fingerprint, FingerprintLevel.CONTENT, 2, quiet)
            snapshot.dump(tmp_path / "spool", Keeping(tmp_path / "kept"), 2, quiet)
            rows = {table.table: table.rows for table in fingerprint.result().tables}
        connection.execute("SELECT setval('s', 99)")
        again = snapshot.fingerprint(FingerprintLevel.ROWS, 1, quiet)
        none = snapshot.fingerprint(FingerprintLevel.NONE, 1, quiet)
    assert rows["public.t"] == 100
    assert again.sequences == {"public.s": "5,false"}, "as they stood before the dump began"
    assert (none.tables, none.sequences) == ((), {})
    server.drop(name)


def test_nothing_stays_open_on_the_source(server: SourceServer, pg_tools: AllTools) -> None:
    name = server.database()
    sessions = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'restoredrill' AND datname = %s"
    )
    with server.connect() as connection:
        with source_of(server, pg_tools, name).snapshot():
            assert connection.execute(sessions, [name]).fetchone() == (1,)
        for _ in range(1000):  # the server notices a moment later
            if connection.execute(sessions, [name]).fetchone() == (0,):
                break
        else:
            pytest.fail("a session is left on the source")


@pytest.fixture
def standby(server_factory: Callable[..., SourceServer]) -> Iterator[tuple[SourceServer, str]]:
    """A server in recovery that waits for a primary, and the name of a database with an unlogged table."""
    server = server_factory(17)
    name = server.database("CREATE TABLE t AS SELECT 1 AS x; CREATE UNLOGGED TABLE u AS SELECT 2 AS x")
    server.server.stop(immediate=False)
    (server.server.data / "standby.signal").touch()
    server.server.start()
    yield server, name
    server.server.stop()


def test_a_standby_is_a_source_too(
    standby: tuple[SourceServer, str], pg_tools: AllTools, tmp_path: Path
) -> None:
    server, name = standby
    keep = Keeping(tmp_path / "kept")
    with source_of(server, pg_tools, name).snapshot() as snapshot:
        dumped = snapshot.dump(tmp_path / "spool", keep, 2, quiet)
        with contextlib.closing(snapshot.connect()) as inside:
            assert inside.execute("SELECT x FROM public.t").fetchone() == (1,)
    assert dumped.notes == ("unlogged tables are empty on a standby and in this backup: 1",)
    data = [file.name for file in dumped.files if file.name.endswith(".dat.zst")]
    assert [keep.read(file) for file in data] == [b"1\n\\.\n\n\n"]


# What is not there ----------------------------------------------------------------------------------------


def test_no_server(tmp_path: Path, pg_tools: AllTools) -> None:
    source = PostgresSource(f"postgresql://u:pass@/d?host={tmp_path}", tuple(pg_tools.values()))
    with pytest.raises(SourceUnreachable) as caught, source.snapshot():
        pass
    assert "d on " in caught.value.thing


def test_no_database(server: SourceServer, pg_tools: AllTools) -> None:
    with (
        pytest.raises(SourceUnreachable, match="does not exist"),
        source_of(server, pg_tools, "nope").snapshot(),
    ):
        pass


def test_no_client(server: SourceServer) -> None:
    with pytest.raises(ToolMissing, match="17"), PostgresSource(server.url(), ()).snapshot():
        pass


def test_several_hosts_lead_to_one_server(server: SourceServer, pg_tools: AllTools, tmp_path: Path) -> None:
    name = server.database("CREATE TABLE t AS SELECT 1 AS x")
    words = f"host=/nonexistent,{server.server.directory} user=postgres dbname={name} port=5432"
    words += " target_session_attrs=read-write"
    source = PostgresSource(words, tuple(pg_tools.values()))
    keep = Keeping(tmp_path / "kept")
    with source.snapshot() as snapshot:
        assert snapshot.login.parameters["host"] == str(server.server.directory)
        snapshot.dump(tmp_path / "spool", keep, 2, quiet)
    assert "toc.dat" in keep.names


def test_a_snapshot_that_is_over_cannot_be_joined(server: SourceServer, pg_tools: AllTools) -> None:
    with source_of(server, pg_tools, "postgres").snapshot() as snapshot:
        pass
    with pytest.raises(DumpFailed, match="lost its snapshot"):
        snapshot.connect()


def test_the_end_of_a_snapshot_ends_what_still_reads_in_it(server: SourceServer, pg_tools: AllTools) -> None:
    """A dump that failed must not wait for a fingerprint's query, which may take hours; here it waits for
    a lock.
    """
    name = server.database("CREATE TABLE t (x int)")
    patient = Limits(lock_timeout_s=3600)
    source = PostgresSource(server.url(name), tuple(pg_tools.values()), patient)
    with server.connect(name) as blocker, ThreadPoolExecutor(1) as pool:
        with blocker.transaction():
            with source.snapshot() as snapshot:
                reading = snapshot.connect()
                blocker.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
                stuck = pool.submit(reading.execute, b"SELECT count(*) FROM public.t")
                waits = b"SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'public.t'::regclass"
                while blocker.execute(waits).fetchone() is None:
                    assert not stuck.done()
            with pytest.raises(psycopg.errors.QueryCanceled):
                stuck.result(timeout=120)
        reading.close()
