"""A PostgreSQL database as something to take backups of. It is only read (promise 6).

One session exports a snapshot and keeps it until everything was read; pg_dump and the fingerprint import it.
"""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from restoredrill.engines.postgres import connect, facts, fingerprint, inventory, privileges, toolchain
from restoredrill.engines.postgres.connect import (
    DENIED_HINT,
    SOURCE,
    Limits,
    Login,
    as_ours,
    lost_snapshot,
    translated,
)
from restoredrill.engines.postgres.dump import DumpOrder, disk_trouble, dump_data
from restoredrill.engines.postgres.globals import keep_globals
from restoredrill.engines.postgres.rewritten import rewritten
from restoredrill.engines.postgres.spool import LIMIT_BYTES
from restoredrill.engines.postgres.toolchain import Tools
from restoredrill.errors import DumpFailed, SourceDenied
from restoredrill.model import Fingerprint, FingerprintLevel, ServerFacts
from restoredrill.protocols import Dumped, Keep, Progress

_NAMED_IN_A_MESSAGE = 10


@dataclass(frozen=True)
class PostgresSource:
    """Implements `Source`. `url` is a libpq URL or keyword string with its secrets in it; it is never shown.

    `tools`: the installations to choose a client from. `spool_limit_bytes`: what may wait on disk.
    """

    url: str = field(repr=False)
    tools: Sequence[Tools]
    limits: Limits = field(default_factory=Limits)
    connect_timeout_s: float = connect.CONNECT_TIMEOUT_S
    spool_limit_bytes: int = LIMIT_BYTES

    @contextlib.contextmanager
    def snapshot(self) -> Iterator["PostgresSnapshot"]:
        """See `Source.snapshot`. Raises `ToolMissing` and `UsageError`, too."""
        asked = connect.login(self.url, self.connect_timeout_s)
        holder = connect.reading(asked, self.limits, SOURCE)
        with contextlib.closing(holder):
            with translated(SOURCE, "export a snapshot of", asked):
                row = holder.execute(
                    "SELECT pg_catalog.pg_export_snapshot(), statement_timestamp()"
                ).fetchone()
            assert row is not None
            client = toolchain.client_for(holder.info.server_version // 10000, self.tools)
            snapshot = PostgresSnapshot(
                name=row[0],
                taken_at=row[1].astimezone(UTC),
                login=connect.pinned(holder, asked),
                client=client,
                limits=self.limits,
                spool_limit_bytes=self.spool_limit_bytes,
                holder=holder,
            )
            try:
                yield snapshot
            finally:
                snapshot.cancel()

    def unreadable(self) -> list[str]:
        """What this role may not read of what belongs in a backup, one line each; for `doctor`."""
        asked = connect.login(self.url, self.connect_timeout_s)
        reading = contextlib.closing(connect.reading(asked, self.limits, SOURCE))
        with reading as connection, translated(SOURCE, "read the privileges of", asked):
            return privileges.unreadable(connection)

    def facts(self) -> ServerFacts:
        """The facts alone, without a snapshot that others could join; for `doctor`."""
        asked = connect.login(self.url, self.connect_timeout_s)
        reading = contextlib.closing(connect.reading(asked, self.limits, SOURCE))
        with reading as connection, translated(SOURCE, "read the catalogues of", asked):
            return facts.gather(connection)


@dataclass(frozen=True)
class PostgresSnapshot:
    """Implements `Snapshot`. Its methods may run side by side, each in a thread of its own."""

    name: str
    taken_at: datetime
    login: Login
    client: Tools
    limits: Limits
    spool_limit_bytes: int
    holder: psycopg.Connection = field(repr=False)
    _sequences: "_Sequences" = field(default_factory=lambda: _Sequences(), repr=False)
    _sessions: list[psycopg.Connection] = field(default_factory=list, repr=False)
    # Dump and fingerprint both ask the holder: while a statement of the one has failed and is not rolled back
    # yet, one of the other would fail for it.
    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def facts(self) -> ServerFacts:
        """Versions, encoding, extensions, roles in use, size."""
        with translated(SOURCE, "read the catalogues of", self.login):
            return facts.gather(self.holder)

    def connect(self) -> psycopg.Connection:
        """One more session in this very snapshot; the caller closes it. Raises `DumpFailed` if it is lost."""
        session = connect.reading(self.login, self.limits, SOURCE, snapshot=self.name)
        self._sessions.append(session)
        return session

    def cancel(self) -> None:
        """End the queries of sessions that are still open: what they read is not wanted any more."""
        for session in self._sessions:
            with contextlib.suppress(psycopg.Error):
                session.cancel_safe(timeout=5.0)

    def dump(self, spool: Path, keep: Keep, jobs: int, progress: Progress) -> Dumped:
        """See `Snapshot.dump`. What this role may not read is refused first, all of it at once."""
        self._ping()
        with self._turn, translated(SOURCE, "read the privileges of", self.login):
            _refuse(privileges.unreadable(self.holder), self.login)
            notes = privileges.left_out(self.holder)
            passwords = privileges.may_read_passwords(self.holder)
            self._sequences.read(self.holder)
        with disk_trouble(self.login, spool):
            spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        roles, role_notes = keep_globals(
            self.login,
            self.client,
            spool,
            keep,
            passwords=passwords,
        )
        order = DumpOrder(
            self.login, self.client, self.name, jobs, self.limits.lock_timeout_s, self.spool_limit_bytes
        )
        files, dump_notes = dump_data(order, spool, keep, self._ping, progress)
        self._require_whole_tables()
        return Dumped(
            files=(roles, *files),
            client_version=self.client.version,
            notes=(*notes, *role_notes, *dump_notes),
        )

    def fingerprint(self, level: FingerprintLevel, jobs: int, progress: Progress) -> Fingerprint:
        """See `Snapshot.fingerprint`."""
        with translated(SOURCE, "fingerprint", self.login):
            with self._turn:
                before = {} if level is FingerprintLevel.NONE else self._sequences.read(self.holder)
            return fingerprint.take(self.connect, level, jobs, progress, sequences=before)

    def describe(self) -> str:
        """See `Snapshot.describe`."""
        with contextlib.closing(self.connect()) as session, translated(SOURCE, "describe", self.login):
            fingerprint.settle(session, gentle=True)
            return inventory.described(session)

    def _require_whole_tables(self) -> None:
        with contextlib.closing(self.connect()) as session, translated(SOURCE, "look back at", self.login):
            gone = rewritten(session)
        if gone:
            reason = f"rewritten or truncated while the backup began: {_some(gone)}"
            hint = "take the backup again, at a time when nothing truncates or alters tables"
            raise DumpFailed("dump", self.login.name, reason, hint=hint)

    def _ping(self) -> None:
        try:
            with self._turn:
                self.holder.execute("SELECT 1")
        except psycopg.Error as error:
            ours = as_ours(error, SOURCE, "dump", self.login)
            raise lost_snapshot(self.login.name, ours.reason) from error


class _Sequences:
    """Where the sequences stood before the dump began: they belong to no snapshot, and only move on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[str, str] | None = None

    def read(self, connection: psycopg.Connection) -> dict[str, str]:
        """The same answer each time. Dump and fingerprint ask from two threads."""
        with self._lock:
            if self._found is None:
                self._found = fingerprint.read_sequences(connection)
            return self._found


def _refuse(unreadable: list[str], to: Login) -> None:
    if not unreadable:
        return
    reason = f"the role may not read {_some(unreadable)}"
    raise SourceDenied("dump", to.name, reason, hint=DENIED_HINT)


def _some(names: list[str]) -> str:
    more = len(names) - _NAMED_IN_A_MESSAGE
    return ", ".join(names[:_NAMED_IN_A_MESSAGE]) + (f" and {more} more" if more > 0 else "")
