"""A server of our own starts, is alone in its directory, and leaves nothing."""

import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from restoredrill import process
from restoredrill.engines.postgres.server import LOGIN, Server, Tcp
from restoredrill.engines.postgres.toolchain import Tools
from restoredrill.errors import DiskFull, ServerFailed
from tests.plugins.postgres import SourceServer, free_port, short_directory
from tests.plugins.requirements import missing


@pytest.fixture(scope="module")
def tools(pg_tools: dict[int, Tools]) -> Tools:
    """The newest server there is."""
    return pg_tools[max(pg_tools)]


@pytest.fixture(scope="module")
def cluster(tools: Tools) -> Iterator[Server]:
    """Making one takes most of a second: the tests here share it, and each starts it anew."""
    directory = short_directory()
    made = Server(tools, directory / "s", login=LOGIN)
    made.create(settings={"shared_buffers": "16MB"})
    yield made
    made.stop()
    shutil.rmtree(directory)


@pytest.fixture
def server(cluster: Server) -> Iterator[Server]:
    """Made, and not running."""
    yield cluster
    cluster.stop()


def ask(url: str, query: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
        return str(row and row[0])


def test_a_server_runs_on_its_socket_only_and_leaves_no_process(server: Server) -> None:
    server.start()
    assert ask(server.url("postgres"), "select current_user") == LOGIN
    assert ask(server.url("postgres"), "show listen_addresses") == ""
    assert ask(server.url("postgres"), "show lc_messages") == "C"
    assert process.alive(server.proc)
    assert server.directory.stat().st_mode & 0o777 == 0o700
    assert process.running_below(server.directory)
    server.stop()
    assert process.running_below(server.directory) == ()
    server.stop()  # twice is fine


def test_a_server_starts_again_on_the_same_files(server: Server) -> None:
    server.start()
    server.stop(immediate=False)
    server.start()
    assert ask(server.url("postgres"), "select 1") == "1"


def test_the_socket_admits_only_our_own_user(server: Server) -> None:
    if process.server_ids()[0] is None:
        missing("needs root, which has a second user at hand")
    server.start()
    try:
        psql: list[str | Path] = [
            server.tools.program("psql"),
            "-X",
            "-c",
            "select 1",
            server.url("postgres"),
        ]
        stranger = process.run(psql, as_server=True, cwd=Path("/"))
    finally:
        server.stop()
    assert stranger.code != 0
    assert "Peer authentication failed" in stranger.err


def test_no_process_outlives_a_killed_postmaster(server: Server) -> None:
    server.start()
    connection = psycopg.connect(server.url("postgres"))
    try:
        # A backend that computes does not notice its postmaster's death.
        many = "generate_series(1, 100000)"
        connection.pgconn.send_query(f"select count(*) from {many} a, {many} b".encode())
        os.kill(server.proc.pid, signal.SIGKILL)
        with pytest.raises(ServerFailed, match="SIGKILL") as raised:
            wait_until_ended(server)
        server.stop()
    finally:
        connection.close()
    assert raised.value.hint
    assert process.running_below(server.directory) == ()


def wait_until_ended(server: Server) -> None:
    until = time.monotonic() + 60
    while process.alive(server.proc) and time.monotonic() < until:
        time.sleep(0.01)
    server.check()


def test_another_controller_ends_a_server_it_did_not_start(server: Server) -> None:
    server.start()
    postmaster = server.proc
    Server(server.tools, server.directory).stop()
    assert not process.alive(postmaster)
    assert process.running_below(server.directory) == ()
    server.stop()


def test_a_killed_server_leaves_no_shared_memory(server: Server) -> None:
    if not Path("/proc/sysvipc/shm").exists():
        missing("System V shared memory can be looked at on Linux only")
    server.start(isolated=process.can_isolate())
    postmaster = server.proc.pid
    os.kill(postmaster, signal.SIGKILL)
    server.stop()
    creators = [line.split()[4] for line in Path("/proc/sysvipc/shm").read_text().splitlines()]
    assert str(postmaster) not in creators
    assert not list(Path("/dev/shm").glob(f"PostgreSQL.{postmaster}*"))


def refused(server: Server, conninfo: str) -> str:
    """What dblink says when it can't connect; fails if it can."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("create extension if not exists dblink")
        with pytest.raises(psycopg.errors.SqlclientUnableToEstablishSqlconnection) as raised:
            connection.execute("select dblink_connect(%s)", [conninfo])
        return str(raised.value)


def test_an_isolated_server_reaches_no_port(server: Server) -> None:
    if not process.can_isolate():
        missing("this host does not let a program start without network")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.start(isolated=True)
        refused(server, f"host=127.0.0.1 port={listener.getsockname()[1]}")
        listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_an_isolated_server_reaches_no_unix_socket_of_this_host(
    server: Server, source_server: Callable[[int], SourceServer]
) -> None:
    if not process.can_isolate():
        missing("this host does not let a program start without network")
    # Another server on this host, which would let anybody in.
    production = source_server(17).server
    server.start(isolated=True)
    says = refused(server, f"host={production.directory} port=5432 user=postgres dbname=postgres")
    assert "Permission denied" in says


def test_a_server_that_is_not_isolated_reaches_it(
    server: Server, source_server: Callable[[int], SourceServer]
) -> None:
    production = source_server(17).server
    server.start()
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("create extension if not exists dblink")
        connection.execute(
            "select dblink_connect(%s)",
            [f"host={production.directory} port=5432 user=postgres dbname=postgres"],
        )


def test_a_port_asks_for_the_password(tools: Tools, short_path: Path) -> None:
    server = Server(
        tools, short_path / "s", superuser="postgres", tcp=Tcp(free_port(), "with space & ünlaut%/")
    )
    server.create(settings={"shared_buffers": "16MB"})
    server.start()
    try:
        assert ask(server.tcp_url("postgres"), "select current_user") == "postgres"
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(server.tcp_url("postgres"), password="wrong")
        assert not (server.directory / "pw").exists()
    finally:
        server.stop()


def test_a_server_that_ends_while_starting_is_noticed_with_its_last_words(server: Server) -> None:
    conf = server.data / "postgresql.conf"
    good = conf.read_text()
    conf.write_text(f"{good}\nshared_preload_libraries = 'no_such_library'\n")
    try:
        with pytest.raises(ServerFailed, match="no_such_library"):
            server.start()
    finally:
        conf.write_text(good)
    assert process.running_below(server.directory) == ()


def test_a_directory_that_the_server_cannot_reach_is_named_with_a_hint(
    tools: Tools, short_path: Path
) -> None:
    if process.server_ids()[0] is None:
        missing("needs root, whose folders others can't enter")
    closed = short_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(ServerFailed, match="Permission denied") as raised:
        Server(tools, closed / "s").create()
    assert "nobody" in raised.value.hint


def test_a_path_too_long_for_a_socket_is_refused_before_anything_is_made(
    tools: Tools, short_path: Path
) -> None:
    deep = short_path / ("d" * 100)
    with pytest.raises(ServerFailed, match="bytes") as raised:
        Server(tools, deep).create()
    assert "shorter" in raised.value.hint
    assert not deep.exists()


def test_a_full_disk_is_not_a_broken_server(tools: Tools, small_disk: Path) -> None:
    with pytest.raises(DiskFull):
        Server(tools, small_disk / "s").create()


def test_the_log_holds_no_rows(server: Server) -> None:
    server.start()
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("create temp table t (a text primary key); insert into t values ('s3cret-row')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("insert into t values ('s3cret-row')")
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            connection.execute("select 's3cret-row'::int")
    server.stop()
    assert "s3cret-row" not in server.log.read_text()


def test_source_servers_hold_databases_of_their_own(source_server: Callable[[int], SourceServer]) -> None:
    source = source_server(17)
    name = source.database("create table t as select 7 as a")
    assert ask(source.url(name), "select a from t") == "7"
    assert ask(source.url(name), "show server_encoding") == "UTF8"
    assert source_server(17) is source
    source.drop(name)
    assert shutil.which("true")
