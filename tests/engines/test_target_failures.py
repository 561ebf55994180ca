"""A machine that fails says nothing about the backup; and whatever is killed, nothing runs on."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import psycopg
import pytest

from restoredrill import process
from restoredrill.engines.postgres.target import PostgresTarget
from restoredrill.engines.postgres.toolchain import Tools
from restoredrill.errors import DiskFull, ServerFailed
from tests.engines.dumped import Dump, dump
from tests.plugins.postgres import SourceServer

# Some 10 MB that do not compress, and an index that takes a while.
SCRIPT = """
create table big as select i, md5(i::text) || md5((-i)::text) as body from generate_series(1, 200000) i;
create index big_body on big (body, i);
create table small as select 1 as a;
"""


@pytest.fixture(scope="module")
def backup(source_server: Callable[[int], SourceServer]) -> Iterator[Dump]:
    source = source_server(17)
    name = source.database(SCRIPT, name="big")
    yield dump(source, name)
    source.drop(name)


@pytest.fixture
def target(short_path: Path, pg_tools: dict[int, Tools]) -> Iterator[PostgresTarget]:
    """Afterwards, proof that nothing is left: no process, no file, no thread that feeds."""
    made = PostgresTarget(short_path / "t", tuple(pg_tools.values()), process.can_isolate())
    yield made
    made.stop()
    assert process.running_below(short_path) == ()
    assert not list(short_path.iterdir())
    assert feeding() == []


def feeding() -> list[str]:
    """Threads that feed a pg_restore."""
    return [t.name for t in threading.enumerate() if t.name.startswith(("feeder", "read-ahead"))]


class Stage:
    """Progress that does something, once, when the restore is where it should be."""

    def __init__(self, stage: str, deed: Callable[[], None]) -> None:
        self.met = False
        self._stage = stage
        self._deed = deed
        self._done = threading.Event()

    def __call__(self, message: str, percent: float | None, mb_per_s: float | None) -> None:
        if not self.met and self._is_it(message, percent or 0.0):
            self.met = True
            self._deed()
            self._done.set()

    def holding(self, backup: Dump) -> Dump:
        """No byte of its data comes before the deed is done: no restore is too fast to be met."""
        return replace(backup, on_open=lambda name: name in backup.data and self._done.wait(60))

    def _is_it(self, message: str, percent: float) -> bool:
        return {
            "roles": message == "roles",
            "pre-data": message != "roles",
            "data": "data of public.big" in message,
            "post-data": "index build" in message,
        }[self._stage]


def interrupt() -> None:
    raise KeyboardInterrupt


def forget(target: PostgresTarget) -> None:
    """Drop what a broken-off restore has made so far."""
    with psycopg.connect(target._running()[0].url("template1"), autocommit=True) as connection:
        connection.execute("drop database if exists big (force)")


def pg_restores(directory: Path) -> list[psutil.Process]:
    """The pg_restore processes of a target in `directory`."""
    found = (psutil.Process(proc.pid) for proc in process.running_below(directory))
    return [p for p in found if "pg_restore" in p.name()]


def test_an_interrupted_restore_leaves_nothing(
    target: PostgresTarget, backup: Dump, short_path: Path
) -> None:
    target.start(backup.manifest.server, 2)
    for stage in ("roles", "pre-data", "data", "post-data"):
        at = Stage(stage, interrupt)
        with pytest.raises(KeyboardInterrupt):
            target.restore(backup, 2, at)
        assert at.met, stage
        assert pg_restores(short_path) == [], stage
        assert feeding() == [], stage
        assert [path.name for path in (short_path / "t").iterdir()] == ["pg"], stage
        forget(target)
    assert target.restore(backup, 2, lambda *_: None).findings == ()


def test_a_killed_pg_restore_says_nothing_about_the_backup(
    target: PostgresTarget, backup: Dump, short_path: Path
) -> None:
    target.start(backup.manifest.server, 2)

    def kill_pg_restore() -> None:
        for found in pg_restores(short_path):
            found.kill()

    at = Stage("data", kill_pg_restore)
    with pytest.raises(ServerFailed, match="signal 9"):
        target.restore(at.holding(backup), 2, at)


def test_a_killed_server_is_no_finding(target: PostgresTarget, backup: Dump) -> None:
    target.start(backup.manifest.server, 2)
    postmaster = target._running()[0].proc.pid
    at = Stage("data", lambda: os.kill(postmaster, signal.SIGKILL))
    with pytest.raises(ServerFailed, match="SIGKILL"):
        target.restore(at.holding(backup), 2, at)
    assert at.met
    with pytest.raises(ServerFailed):
        target.database()


def test_a_killed_backend_is_no_finding(target: PostgresTarget, backup: Dump) -> None:
    """As the kernel does it where memory runs out."""
    target.start(backup.manifest.server, 2)
    url = target._running()[0].url("template1")

    def kill_a_backend() -> None:
        with psycopg.connect(url) as connection:
            found = connection.execute(
                "select pid from pg_stat_activity where application_name = 'pg_restore' and query ~ '^COPY'"
            ).fetchone()
        if found:
            os.kill(found[0], signal.SIGKILL)

    at = Stage("data", kill_a_backend)
    with pytest.raises(ServerFailed):
        target.restore(at.holding(backup), 2, at)


def test_a_full_disk_is_no_finding(
    make_small_disk: Callable[[int], Path], pg_tools: dict[int, Tools], backup: Dump
) -> None:
    disk = make_small_disk(160)
    target = PostgresTarget(disk / "t", tuple(pg_tools.values()), process.can_isolate())
    try:
        target.start(backup.manifest.server, 2)
        ballast = disk / "ballast"
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        # The database itself takes 8 MB, its table and index 40.
        ballast.write_bytes(bytes(free - (16 << 20)))
        with pytest.raises(DiskFull):
            target.restore(backup, 2, lambda *_: None)
    finally:
        target.stop()


def test_a_disk_on_which_not_even_the_reason_can_be_written_is_no_finding(
    make_small_disk: Callable[[int], Path], pg_tools: dict[int, Tools], backup: Dump
) -> None:
    disk = make_small_disk(160)
    target = PostgresTarget(disk / "t", tuple(pg_tools.values()), process.can_isolate())

    def fill() -> None:
        with (disk / "ballast").open("ab", buffering=0) as sink, contextlib.suppress(OSError):
            while True:
                sink.write(bytes(1 << 20))

    try:
        target.start(backup.manifest.server, 2)
        at = Stage("pre-data", fill)
        with pytest.raises(DiskFull, match=r"(?i)no space left"):
            target.restore(backup, 2, at)
        assert at.met
    finally:
        target.stop()


def test_a_disk_that_is_too_small_for_a_server_is_said_at_once(
    make_small_disk: Callable[[int], Path], pg_tools: dict[int, Tools], backup: Dump
) -> None:
    target = PostgresTarget(make_small_disk(24) / "t", tuple(pg_tools.values()), process.can_isolate())
    try:
        with pytest.raises(DiskFull):
            target.start(backup.manifest.server, 2)
    finally:
        target.stop()


def test_a_feed_that_hangs_is_left_behind(target: PostgresTarget, backup: Dump) -> None:
    """A source that never comes back must not keep an interrupted restore from ending."""
    gate = threading.Event()

    def hang(name: str) -> None:
        if name in backup.data:  # the pipes, not the table of contents
            gate.wait(2)

    target.start(backup.manifest.server, 2)
    with pytest.raises(KeyboardInterrupt):
        target.restore(replace(backup, on_open=hang), 2, Stage("pre-data", interrupt))
    gate.set()
