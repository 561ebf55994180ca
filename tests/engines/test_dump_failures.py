"""A dump that breaks says why, and leaves no process, no thread and no file; whatever the moment."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from restoredrill.engines.postgres.connect import Limits, Login
from restoredrill.engines.postgres.dump import NO_HOLES, DumpOrder, judged
from restoredrill.engines.postgres.source import PostgresSource
from restoredrill.engines.postgres.toolchain import Tools
from restoredrill.errors import DiskFull, DumpFailed, RestoredrillError, SourceDenied, VaultUnreachable
from tests.engines.keeping import Keeping, await_that, nothing_left, pg_dumps, quiet
from tests.plugins.postgres import SourceServer, short_directory
from tests.plugins.requirements import missing

LIMIT_BYTES = 8 << 20
RANDOM_BYTES = (
    30_000_000  # of one table, as they are; pg_dump's compressor gets them down to about this again
)

GetServer = Callable[[int], SourceServer]
AllTools = dict[int, Tools]


def fill(server: SourceServer, name: str) -> None:
    """A table of bytes that can't be compressed, and some small ones."""
    with server.connect(name) as connection:
        connection.execute("CREATE TABLE big (b bytea)")
        connection.execute("ALTER TABLE big ALTER b SET STORAGE EXTERNAL")
        with connection.cursor().copy("COPY big FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["bytea"])
            for _ in range(16):
                copy.write_row([os.urandom(RANDOM_BYTES // 16)])
        for number in range(8):
            connection.execute(f"CREATE TABLE small{number} AS SELECT generate_series(1, 1000) AS x".encode())


@pytest.fixture(scope="module")
def large(source_server: GetServer) -> Iterator[tuple[SourceServer, str]]:
    """A server and the name of a database that takes pg_dump a moment."""
    server = source_server(17)
    name = server.database()
    fill(server, name)
    yield server, name
    server.drop(name)


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    path = tmp_path / "spool"
    path.mkdir()
    return path


def source_of(large: tuple[SourceServer, str], pg_tools: AllTools) -> PostgresSource:
    server, name = large
    return PostgresSource(server.url(name), tuple(pg_tools.values()), spool_limit_bytes=LIMIT_BYTES)


def held_bytes(folder: Path) -> int:
    """Disk in use below a folder, files that vanish meanwhile aside."""
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            try:
                total += Path(where, name).lstat().st_blocks * 512
            except FileNotFoundError:
                continue
    return total


def stopped(spool: Path) -> bool:
    """Is every process of pg_dump stopped?"""
    found = pg_dumps(spool)
    return bool(found) and all(process.status() == psutil.STATUS_STOPPED for process in found)


# The spool's size -------------------------------------------------------------------------------------------


def test_the_spool_stays_small_while_the_vault_is_slow(
    large: tuple[SourceServer, str], pg_tools: AllTools, spool: Path, tmp_path: Path
) -> None:
    most, over = 0, threading.Event()

    def sample() -> None:
        nonlocal most
        while not over.wait(0.005):
            most = max(most, held_bytes(spool))

    def slow(name: str, number: int) -> None:
        if name.endswith(".dat.zst") and number == 1:  # only the large one has a second chunk
            await_that(lambda: stopped(spool), "pg_dump is stopped")

    keep = Keeping(tmp_path / "kept", slow)
    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        with source_of(large, pg_tools).snapshot() as snapshot:
            dumped = snapshot.dump(spool, keep, 2, quiet)
    finally:
        over.set()
        sampler.join()
    assert sum(file.size_bytes for file in dumped.files) > RANDOM_BYTES
    assert LIMIT_BYTES < most < 3 * LIMIT_BYTES
    assert nothing_left(spool)
    server, name = large
    with server.connect(name) as connection, connection.cursor().copy("COPY big TO STDOUT") as copy:
        rows = b"".join(bytes(part) for part in copy)
    largest = max(dumped.files, key=lambda file: file.size_bytes)
    assert keep.read(largest.name).startswith(rows + b"\\.\n")


@pytest.fixture
def no_holes() -> Iterator[Path]:
    """A file system whose files can't have holes. Needs root."""
    path = short_directory()
    mount = ["mount", "-t", "ramfs", "-o", "mode=0711", "ramfs", str(path)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        path.rmdir()
        missing("mounting a file system needs root")
    yield path
    subprocess.run(["umount", "--lazy", str(path)], check=True)
    path.rmdir()


def test_without_holes_only_whole_files_are_released_and_a_note_says_so(
    large: tuple[SourceServer, str], pg_tools: AllTools, no_holes: Path, tmp_path: Path
) -> None:
    with source_of(large, pg_tools).snapshot() as snapshot:
        dumped = snapshot.dump(no_holes / "spool", Keeping(tmp_path / "kept"), 2, quiet)
    assert NO_HOLES in dumped.notes
    assert sum(file.size_bytes for file in dumped.files) > RANDOM_BYTES
    assert nothing_left(no_holes / "spool")


# Whatever breaks --------------------------------------------------------------------------------------------


def kill_leader(spool: Path) -> None:
    pg_dumps(spool)[0].kill()


def kill_worker(spool: Path) -> None:
    pg_dumps(spool)[-1].kill()


@pytest.mark.parametrize("victim", [kill_leader, kill_worker])
@pytest.mark.parametrize("moment", ["at the first file", "in a large file", "while it is stopped"])
def test_pg_dump_is_killed(
    victim: Callable[[Path], None],
    moment: str,
    large: tuple[SourceServer, str],
    pg_tools: AllTools,
    spool: Path,
    tmp_path: Path,
) -> None:
    killed = threading.Event()

    def hook(name: str, number: int) -> None:
        if name == "globals.sql.zst" or number != {"at the first file": 0, "in a large file": 5}.get(
            moment, 1
        ):
            return
        if moment == "while it is stopped":
            await_that(lambda: stopped(spool), "pg_dump is stopped")
        if not killed.is_set():
            killed.set()
            victim(spool)

    keep = Keeping(tmp_path / "kept", hook)
    with (
        source_of(large, pg_tools).snapshot() as snapshot,
        pytest.raises(DumpFailed, match=r"pg_dump|worker"),
    ):
        snapshot.dump(spool, keep, 2, quiet)
    assert killed.is_set()
    assert all((keep.folder / name).stat().st_size < 1 << 20 for name in keep.names), "not the large table"
    assert nothing_left(spool)


def test_the_vault_dies(
    large: tuple[SourceServer, str], pg_tools: AllTools, spool: Path, tmp_path: Path
) -> None:
    dead = VaultUnreachable("put", "s3://b/k", "connection refused")

    def hook(name: str, number: int) -> None:
        if number == 3:
            raise dead

    keep = Keeping(tmp_path / "kept", hook)
    with source_of(large, pg_tools).snapshot() as snapshot, pytest.raises(VaultUnreachable) as caught:
        snapshot.dump(spool, keep, 2, quiet)
    assert caught.value is dead
    assert nothing_left(spool)


@pytest.mark.parametrize("paused", [False, True])
def test_ctrl_c(
    paused: bool, large: tuple[SourceServer, str], pg_tools: AllTools, spool: Path, tmp_path: Path
) -> None:
    gone = threading.Event()

    def hook(name: str, number: int) -> None:
        if number == 1:
            await_that(lambda: gone.is_set() or not pg_dumps(spool), "pg_dump is gone")

    def progress(message: str, percent: float | None, mb_per_s: float | None) -> None:
        if not paused or stopped(spool):
            gone.set()
            raise KeyboardInterrupt

    keep = Keeping(tmp_path / "kept", hook)
    with source_of(large, pg_tools).snapshot() as snapshot, pytest.raises(KeyboardInterrupt):
        snapshot.dump(spool, keep, 2, progress)
    assert nothing_left(spool)


BACKUP = """
import sys
from pathlib import Path
from restoredrill.engines.postgres import toolchain
from restoredrill.engines.postgres.source import PostgresSource
from tests.engines.keeping import Keeping, quiet, await_that
from tests.engines.test_dump_failures import stopped
url, spool, kept, bindir = sys.argv[1:]
def hook(name, number):
    if number == 1:
        await_that(lambda: stopped(Path(spool)), "pg_dump is stopped")
        print("stopped", flush=True)
        sys.stdin.read()
source = PostgresSource(url, toolchain.installed([Path(bindir)]), spool_limit_bytes=4 << 20)
with source.snapshot() as snapshot:
    snapshot.dump(Path(spool), Keeping(Path(kept), hook), 2, quiet)
"""


def test_we_are_killed_and_pg_dump_does_not_stay_stopped_for_ever(
    large: tuple[SourceServer, str], pg_tools: AllTools, spool: Path, tmp_path: Path
) -> None:
    server, name = large
    argv = [sys.executable, "-c", BACKUP, server.url(name), spool, tmp_path / "kept", pg_tools[17].bindir]
    with subprocess.Popen([str(a) for a in argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"stopped\n"
        assert pg_dumps(spool)
        child.kill()
    await_that(lambda: not pg_dumps(spool), "pg_dump is gone, too")


def test_the_disk_is_full(
    large: tuple[SourceServer, str], pg_tools: AllTools, small_disk: Path, tmp_path: Path
) -> None:
    spool = small_disk / "spool"
    (small_disk / "others").write_bytes(bytes(14 << 20))
    server, name = large
    # The limit is above what fits: that is what a disk that others fill looks like.
    source = PostgresSource(server.url(name), tuple(pg_tools.values()), spool_limit_bytes=1 << 30)

    def hook(name: str, number: int) -> None:
        if number == 1:
            await_that(lambda: not pg_dumps(spool), "pg_dump gave up")

    with source.snapshot() as snapshot, pytest.raises(DiskFull) as caught:
        snapshot.dump(spool, Keeping(tmp_path / "kept", hook), 2, quiet)
    assert "no space left" in caught.value.reason
    assert nothing_left(spool)


def test_the_session_with_the_snapshot_ends_before_pg_dump_starts(
    large: tuple[SourceServer, str], pg_tools: AllTools, spool: Path, tmp_path: Path
) -> None:
    server, _ = large
    keep = Keeping(tmp_path / "kept")
    with source_of(large, pg_tools).snapshot() as snapshot, server.connect() as connection:
        terminate(connection, snapshot.holder.info.backend_pid)
        with pytest.raises(DumpFailed, match="lost its snapshot"):
            snapshot.dump(spool, keep, 2, quiet)
    assert keep.begun == []
    assert nothing_left(spool)


def terminate(connection: psycopg.Connection, pid: int) -> None:
    connection.execute("SELECT pg_terminate_backend(%s, 30000)", [pid])


def test_the_session_with_the_snapshot_ends_under_the_dump(
    large: tuple[SourceServer, str], pg_tools: AllTools, spool: Path, tmp_path: Path
) -> None:
    server, _ = large
    with source_of(large, pg_tools).snapshot() as snapshot, server.connect() as connection:

        def hook(name: str, number: int) -> None:
            if number == 1:
                terminate(connection, snapshot.holder.info.backend_pid)

        with pytest.raises(DumpFailed, match="lost its snapshot"):
            snapshot.dump(spool, Keeping(tmp_path / "kept", hook), 2, quiet)
    assert nothing_left(spool)


def test_the_database_is_restarted_under_the_dump(
    server_factory: Callable[..., SourceServer], pg_tools: AllTools, spool: Path, tmp_path: Path
) -> None:
    server = server_factory(17)
    name = server.database()
    fill(server, name)

    def hook(name: str, number: int) -> None:
        if number == 1 and name != "globals.sql.zst":
            server.server.stop()
            server.server.start()

    source = source_of((server, name), pg_tools)
    with source.snapshot() as snapshot, pytest.raises(DumpFailed) as caught:
        snapshot.dump(spool, Keeping(tmp_path / "kept", hook), 2, quiet)
    assert "lost its snapshot" in caught.value.reason or "connection" in caught.value.reason
    assert nothing_left(spool)
    with source.snapshot() as snapshot:
        snapshot.dump(spool, Keeping(tmp_path / "again"), 2, quiet)


def test_somebody_locks_a_table(
    source_server: GetServer, pg_tools: AllTools, spool: Path, tmp_path: Path
) -> None:
    server = source_server(17)
    name = server.database('CREATE TABLE "Locked one" (x int)')
    limits = Limits(lock_timeout_s=0.2)
    source = PostgresSource(server.url(name), tuple(pg_tools.values()), limits)
    with server.connect(name) as connection, connection.transaction():
        connection.execute('LOCK TABLE "Locked one" IN ACCESS EXCLUSIVE MODE')
        with (
            source.snapshot() as snapshot,
            pytest.raises(DumpFailed, match=r'"Locked one".*locked') as caught,
        ):
            snapshot.dump(spool, Keeping(tmp_path / "kept"), 2, quiet)
    assert "lock time-out" in caught.value.hint
    assert nothing_left(spool)


def test_somebody_drops_a_view_meanwhile(
    source_server: GetServer, pg_tools: AllTools, spool: Path, tmp_path: Path
) -> None:
    server = source_server(17)
    name = server.database("CREATE VIEW v AS SELECT 1 AS x")
    source = PostgresSource(server.url(name), tuple(pg_tools.values()))
    with source.snapshot() as snapshot, server.connect(name) as connection:
        connection.execute("DROP VIEW v")
        with pytest.raises(DumpFailed) as caught:
            snapshot.dump(spool, Keeping(tmp_path / "kept"), 2, quiet)
    assert "try again" in caught.value.hint


@pytest.mark.parametrize(
    ("meanwhile", "lost"),
    [
        ("TRUNCATE told", True),
        ("ALTER TABLE told ALTER a TYPE bigint", True),
        ("INSERT INTO told VALUES (2); DELETE FROM told WHERE a = 1; VACUUM told", False),
        ("CREATE TABLE later AS SELECT 1; CREATE INDEX ON told (a)", False),
    ],
)
def test_a_table_is_rewritten_before_the_dump_has_its_locks(
    source_server: Callable[[int], SourceServer],
    pg_tools: AllTools,
    spool: Path,
    tmp_path: Path,
    meanwhile: str,
    lost: bool,
) -> None:
    """Promise 1: what a snapshot can no longer read is no empty table, though dump and fingerprint agree."""
    server = source_server(17)
    name = server.database("CREATE TABLE told AS SELECT 1 AS a")
    source = PostgresSource(server.url(name), tuple(pg_tools.values()))
    try:
        with source.snapshot() as snapshot:
            snapshot.facts()
            with psycopg.connect(server.url(name), autocommit=True) as connection:
                for statement in meanwhile.split("; "):
                    connection.execute(statement.encode())
            if lost:
                with pytest.raises(DumpFailed, match=r"rewritten or truncated .*: public\.told"):
                    snapshot.dump(spool, Keeping(tmp_path / "kept"), 1, quiet)
            else:
                snapshot.dump(spool, Keeping(tmp_path / "kept"), 1, quiet)
    finally:
        server.drop(name)


def test_the_spool_is_not_empty(
    source_server: GetServer, pg_tools: AllTools, spool: Path, tmp_path: Path
) -> None:
    server = source_server(17)
    (spool / "data").mkdir()
    (spool / "data" / "of another").touch()
    source = PostgresSource(server.url("postgres"), tuple(pg_tools.values()))
    with source.snapshot() as snapshot, pytest.raises(DumpFailed) as caught:
        snapshot.dump(spool, Keeping(tmp_path / "kept"), 2, quiet)
    assert "empty folder" in caught.value.hint
    assert (spool / "data" / "of another").exists()


# What pg_dump says ------------------------------------------------------------------------------------------

ORDER = DumpOrder(Login({"dbname": "shop", "host": "db"}), Tools(Path("/bin"), 17, "17.10"), "s", 2, 30)
LOCKED = """pg_dump: error: query failed: ERROR:  canceling statement due to statement timeout
pg_dump: detail: Query was: LOCK TABLE public.t, public.u IN ACCESS SHARE MODE
"""
CIRCLE = """pg_dump: warning: there are circular foreign-key constraints on this table:
pg_dump: detail: t
pg_dump: hint: You might not be able to restore the dump without using --disable-triggers.
"""


@pytest.mark.parametrize(
    ("code", "said", "kind", "reason"),
    [
        (1, "pg_dump: error: query failed: ERROR:  permission denied for table a", SourceDenied, "table a"),
        (
            1,
            'pg_dump: error: query would be affected by row-level security policy for table "t"',
            SourceDenied,
            '"t"',
        ),
        (1, "pg_dump: error: could not write to file: No space left on device", DiskFull, "no space"),
        (1, "pg_dump: error: query failed: ERROR:  x: No space left on device", DumpFailed, "No space"),
        (1, 'pg_dump: error: query failed: ERROR:  invalid snapshot identifier: "x"', DumpFailed, "snapshot"),
        (1, "pg_dump: error: server closed the connection unexpectedly", DumpFailed, "server closed"),
        (0, "pg_dump: error: could not read a thing", DumpFailed, "could not read a thing"),
        (0, 'pg_dump: warning: owner of function "f" appears to be invalid', DumpFailed, "owner of function"),
        (0, "pg_dump: warning: subscriptions not dumped because of you", DumpFailed, "subscriptions"),
        (-9, "", DumpFailed, "SIGKILL"),
        (3, "", DumpFailed, "status 3"),
        (1, LOCKED, DumpFailed, "public.t stayed locked"),
        (
            1,
            "pg_dump: error: connection failed: FATAL:  sorry, too many clients already",
            DumpFailed,
            "clients",
        ),
        (1, CIRCLE + "pg_dump: error: enough", DumpFailed, "enough"),
    ],
)
def test_what_is_fatal(code: int, said: str, kind: type[RestoredrillError], reason: str) -> None:
    with pytest.raises(kind) as caught:
        judged(code, said, ORDER, Path("/spool"))
    assert type(caught.value) is kind
    assert reason in caught.value.reason


@pytest.mark.parametrize(
    ("said", "notes"),
    [
        ("", ()),
        (CIRCLE, ()),
        (
            "pg_dump: warning: could not resolve dependency loop among these items:\npg_dump: detail: v\n",
            ("pg_dump: could not resolve dependency loop among these items",),
        ),
        ("pg_dump: warning: it rains\npg_dump: warning: it rains\n", ("pg_dump: it rains",)),
        ('WARNING:  database "x" has a collation version mismatch\n', ()),
    ],
)
def test_what_is_not(said: str, notes: tuple[str, ...]) -> None:
    assert judged(0, said, ORDER, Path("/spool")) == notes
