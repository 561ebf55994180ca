"""What comes out of a dump is what was in the snapshot, and nothing of the source changes."""

import contextlib
import shutil
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg
import pytest

from restoredrill.engines.postgres import toolchain
from restoredrill.engines.postgres.source import PostgresSource
from restoredrill.engines.postgres.toolchain import Tools
from tests.engines.keeping import Keeping, await_that, quiet
from tests.plugins.postgres import SourceServer

LONG = "ü" * 31 + "x"  # 63 bytes, the most a name can have
ODD = [
    "two words",
    'quo"te',
    "apo'strophe",
    "new\nline",
    "back\\slash",
    "日本語",
    "per%cent",
    "$1",
    "a=b",
    LONG,
]

VARIETY = """
CREATE ROLE {role} LOGIN PASSWORD 'their-password'; CREATE ROLE {role}_group; GRANT {role}_group TO {role};
CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TABLE plain (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz, m mood, p positive,
                    j jsonb, b bytea, f float8, a text[], r int4range, t text);
INSERT INTO plain (at, m, p, j, b, f, a, r, t)
  SELECT 'epoch'::timestamptz + g * '1 min'::interval, 'ok', g, jsonb_build_object('k', g),
         decode(md5(g::text), 'hex'), g / 3.0, ARRAY['x', NULL, g::text], int4range(g, g + 5),
         E'tab\\t newline\\n back\\\\slash \\\\. ' || g
    FROM generate_series(1, 20000) g;
CREATE TABLE parts (k int, v text) PARTITION BY RANGE (k);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (100);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (100) TO (200);
INSERT INTO parts SELECT g, md5(g::text) FROM generate_series(0, 199) g;
CREATE TABLE nothing (); CREATE TABLE no_rows (x int); CREATE UNLOGGED TABLE unlogged AS SELECT 1 AS x;
CREATE SEQUENCE lonely START 7; SELECT nextval('lonely'), nextval('lonely');
CREATE MATERIALIZED VIEW mv AS SELECT count(*) FROM plain; CREATE VIEW v AS SELECT * FROM parts;
CREATE TABLE parent (id int PRIMARY KEY, child int);
CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent);
ALTER TABLE parent ADD FOREIGN KEY (child) REFERENCES child DEFERRABLE INITIALLY DEFERRED;
SELECT lo_from_bytea(g, convert_to('large object ' || g, 'UTF8')) FROM generate_series(4242, 4252) g;
SELECT lo_from_bytea(5000, decode(repeat('ab', 3000000), 'hex'));
GRANT SELECT ON plain TO {role}_group;
"""


def digests(connection: psycopg.Connection) -> dict[str, str]:
    """Every table, sequence and large object of a database -> a digest of all there is in it."""
    tables = connection.execute(
        "SELECT c.oid::regclass::text, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE relkind IN ('r', 'S', 'm') AND nspname !~ '^pg_' AND nspname <> 'information_schema'"
    ).fetchall()
    found = {}
    for name, kind in tables:
        what = f"{name} x" if kind != "S" else f"(SELECT last_value, is_called FROM {name}) x"
        row = connection.execute(
            f"SELECT md5(coalesce(string_agg(x::text, '|' ORDER BY x::text), '')) FROM {what}".encode()
        ).fetchone()
        assert row is not None
        found[name] = row[0]
    for oid, digest in connection.execute("SELECT oid, md5(lo_get(oid)) FROM pg_largeobject_metadata"):
        found[f"large object {oid}"] = digest
    return found


def odd_tables() -> str:
    """Statements that make a schema and a table for each odd name, with a row that holds it."""
    made = []
    for name in ODD:
        quoted, literal = '"' + name.replace('"', '""') + '"', name.replace("'", "''")
        made.append(f"CREATE SCHEMA {quoted}; CREATE TABLE {quoted}.{quoted} ({quoted} text, s serial);")
        made.append(f"INSERT INTO {quoted}.{quoted} VALUES ('{literal}');")
    return "SET standard_conforming_strings = on;\n" + "\n".join(made)


def restored(server: SourceServer, tools: Tools, folder: Path, source: str) -> str:
    """Restore what was kept with pg_restore alone, into a fresh database of the same server."""
    name = server.database()
    argv = [
        tools.program("pg_restore"),
        "--exit-on-error",
        "--jobs=2",
        f"--dbname={server.url(name)}",
        folder,
    ]
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return name


def source_of(server: SourceServer, pg_tools: dict[int, Tools], name: str) -> PostgresSource:
    return PostgresSource(server.url(name), tuple(pg_tools.values()))


@pytest.mark.parametrize("major", [14, 16, 17, 18])
def test_pg_restore_alone_brings_everything_back(
    major: int,
    source_server: Callable[[int], SourceServer],
    pg_tools: dict[int, Tools],
    tmp_path: Path,
) -> None:
    server = source_server(major)
    name = server.database(VARIETY.format(role=f"variety{major}") + odd_tables())
    keep = Keeping(tmp_path / "kept")
    spool = tmp_path / "spool"
    with server.connect(name) as connection, source_of(server, pg_tools, name).snapshot() as snapshot:
        before = digests(connection)
        # What happens after the snapshot was taken is not in the backup.
        connection.execute("UPDATE plain SET t = 'changed'; DELETE FROM parts WHERE k < 50")
        connection.execute("INSERT INTO no_rows VALUES (1); SELECT lo_unlink(4242)")
        dumped = snapshot.dump(spool, keep, 2, quiet)
    assert list(spool.iterdir()) == []
    assert {file.name for file in dumped.files} == keep.names
    assert "toc.dat" in keep.names
    assert all(file.size_bytes == (keep.folder / file.name).stat().st_size for file in dumped.files)
    assert dumped.notes == ()
    client = toolchain.client_for(major, tuple(pg_tools.values()))
    assert dumped.client_version == client.version
    assert any(name.endswith(".dat.zst") for name in keep.names)

    copy = restored(server, client, keep.folder, name)
    with server.connect(copy) as connection:
        after = digests(connection)
        assert connection.execute("SELECT count(*) FROM v").fetchone() == (200,)
    assert {"lonely", "large object 4242", "large object 5000", f'"{LONG}"."{LONG}"'} <= set(after)
    assert after == before
    roles = keep.read("globals.sql.zst").decode()
    assert f"CREATE ROLE variety{major}_group;" in roles
    assert "SCRAM-SHA-256$" in roles
    server.drop(name)
    server.drop(copy)


def test_an_empty_database_has_a_dump(
    source_server: Callable[[int], SourceServer], pg_tools: dict[int, Tools], tmp_path: Path
) -> None:
    server = source_server(17)
    name = server.database()
    keep = Keeping(tmp_path / "kept")
    with source_of(server, pg_tools, name).snapshot() as snapshot:
        dumped = snapshot.dump(tmp_path / "spool", keep, 2, quiet)
    assert [file.name for file in dumped.files] == ["globals.sql.zst", "toc.dat"]
    restored(server, toolchain.client_for(17, tuple(pg_tools.values())), keep.folder, name)


@pytest.mark.parametrize(
    "name", ["two words and 'quotes\"", "a=b c", "postgresql://x", "ünï\ncode", "x" * 63]
)
def test_the_database_may_have_any_name(
    name: str, source_server: Callable[[int], SourceServer], pg_tools: dict[int, Tools], tmp_path: Path
) -> None:
    server = source_server(17)
    server.database("CREATE TABLE t AS SELECT 1 AS x", name=name)
    keep = Keeping(tmp_path / "kept")
    with source_of(server, pg_tools, name).snapshot() as snapshot:
        assert snapshot.facts().database == name
        snapshot.dump(tmp_path / "spool", keep, 1, quiet)
    assert {"globals.sql.zst", "toc.dat"} < keep.names
    server.drop(name)


def test_two_thousand_small_tables(
    source_server: Callable[[int], SourceServer], pg_tools: dict[int, Tools], tmp_path: Path
) -> None:
    server = source_server(17)
    many = "DO $$BEGIN FOR i IN 1..2000 LOOP EXECUTE format('CREATE TABLE t%s AS SELECT %s AS x', i, i);"
    name = server.database(f"{many} END LOOP; END$$")
    most = 0

    def hook(file: str, number: int) -> None:
        nonlocal most
        most = max(most, sum(thread.name.startswith("keep") for thread in threading.enumerate()))

    keep = Keeping(tmp_path / "kept", hook)
    with source_of(server, pg_tools, name).snapshot() as snapshot:
        dumped = snapshot.dump(tmp_path / "spool", keep, 2, quiet)
    data = sorted(file.name for file in dumped.files if file.name.endswith(".dat.zst"))
    assert len(data) == 2000
    values = {int(keep.read(name).split(b"\n")[0]) for name in data}
    assert values == set(range(1, 2001))
    assert most <= 8
    server.drop(name)


def test_the_source_is_only_read(
    source_server: Callable[[int], SourceServer], pg_tools: dict[int, Tools], tmp_path: Path
) -> None:
    server = source_server(17)
    name = server.database("CREATE TABLE t AS SELECT generate_series(1, 1000) AS x; CREATE SEQUENCE s")
    state = """SELECT pg_snapshot_xmax(pg_current_snapshot())::text, (SELECT count(*) FROM pg_class),
        (SELECT pg_relation_size('t')), (SELECT sum(temp_files) FROM pg_stat_database),
        (SELECT last_value FROM s), (SELECT count(*) FROM pg_largeobject_metadata)"""
    seen: list[tuple[str, str]] = []

    def hook(file: str, number: int) -> None:
        with server.connect() as connection:
            seen.extend(
                connection.execute(
                    "SELECT application_name, coalesce(backend_xid::text, '') FROM pg_stat_activity"
                    " WHERE datname = %s",
                    [name],
                ).fetchall()
            )

    with server.connect(name) as connection:
        before = connection.execute(state.encode()).fetchone()
        with source_of(server, pg_tools, name).snapshot() as snapshot:
            snapshot.facts()
            snapshot.dump(tmp_path / "spool", Keeping(tmp_path / "kept", hook), 2, quiet)
        assert connection.execute(state.encode()).fetchone() == before
    ours = {seen_name for seen_name in seen if seen_name[0] != ""}
    assert ours == {("restoredrill", "")}, "every session says who it is, none got a transaction id"


def test_no_program_is_told_the_password(
    tcp_server: SourceServer, pg_tools: dict[int, Tools], tmp_path: Path
) -> None:
    name = tcp_server.database("CREATE TABLE t AS SELECT generate_series(1, 1000) AS x")
    url = tcp_server.tcp_url(name)
    password = "s3cret-of-the-source"
    assert password in url
    said: list[str] = []
    arguments: set[str] = set()

    def dump() -> None:
        source = PostgresSource(url, tuple(pg_tools.values()))
        with source.snapshot() as snapshot:
            said.extend([repr(source), repr(snapshot), str(snapshot)])
            snapshot.dump(
                tmp_path / "spool", Keeping(tmp_path / "kept"), 2, lambda text, *_: said.append(text)
            )

    def seen() -> bool:
        for found in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                arguments.add(" ".join(found.cmdline()))
        return sum("--format=directory" in line for line in arguments) > 0

    with ThreadPoolExecutor() as pool, tcp_server.connect(name) as connection:
        connection.execute("BEGIN; LOCK TABLE t")  # pg_dump waits for it, and can be looked at
        dumping = pool.submit(dump)
        await_that(seen, "pg_dump is there")
        connection.execute("ROLLBACK")
        dumping.result()
    assert any("--format=directory" in line for line in arguments)
    assert not any(password in text for text in (*arguments, *said))


def test_the_number_of_files_does_not_depend_on_the_number_of_jobs(
    source_server: Callable[[int], SourceServer], pg_tools: dict[int, Tools], tmp_path: Path
) -> None:
    server = source_server(18)
    tables = "; ".join(f"CREATE TABLE t{i} AS SELECT generate_series(1, 100) AS x" for i in range(9))
    name = server.database(tables)
    kept = []
    for jobs in (1, 5):
        keep = Keeping(tmp_path / f"kept{jobs}")
        with source_of(server, pg_tools, name).snapshot() as snapshot:
            snapshot.dump(tmp_path / f"spool{jobs}", keep, jobs, quiet)
        kept.append(keep.names)
        shutil.rmtree(tmp_path / f"spool{jobs}")
    assert kept[0] == kept[1]
    assert len(kept[0]) == 11
