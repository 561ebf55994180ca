"""Ways to stop the world at a chosen moment, so that a test can end something right there."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
from psycopg import sql

from restoredrill.machines import local
from restoredrill.machines.local import LeaseFile
from tests.e2e.host import LIMIT_S, Host, eventually
from tests.plugins.postgres import SourceServer
from tests.vault.faulty import Act, Proxy, Request, _Handler, pass_on


class Gate:
    """Holds a request to the store until it is let through or dropped. To be used as what goes wrong."""

    def __init__(self, when: Callable[[], object] = lambda: True) -> None:
        self._when = when
        self._reached = threading.Event()
        self._open = threading.Event()
        self._act: Act = pass_on

    def __call__(self, handler: _Handler, request: Request) -> None:
        if self._when():
            self._reached.set()
            self._open.wait(LIMIT_S)
            self._act(handler, request)
        else:
            pass_on(handler, request)

    def wait(self) -> None:
        """Until somebody stands before it."""
        assert self._reached.wait(LIMIT_S), "nobody came to the gate"

    def open(self) -> None:
        """Let everybody through, now and later."""
        self._open.set()

    def drop(self) -> None:
        """Whoever stands there has died: the store never sees what was sent."""
        self._act = lambda handler, request: handler.reset()
        self._open.set()


@contextlib.contextmanager
def gate(proxy: Proxy, what: str, *, times: int = 10_000, after: str | None = None) -> Iterator[Gate]:
    """A gate before the next requests that match `what`, if `after` was seen before (where it is given)."""
    made = Gate(lambda: after is None or proxy.seen(after))
    proxy.fail(what, made, times=times)
    try:
        yield made
    finally:
        made.open()


@contextlib.contextmanager
def locked(server: SourceServer, database: str, table: tuple[str, str]) -> Iterator[None]:
    """Holds a table so that pg_dump has to wait for it, in the middle of its work."""
    with psycopg.connect(server.url(database)) as holder:
        holder.execute(sql.SQL("LOCK TABLE {}").format(sql.Identifier(*table)))
        try:
            yield
        finally:
            with contextlib.suppress(psycopg.Error):  # a test may have ended the server
                holder.rollback()


def dump_waits(server: SourceServer) -> bool:
    """Does pg_dump stand before a lock?"""
    query = b"SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ '^LOCK TABLE'"
    with server.connect() as connection:
        row = connection.execute(query).fetchone()
    return row is not None and row[0] > 0


def sessions(server: SourceServer, database: str) -> int:
    """How many sessions there are in a database of the source's."""
    query = b"SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
    with server.connect() as connection:
        row = connection.execute(query, [database]).fetchone()
    assert row is not None
    return int(row[0])


# The parts of a drill under way ---------------------------------------------------------------------------


def machine_of(host: Host) -> Path:
    """The directory of the one machine that is there."""
    (home,) = eventually(lambda: [h for h in host.homes() if (h / "job.json").exists()], "a machine")
    return home


def lease(home: Path) -> LeaseFile:
    """The lease of a machine with an agent in it."""

    def look() -> LeaseFile | None:
        found = local._read(home)
        return found if found is not None and found.agent is not None else None

    found = eventually(look, "a lease")
    assert found is not None
    return found


def kill_agent(host: Host) -> None:
    """SIGKILL to the agent alone."""
    agent = lease(machine_of(host)).agent
    assert agent is not None
    os.kill(agent.pid, signal.SIGKILL)


def kill_guard(host: Host) -> None:
    """SIGKILL to the timer that would end the machine."""
    guard = lease(machine_of(host)).guard
    assert guard is not None
    os.kill(guard.pid, signal.SIGKILL)


def postmaster(host: Host) -> int:
    """The pid of the throwaway server."""
    file = machine_of(host) / "server" / "pg" / "data" / "postmaster.pid"
    text = eventually(lambda: file.read_text() if file.exists() else "", "a server")
    return int(text.splitlines()[0])
