"""What is in a database at one instant: rows and content by table, sequences, large objects, every object.

The source and the restored copy are read by the same code, so that equal databases give equal fingerprints.
Nothing is written, and no row leaves the server.
"""

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from restoredrill.engines.postgres import inventory, tables
from restoredrill.engines.postgres.connect import SAME_TEXT
from restoredrill.engines.postgres.digest import ALGORITHM, in_hex
from restoredrill.engines.postgres.tables import Measure
from restoredrill.model import Fingerprint, FingerprintLevel, TableFingerprint
from restoredrill.protocols import Progress

Connection = psycopg.Connection[Any]
Connect = Callable[[], Connection]

# What the text of a value or a definition depends on, and what would end or filter a long query. SET LOCAL
# beats whatever a role or the database has set for itself.
SETTINGS: Mapping[str, str] = {
    **SAME_TEXT,
    "row_security": "off",
    "statement_timeout": "0",
    "jit": "off",  # costs more than it saves: tables are many, expressions are long
}

# Small tables are measured some at a time: a round trip each would be most of the time they take.
_SMALL_BYTES = 8 << 20
_SMALL_AT_ONCE = 25


def take(
    connect: Connect,
    level: FingerprintLevel,
    jobs: int,
    progress: Progress,
    *,
    gentle: bool = True,
    sequences: Mapping[str, str] | None = None,
) -> Fingerprint:
    """The fingerprint of the database that `connect` leads to, by `jobs` sessions, the largest tables first.

    `connect` gives a new session each time, inside the transaction that shall be described; it is closed
    here. `gentle`: each session uses one process of the server, and no more. `sequences` are those of
    `read_sequences` if they have been read already: they belong to no snapshot, and what a dump holds is no
    older than what was read before it began. `progress` is called from several threads.

    Raises `psycopg.Error` as the server gave it; other sessions' queries are cancelled then.
    """
    if level is FingerprintLevel.NONE:
        return Fingerprint(level=level, algorithm=ALGORITHM)
    with _session(connect, gentle) as first:
        counters = dict(read_sequences(first) if sequences is None else sequences)
        work = _Work(tables.measures(first, content=level is FingerprintLevel.CONTENT), progress)
        pool = ThreadPoolExecutor(max_workers=max(1, jobs - 1), thread_name_prefix="fingerprint")
        with pool, work.failing(first):
            others = [pool.submit(work.help, connect, gentle) for _ in range(min(jobs, len(work)) - 1)]
            objects = inventory.inventory(first)
            notes = inventory.not_covered(first)
            work.drain(first)
            wait(others)
        return Fingerprint(
            level=level,
            algorithm=ALGORITHM,
            version_num=first.info.server_version,
            tables=work.measured(),
            sequences=counters,
            objects=objects,
            partition_of=tables.partitions(first),
            notes=tuple(notes),
        )


def read_sequences(connection: Connection) -> dict[str, str]:
    """Where each sequence stands: `last_value,is_called` by its quoted, qualified name.

    Before anything has been dumped, this is a floor: a sequence only moves on. Raises `psycopg.Error`.
    """
    settle(connection, gentle=True)
    return tables.sequences(connection)


def settle(connection: Connection, *, gentle: bool) -> None:
    """Give this transaction the settings that fingerprints are made under. Begins one if there is none."""
    if connection.info.transaction_status is TransactionStatus.IDLE and connection.autocommit:
        connection.execute(b"BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    settings = {**SETTINGS, "client_encoding": _client_encoding(connection)}
    if gentle:
        settings["max_parallel_workers_per_gather"] = "0"
    calls = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in settings.items())
    connection.execute(f"SELECT {calls}".encode())


def _client_encoding(connection: Connection) -> str:
    """UTF8, or what lets any byte through: in SQL_ASCII nobody knows what a name's bytes mean."""
    return "LATIN1" if connection.info.parameter_status("server_encoding") == "SQL_ASCII" else "UTF8"


@contextlib.contextmanager
def _session(connect: Connect, gentle: bool) -> Iterator[Connection]:
    with contextlib.closing(connect()) as connection:
        settle(connection, gentle=gentle)
        yield connection


@dataclass(frozen=True)
class _Counted:
    rows: int
    total: int | None  # None where only rows were counted


class _Work:
    """Tables that wait to be measured, and what was measured so far; shared by several threads."""

    def __init__(self, wanted: Sequence[Measure], progress: Progress) -> None:
        self._order = tuple(measure.table for measure in wanted)
        self._waiting = deque(_batches(sorted(wanted, key=lambda m: -m.size_bytes)))
        self._all_bytes = sum(m.size_bytes for m in wanted)
        self._done_bytes = 0
        self._counted: dict[str, _Counted] = {}
        self._progress = progress
        self._lock = threading.Lock()
        self._sessions: set[Connection] = set()
        self._error: BaseException | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def help(self, connect: Connect, gentle: bool) -> None:
        """Measure in a session of its own until nothing waits. What goes wrong is `failing`'s to raise."""
        try:
            with _session(connect, gentle) as connection:
                self.drain(connection)
        except BaseException as error:
            self._fail(error)

    @contextlib.contextmanager
    def failing(self, connection: Connection) -> Iterator[None]:
        """Let the first failure of any session end all of them, and raise that one."""
        try:
            with self._known(connection):
                yield
        except BaseException as error:
            self._fail(error)
            if error is not self._error and self._error is not None:
                raise self._error from None
            raise

    def drain(self, connection: Connection) -> None:
        """Measure what waits, one batch after the other, until nothing does or some session has failed."""
        with self._known(connection):
            while (batch := self._next()) is not None:
                self._done(batch, _measure(connection, batch))

    def measured(self) -> tuple[TableFingerprint, ...]:
        """All of it. Raises what made a session fail."""
        if self._error is not None:
            raise self._error
        return tuple(_fingerprint(table, self._counted[table]) for table in self._order)

    def _next(self) -> tuple[Measure, ...] | None:
        with self._lock:
            return self._waiting.popleft() if self._waiting and self._error is None else None

    def _done(self, batch: Sequence[Measure], counted: Mapping[str, _Counted]) -> None:
        with self._lock:
            self._counted.update(counted)
            self._done_bytes += sum(measure.size_bytes for measure in batch)
            percent = 100.0 * self._done_bytes / self._all_bytes if self._all_bytes else None
        self._progress(batch[0].table, percent, None)

    @contextlib.contextmanager
    def _known(self, connection: Connection) -> Iterator[None]:
        """While inside, a failure elsewhere cancels what `connection` is doing."""
        with self._lock:
            self._sessions.add(connection)
        try:
            yield
        finally:
            with self._lock:
                self._sessions.discard(connection)

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            if self._error is not None:
                return
            self._error = error
            others = tuple(self._sessions)
        for connection in others:
            with contextlib.suppress(psycopg.Error):
                connection.cancel_safe(timeout=5.0)


def _batches(measures: Sequence[Measure]) -> Iterator[tuple[Measure, ...]]:
    """Large tables alone and in order, small ones together."""
    small = [measure for measure in measures if measure.size_bytes <= _SMALL_BYTES]
    yield from ((measure,) for measure in measures if measure.size_bytes > _SMALL_BYTES)
    for at in range(0, len(small), _SMALL_AT_ONCE):
        yield tuple(small[at : at + _SMALL_AT_ONCE])


def _measure(connection: Connection, batch: Sequence[Measure]) -> dict[str, _Counted]:
    parts = (f"SELECT {number}, q.* FROM ({m.query}) AS q" for number, m in enumerate(batch))
    # A savepoint that is rolled back gives back the locks on tables and indexes. Without it ten thousand
    # tables would fill the server's lock table, which the dump needs too.
    with connection.transaction(force_rollback=True):
        rows = connection.execute(" UNION ALL ".join(parts).encode(connection.info.encoding)).fetchall()
    return {
        batch[number].table: _Counted(count, None if total is None else int(total))
        for number, count, total in rows
    }


def _fingerprint(table: str, counted: _Counted) -> TableFingerprint:
    digest = None if counted.total is None else in_hex(counted.total)
    return TableFingerprint(table=table, rows=counted.rows, digest=digest)
