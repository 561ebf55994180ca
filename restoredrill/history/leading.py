"""Who decides, where several processes have one history. Nothing here is home-made: the lock is the
database's, or the system's, and ends with whoever holds it.
"""

import contextlib
import fcntl
import os
import threading
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, Engine, exc, text

from restoredrill.history.access import lock_numbers
from restoredrill.history.errors import translated


class Leader(Protocol):
    """One candidate."""

    def lead(self) -> bool:
        """See `ledger.History.lead`."""

    def resign(self) -> None:
        """Let another one lead; silent if this one did not."""


class SessionLeader:
    """PostgreSQL: an advisory lock held by a session of its own, never by one of the pool.

    A pooler in transaction mode (PgBouncer) has no sessions to hold it: give `history.url` the server itself.
    """

    # So that the server notices within half a minute that this host is gone without a word.
    _WATCHFUL = "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3"
    _TRY = text("SELECT pg_try_advisory_lock(:a, :b)")
    _GIVE_UP = text("SELECT pg_advisory_unlock_all()")
    # Asked of the server each time, as the lock is what counts: not what was true when it was taken.
    _HELD = text(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()"
        " AND classid = :a AND objid = :b AND objsubid = 2"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )

    def __init__(self, engine: Engine, thing: str) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._thing = thing
        self._session: Connection | None = None
        self._leads = False
        self._lock = threading.Lock()

    def lead(self) -> bool:
        """See `ledger.History.lead`. A lost session means False; the next call tries for a new one, and
        raises `HistoryError` if there is none to have.
        """
        with self._lock:
            try:
                if self._session is None:
                    with translated("lead with", self._thing):
                        self._session = self._opened()
                query = self._HELD if self._leads else self._TRY
                self._leads = bool(self._session.execute(query, lock_numbers("lead")).scalar())
            except exc.SQLAlchemyError:
                self._drop()
        return self._leads

    def resign(self) -> None:
        """See `Leader.resign`: the session's end would be the lock's too, a moment later."""
        with self._lock:
            if self._session is not None:
                with contextlib.suppress(exc.SQLAlchemyError):
                    self._session.execute(self._GIVE_UP)
            self._drop()

    def _opened(self) -> Connection:
        session = self._engine.connect()
        session.detach()
        session.exec_driver_sql(self._WATCHFUL)
        return session

    def _drop(self) -> None:
        session, self._session, self._leads = self._session, None, False
        if session is not None:
            with contextlib.suppress(exc.SQLAlchemyError):
                session.close()


class FileLeader:
    """SQLite: flock(2) on a file beside the database, which the system gives up when the process ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: int | None = None
        self._lock = threading.Lock()

    def lead(self) -> bool:
        """See `ledger.History.lead`. If somebody has removed the file, another one may hold a new one."""
        with self._lock, translated("lock", str(self._path)):
            if self._held is not None:
                if self._is_there(self._held):
                    return True
                self._release()
                return False
            self._take()
            return self._held is not None

    def resign(self) -> None:
        """See `Leader.resign`."""
        with self._lock:
            self._release()

    def _take(self) -> None:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return
        except OSError:
            os.close(descriptor)
            raise
        self._held = descriptor
        if not self._is_there(descriptor):
            self._release()

    def _is_there(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        except FileNotFoundError:
            return False

    def _release(self) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None
