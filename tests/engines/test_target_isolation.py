"""Promise 5: a restored database gets no chance to call out, whatever it holds. Tried, not believed.

Listeners stand for production, one on a port and one on a Unix socket of the same host. Everything below
would reach them: a materialized view that asks another database while it is being restored, a foreign table,
dblink, a program. The last test is the proof that they would.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from restoredrill import process
from restoredrill.engines.postgres.target import PostgresTarget
from restoredrill.engines.postgres.toolchain import Tools
from restoredrill.model import Severity
from tests.engines.dumped import Dump, dump
from tests.plugins.postgres import SourceServer, short_directory
from tests.plugins.requirements import missing

# The source reaches itself by its own socket; PORT and SOCKETS are the listeners'.
SCRIPT = """
create extension dblink;
create extension postgres_fdw;
create table seen (what text);
insert into seen values ('a row');

create server by_port foreign data wrapper postgres_fdw options (host '127.0.0.1', port 'PORT', dbname 'x');
create user mapping for public server by_port options (user 'postgres', password 'of-production');
create foreign table remote_by_port (a int) server by_port;
create server by_socket foreign data wrapper postgres_fdw options (host 'SOCKETS', port 'PORT', dbname 'x');
create user mapping for public server by_socket options (user 'postgres', password_required 'false');
create foreign table remote_by_socket (a int) server by_socket;

create function target() returns text language sql
  as $$ select 'host=SELF user=postgres dbname=postgres'::text $$;
create materialized view asks_others as select * from dblink(target(), 'select 1') as t(a int);
create or replace function target() returns text language sql
  as $$ select 'host=127.0.0.1 port=PORT user=postgres dbname=x'::text $$;

create publication everything for all tables;
create subscription follows connection 'host=127.0.0.1 port=PORT dbname=x' publication p
  with (connect = false);

create function tell() returns event_trigger language plpgsql as $$
begin
  insert into public.seen values ('event trigger');
  perform dblink_connect('told', 'host=127.0.0.1 port=PORT user=postgres dbname=x');
end $$;
create materialized view counted as select count(*) from seen;
create event trigger tells on ddl_command_start execute function tell();
create event trigger tells_again on ddl_command_end execute function tell();
"""

CALLS = {
    "foreign table": "select * from remote_by_port",
    "foreign table by a Unix socket": "select * from remote_by_socket",
    "dblink": "select dblink_connect('host=127.0.0.1 port=PORT dbname=x user=postgres')",
    "dblink by a Unix socket": "select dblink_connect('host=SOCKETS port=PORT dbname=x user=postgres')",
    "program": "copy seen from program $$bash -c 'echo > /dev/tcp/127.0.0.1/PORT && echo called'$$",
}


class Listener:
    """Counts who calls, and hangs up."""

    def __init__(self, listening: socket.socket) -> None:
        self.calls = 0
        self._listening = listening
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def _answer(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = self._listening.accept()
                self.calls += 1
                caller.close()


@dataclass(frozen=True)
class Production:
    """What a restored database must not reach."""

    port: int
    directory: Path
    listeners: tuple[Listener, ...]

    def calls(self) -> int:
        """How many have called so far."""
        return sum(listener.calls for listener in self.listeners)

    def named(self, text: str) -> str:
        """`text` with this production's addresses."""
        return text.replace("PORT", str(self.port)).replace("SOCKETS", str(self.directory))


@pytest.fixture(scope="module")
def production() -> Iterator[Production]:
    directory = short_directory()
    by_port = socket.create_server(("127.0.0.1", 0))
    port = by_port.getsockname()[1]
    path = directory / f".s.PGSQL.{port}"
    by_socket = socket.socket(socket.AF_UNIX)
    by_socket.bind(str(path))
    by_socket.listen()
    path.chmod(0o777)
    found = Production(port, directory, (Listener(by_port), Listener(by_socket)))
    yield found
    for listener in found.listeners:
        listener.close()
    path.unlink()
    directory.rmdir()


@pytest.fixture(scope="module")
def make_backup(
    production: Production, source_server: Callable[[int], SourceServer]
) -> Callable[[int], Dump]:
    made: dict[int, Dump] = {}

    def make(major: int) -> Dump:
        if major not in made:
            source = source_server(major)
            script = production.named(SCRIPT).replace("SELF", str(source.server.directory))
            name = source.database(script, name="caller")
            made[major] = dump(source, name)
            with source.connect(name) as connection:
                connection.execute("drop event trigger tells; drop event trigger tells_again")
                connection.execute("alter subscription follows disable")
                connection.execute("alter subscription follows set (slot_name = none)")
                connection.execute("drop subscription follows")
            source.drop(name)
        return made[major]

    return make


def restored(target: PostgresTarget, backup: Dump) -> tuple[set[str], psycopg.Connection]:
    """Objects of findings that fail, and a session."""
    target.start(backup.manifest.server, 2)
    outcome = target.restore(backup, 2, lambda *_: None)
    connection = psycopg.connect(target.database().url, autocommit=True)
    return {finding.object for finding in outcome.findings if finding.severity.fails}, connection


@pytest.mark.parametrize("major", [16, 17])
def test_nothing_that_is_restored_reaches_anything(
    major: int,
    production: Production,
    make_backup: Callable[[int], Dump],
    pg_tools: dict[int, Tools],
    short_path: Path,
) -> None:
    if not process.can_isolate():
        missing("this host does not let a program start without network")
    backup = make_backup(major)
    before = production.calls()
    target = PostgresTarget(short_path / "t", tuple(pg_tools.values()))
    try:
        failed, connection = restored(target, backup)
        with connection:
            # That it asks another database is a fact that a drill has to tell; all the rest is whole.
            assert failed == {"public.asks_others"}
            assert connection.execute("select count(*) from pg_subscription").fetchone() == (0,)
            assert connection.execute("select count from counted").fetchone() == (1,)
            assert connection.execute("select what from seen").fetchall() == [("a row",)]
            assert connection.execute("show shared_preload_libraries").fetchone() == ("",)
            for name, call in CALLS.items():
                with pytest.raises(psycopg.Error):
                    connection.execute(production.named(call).encode())
                assert production.calls() == before, name
        assert production.calls() == before
    finally:
        target.stop()


def test_event_triggers_do_not_fire_when_a_check_changes_something(
    production: Production, make_backup: Callable[[int], Dump], pg_tools: dict[int, Tools], short_path: Path
) -> None:
    """From 17 on: a check's command may be an application that makes tables."""
    target = PostgresTarget(short_path / "t", tuple(pg_tools.values()), process.can_isolate())
    try:
        _, connection = restored(target, make_backup(17))
        with connection:
            connection.execute("create table of_a_check (a int)")
            assert connection.execute("select what from seen").fetchall() == [("a row",)]
    finally:
        target.stop()


def test_an_open_network_is_told_and_is_what_isolation_takes_away(
    production: Production, make_backup: Callable[[int], Dump], pg_tools: dict[int, Tools], short_path: Path
) -> None:
    backup = make_backup(17)
    before = production.calls()
    target = PostgresTarget(short_path / "t", tuple(pg_tools.values()), isolated=False)
    try:
        target.start(backup.manifest.server, 2)
        outcome = target.restore(backup, 2, lambda *_: None)
        assert production.calls() > before  # the materialized view
        (told,) = (finding for finding in outcome.findings if not finding.severity.fails)
        assert (told.rule, told.severity) == ("NOT_ISOLATED", Severity.INFO)
        for name, call in CALLS.items():
            before = production.calls()
            url = target.database().url
            with psycopg.connect(url, autocommit=True) as connection, contextlib.suppress(psycopg.Error):
                connection.execute(production.named(call).encode())
            until = time.monotonic() + 30
            while production.calls() == before and time.monotonic() < until:
                time.sleep(0.01)
            assert production.calls() > before, name
    finally:
        target.stop()
