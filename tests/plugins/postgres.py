"""Real PostgreSQL servers for tests: every major there is, started once a worker when first asked for.

They sit in short directories of their own (a Unix socket's path is limited, and `nobody` must reach them if
we are root), admit every role on the socket, and are ended by pid when the worker is done.
"""

import itertools
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from restoredrill.engines.postgres import toolchain
from restoredrill.engines.postgres.server import Server, Tcp
from restoredrill.engines.postgres.toolchain import Tools
from tests.plugins.requirements import REPOSITORY, missing

SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "64MB",
    "max_connections": "50",
    "max_wal_size": "4GB",
    "jit": "off",
    # A source logs like other sources; its log is what a test reads when something is odd.
    "log_min_messages": "warning",
}


@dataclass(frozen=True)
class SourceServer:
    """A running server that stands for somebody's production: superuser `postgres`, UTF8, locale C.UTF-8."""

    server: Server
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def tools(self) -> Tools:
        """The installation it runs from."""
        return self.server.tools

    @property
    def major(self) -> int:
        """14, 15, …"""
        return self.server.tools.major

    def url(self, dbname: str = "postgres") -> str:
        """By the Unix socket, as `postgres`, without a password."""
        return self.server.url(dbname)

    def tcp_url(self, dbname: str = "postgres") -> str:
        """By a loopback port, with a password (`tcp_server` only)."""
        return self.server.tcp_url(dbname)

    def url_as(self, role: str, dbname: str) -> str:
        """By the Unix socket as another role."""
        parts = urlsplit(self.url(dbname))
        return urlunsplit(parts._replace(netloc=f"{role}@"))

    def connect(self, dbname: str = "postgres") -> psycopg.Connection:
        """An autocommit connection as `postgres`; the caller closes it."""
        return psycopg.connect(self.url(dbname), autocommit=True)

    def database(self, script: str = "", *, name: str | None = None, options: str = "") -> str:
        """Make a fresh database (`options`: `ENCODING …` and so on), run `script` in it, return its name."""
        name = name or f"db{next(self._numbers)}"
        with self.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
            create = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ").format(sql.Identifier(name))
            connection.execute(create + sql.SQL(options))
        if script:
            with self.connect(name) as connection:
                connection.execute(script)
        return name

    def load(self, path: Path, *, name: str | None = None) -> str:
        """Make a fresh database from a file for `psql` (COPY blocks and all), return its name."""
        name = self.database(name=name)
        psql = self.tools.program("psql")
        argv = [str(psql), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(path), self.url(name)]
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
        return name

    def drop(self, name: str) -> None:
        """Drop a database that a test does not need any more."""
        with self.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} (FORCE)").format(sql.Identifier(name)))


def short_directory() -> Path:
    """A new directory whose path is short and which any user can reach; the caller removes it."""
    path = Path(tempfile.mkdtemp(prefix="rd-", dir="/tmp"))
    path.chmod(0o711)
    return path


def free_port() -> int:
    """A loopback port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A directory like `short_directory`, removed after the test."""
    path = short_directory()
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def pg_tools() -> dict[int, Tools]:
    """Every PostgreSQL here that has a server, by major, readable to the user that servers run as."""
    beside = sorted((REPOSITORY / ".venv" / "postgres").glob("*/bin"))
    found: dict[int, Tools] = {}
    for tools in toolchain.installed(beside):
        if (tools.bindir / "initdb").exists() and (tools.bindir / "postgres").exists():
            found.setdefault(tools.major, tools)
    if not found:
        missing("no PostgreSQL server programs")
    return {major: toolchain.staged(tools) for major, tools in sorted(found.items())}


def _started(tools: Tools, tcp: Tcp | None) -> Server:
    directory = short_directory()
    server = Server(tools, directory / "s", superuser="postgres", trust_socket=True, tcp=tcp)
    server.create(encoding="UTF8", locale="C.UTF-8", settings=SETTINGS)
    server.start()
    return server


@pytest.fixture(scope="session")
def server_factory(pg_tools: dict[int, Tools]) -> Iterator[Callable[..., SourceServer]]:
    """`server_factory(major, tcp=False)`: one more server of its own, for a test that stops or breaks it."""
    servers: list[Server] = []

    def make(major: int, *, tcp: bool = False) -> SourceServer:
        if major not in pg_tools:
            missing(f"no PostgreSQL {major}")
        server = _started(pg_tools[major], Tcp(free_port(), "s3cret-of-the-source") if tcp else None)
        servers.append(server)
        return SourceServer(server)

    yield make
    for server in servers:
        server.stop()
        shutil.rmtree(server.directory.parent, ignore_errors=True)


@pytest.fixture(scope="session")
def source_server(server_factory: Callable[..., SourceServer]) -> Callable[[int], SourceServer]:
    """`source_server(major)`: this worker's running server of a major; the same one each time."""
    running: dict[int, SourceServer] = {}

    def get(major: int) -> SourceServer:
        if major not in running:
            running[major] = server_factory(major)
        return running[major]

    return get


@pytest.fixture(scope="session")
def tcp_server(server_factory: Callable[..., SourceServer]) -> SourceServer:
    """A server of major 17 with a loopback port and a password, for tests that need a URL with one."""
    return server_factory(17, tcp=True)


@pytest.fixture
def make_small_disk() -> Iterator[Callable[[int], Path]]:
    """`make_small_disk(megabytes)`: a file system of that size, for a full disk. Needs root."""
    mounted: list[Path] = []

    def make(megabytes: int) -> Path:
        path = short_directory()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0711", "tmpfs", str(path)]
        if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
            path.rmdir()
            missing("mounting a small file system needs root")
        mounted.append(path)
        return path

    yield make
    for path in mounted:
        subprocess.run(["umount", "--lazy", str(path)], check=True)
        path.rmdir()


@pytest.fixture
def small_disk(make_small_disk: Callable[[int], Path]) -> Path:
    """A file system with 24 MB of room. Needs root."""
    return make_small_disk(24)
