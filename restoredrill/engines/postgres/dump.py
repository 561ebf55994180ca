"""Runs pg_dump and hands its files on while it writes, on a disk that stays small.

Its exit status alone is not believed: a dump is whole if pg_dump ended well *and* nothing that it said means
that something is missing.
"""

import contextlib
import errno
import os
import re
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from restoredrill import clock, process
from restoredrill.engines.postgres import holes
from restoredrill.engines.postgres.connect import DENIED_HINT, Login, lost_snapshot
from restoredrill.engines.postgres.spool import LIMIT_BYTES, Spool
from restoredrill.engines.postgres.toolchain import Tools, compression
from restoredrill.errors import DiskFull, DumpFailed, RestoredrillError, SourceDenied
from restoredrill.model import StoredFile
from restoredrill.protocols import Keep, Progress

_LOOK_S = 0.05
_LOOK_OFTEN_S = 0.01
_PING_S = 2.0
_REPORT_S = 0.25
_SAID_BYTES = 4 << 20  # of pg_dump's messages; more than that is noise about one thing

NO_HOLES = (
    "the spool's file system can't release parts of a file: disk use may reach the largest table's size"
)


@dataclass(frozen=True)
class DumpOrder:
    """What to dump and with what: `snapshot` as exported on the server that `login` leads to."""

    login: Login
    tools: Tools
    snapshot: str
    jobs: int
    lock_timeout_s: float
    limit_bytes: int = LIMIT_BYTES


Ping = Callable[[], None]
"""Raises `DumpFailed` if the session that holds the snapshot is gone. Called every few seconds."""


def dump_data(
    order: DumpOrder, spool: Path, keep: Keep, ping: Ping, progress: Progress
) -> tuple[tuple[StoredFile, ...], tuple[str, ...]]:
    """Dump into `keep`; returns the files, `toc.dat` among them, and notes. Leaves nothing below `spool`.

    Raises `SourceDenied`, `DumpFailed`, `DiskFull`, and what `keep`, `ping` or `progress` raise.
    """
    data = spool / "data"
    with disk_trouble(order.login, spool):
        data.mkdir(mode=0o700)
    try:
        with disk_trouble(order.login, spool):
            can_punch = holes.possible(spool)
        outlet = Spool(data, keep, writers=order.jobs, limit_bytes=order.limit_bytes, can_punch=can_punch)
        try:
            notes = _run(order, data, outlet, ping, progress)
            return outlet.kept, (*notes, *(() if can_punch else (NO_HOLES,)))
        finally:
            outlet.close()
    finally:
        shutil.rmtree(data, ignore_errors=True)


def _run(order: DumpOrder, data: Path, outlet: Spool, ping: Ping, progress: Progress) -> tuple[str, ...]:
    report = _Reporter(progress, outlet)
    child = process.start(
        command(order, data),
        extra_env={**order.login.environment(), "LC_ALL": "C"},
        cwd=data.parent,  # whoever clears up after us finds it there
        stderr=process.PIPE,
        tied=True,
    )
    words = _Words(child)
    try:
        with process.leashed(child):
            _watch(child, data, outlet, ping, report)
    finally:
        process.kill_group(child)  # a stopped one, too, and workers that outlive their leader
        said = words.all()  # returns when the last of them is gone, and writes no more
    ping()
    notes = judged(child.returncode, said, order, data.parent)
    outlet.look(None)
    while outlet.pending:
        outlet.wait(_REPORT_S)
        report.now_and_then()
    return notes


def _watch(child: process.Child, data: Path, outlet: Spool, ping: Ping, report: "_Reporter") -> None:
    """Until pg_dump ends: hand on what it writes, and stop it for a while when there is too much of it."""

    paused = False

    def open_names() -> frozenset[str]:
        # Stopped, it closes nothing; and once the leader is gone, its workers are not found as its children.
        found = frozenset() if paused else process.open_paths(child)
        if paused or child.poll() is not None:
            return frozenset(path.name for path in data.iterdir())
        return frozenset(Path(path).name for path in found)

    next_ping_s = clock.monotonic_s() + _PING_S
    while child.poll() is None:
        began_s = clock.monotonic_s()
        outlet.look(open_names, urgent=paused)
        if outlet.crowded(already=paused) != paused:
            paused = not paused
            process.pause_group(child, paused=paused)
        if began_s >= next_ping_s:
            ping()
            next_ping_s = clock.monotonic_s() + _PING_S
        report.now_and_then(paused=paused)
        outlet.wait(_rest_s(clock.monotonic_s() - began_s, hurried=outlet.half_full and not paused))


def _rest_s(cost_s: float, *, hurried: bool) -> float:
    """How long to rest after a look that took `cost_s`: a tenth of a core is enough for looking."""
    least_s, most_s = (_LOOK_OFTEN_S, _LOOK_S) if hurried else (_LOOK_S, 5 * _LOOK_S)
    return min(max(least_s, 10 * cost_s), most_s)


def command(order: DumpOrder, data: Path) -> list[str | Path]:
    """pg_dump's arguments: no secret is among them."""
    return [
        order.tools.program("pg_dump"),
        "--format=directory",
        f"--jobs={order.jobs}",
        f"--snapshot={order.snapshot}",
        f"--compress={compression(order.tools)}",
        f"--lock-wait-timeout={order.lock_timeout_s * 1000:.0f}",
        "--no-subscriptions",  # a copy must not connect to the publisher
        "--no-sync",  # the files are gone before they could be synced
        "--no-password",
        f"--file={data}",
        f"--dbname={order.login.words()}",
    ]


@contextlib.contextmanager
def disk_trouble(login: Login, spool: Path) -> Iterator[None]:
    """Turns what goes wrong with the spool itself into `DiskFull` or `DumpFailed`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full(login.name, spool) from error
        why = f"{error.strerror or error}: {error.filename or spool}"
        hint = "the spool must be an empty folder of its own"
        raise DumpFailed("dump", login.name, why, hint=hint) from error


def disk_full(name: str, spool: Path) -> DiskFull:
    """No room for the part of a dump that waits for its upload."""
    hint = "free 256 MB there, or choose another work directory"
    return DiskFull("dump", name, f"no space left in {spool}", hint=hint)


class _Words:
    """What a program says, read while it says it: a file for it could be on a disk that is full."""

    def __init__(self, child: process.Child) -> None:
        self._stream, child.stderr = child.stderr, None  # ours alone: nobody else closes it
        self._said = bytearray()
        self._reader = threading.Thread(target=self._read, name="words", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with self._stream or contextlib.nullcontext(()) as lines:
            for line in lines:
                if len(self._said) < _SAID_BYTES:
                    self._said += line

    def all(self) -> str:
        """Everything; waits until the program and its children are gone."""
        self._reader.join()
        return self._said.decode("utf-8", errors="replace")


class _Reporter:
    """Tells how far it is, not too often; also how the caller gets a chance to call it off."""

    def __init__(self, progress: Progress, outlet: Spool) -> None:
        self._progress = progress
        self._outlet = outlet
        self._last_s = clock.monotonic_s()
        self._last_bytes = 0

    def now_and_then(self, *, paused: bool = False) -> None:
        now_s, read = clock.monotonic_s(), self._outlet.read_bytes
        passed_s = now_s - self._last_s
        if passed_s >= _REPORT_S:
            speed = (read - self._last_bytes) / passed_s / 1e6
            waiting = ", pg_dump waits for the vault" if paused else ""
            self._progress(f"dumping: {read / 1e6:.1f} MB{waiting}", None, speed)
            self._last_s, self._last_bytes = now_s, read


# What pg_dump says ----------------------------------------------------------------------------------------

# Warnings that say something is not in the dump, or came out wrong. All others become notes, but for one:
# circular foreign keys matter only to whoever restores data alone.
_LOSS = re.compile(
    r"skipp|not (be )?dumped|will not|ignor|does not exist|invalid|unrecognized|unexpected|bogus"
    r"|could not (?!resolve dependency loop)"
)
_HARMLESS = re.compile(r"there are circular foreign-key constraints")
_SPEAKER = re.compile(r"^(?:pg_dump|pg_dumpall): (?:\[[^\]]*\] )?")
_DENIED = re.compile(r"permission denied for (?:table|sequence|schema|relation|view|large object) ?(.*)")
_ROW_SECURITY = re.compile(r"query would be affected by row-level security policy for table (.*)")
_LOCKING = re.compile(r"LOCK TABLE (.*?)(?:, | IN )")
_CHANGED = re.compile(
    r"could not obtain lock|could not open relation with OID|cache lookup failed|does not exist"
)
_TRY_AGAIN = "somebody changed the schema meanwhile: try again"


def judged(code: int, said: str, order: DumpOrder, spool: Path) -> tuple[str, ...]:
    """What pg_dump's end means: notes if the dump is whole, else one of three errors."""
    lines = [_SPEAKER.sub("", line).strip() for line in said.splitlines() if line.strip()]
    errors = [line.removeprefix("error:").strip() for line in lines if line.startswith("error:")]
    warnings = [line.removeprefix("warning:").strip() for line in lines if line.startswith("warning:")]
    if code != 0 or errors:
        raise _failure(code, errors, said, order, spool)
    losses = [w for w in warnings if _LOSS.search(w)]
    if losses:
        raise DumpFailed("dump", order.login.name, f"pg_dump left something out: {losses[0]}")
    return tuple(dict.fromkeys(f"pg_dump: {w.rstrip(':')}" for w in warnings if not _HARMLESS.search(w)))


def _failure(code: int, errors: list[str], said: str, order: DumpOrder, spool: Path) -> RestoredrillError:
    name = order.login.name
    denied = _DENIED.search(said) or _ROW_SECURITY.search(said)
    if denied:
        return SourceDenied("dump", name, denied[0].strip(), hint=DENIED_HINT)
    full = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT))
    # The server says ERROR: then it is its disk.
    if any(words in line for words in full for line in errors if "ERROR:" not in line):
        return disk_full(name, spool)
    if "invalid snapshot identifier" in said or "could not import the requested snapshot" in said:
        return lost_snapshot(name, "the session that holds it is gone")
    locking = _LOCKING.search(said)
    if locking and "timeout" in said:
        why = f"{locking[1]} stayed locked by somebody else for {order.lock_timeout_s:g} s"
        return DumpFailed("dump", name, why, hint="try again, or raise the lock time-out")
    if code < 0:
        return DumpFailed("dump", name, f"pg_dump was ended by {signal.Signals(-code).name}")
    reason = errors[0] if errors else f"pg_dump ended with status {code}"
    if "too many c" in said:  # clients, connections
        return DumpFailed("dump", name, reason, hint="lower the number of jobs, or raise max_connections")
    return DumpFailed("dump", name, reason, hint=_TRY_AGAIN if _CHANGED.search(said) else "")
