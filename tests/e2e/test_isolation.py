"""A restored database gets no chance to call out, and production is only read."""

import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from restoredrill.model import Verdict
from tests.e2e.conftest import SHOP, Shop, Taken
from tests.e2e.host import Host, eventually
from tests.e2e.listening import Listener, listener
from tests.e2e.trouble import gate, kill_agent, lease, machine_of, postmaster
from tests.plugins.postgres import SourceServer
from tests.plugins.s3 import S3Vault
from tests.vault.faulty import Proxy

# Everything in a database that might reach for something, when it is made, filled or connected to.
CALLS = """
CREATE EXTENSION dblink;
CREATE EXTENSION postgres_fdw;
CREATE TABLE made_anew (n int);
CREATE FUNCTION call_home() RETURNS int LANGUAGE plpgsql AS $body$
BEGIN
    BEGIN
        PERFORM public.dblink_exec('host=127.0.0.1 port={port} user=x password=x', 'SELECT 1');
    EXCEPTION WHEN OTHERS THEN NULL; END;
    BEGIN
        PERFORM public.dblink_exec(
            'host={socket} user=postgres dbname=production', 'INSERT INTO visits VALUES (1)');
    EXCEPTION WHEN OTHERS THEN NULL; END;
    BEGIN
        COPY public.made_anew FROM PROGRAM 'bash -c "exec 3<>/dev/tcp/127.0.0.1/{port}"';
    EXCEPTION WHEN OTHERS THEN NULL; END;
    RETURN 1;
END $body$;
CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $body$
BEGIN PERFORM public.call_home(); END $body$;
CREATE TABLE calls (n int DEFAULT call_home(), CHECK (n IS NULL OR call_home() > 0));
INSERT INTO calls VALUES (1), (2);
CREATE MATERIALIZED VIEW called AS SELECT call_home() AS n;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw
    OPTIONS (host '127.0.0.1', port '{port}', dbname 'production');
CREATE USER MAPPING FOR postgres SERVER elsewhere OPTIONS (user 'x', password 'x');
CREATE FOREIGN TABLE far_away (n int) SERVER elsewhere;
CREATE EVENT TRIGGER on_everything ON ddl_command_end EXECUTE FUNCTION on_ddl();
"""
SUBSCRIPTION = """
CREATE SUBSCRIPTION follower CONNECTION 'host=127.0.0.1 port={port} dbname=production'
    PUBLICATION everything WITH (connect = false, slot_name = NONE, enabled = false)
"""


@pytest.fixture
def home() -> Iterator[Listener]:
    with listener() as made:
        yield made


@pytest.fixture
def caller(source_server: Callable[[int], SourceServer], home: Listener) -> Iterator[Shop]:
    """A database that calls home at every opportunity, which it has done on its own server, too."""
    server = source_server(17)
    production = server.database("CREATE TABLE visits (n int)", name="production")
    words = {"port": home.port, "socket": str(server.server.directory)}
    name = server.database()
    with server.connect(name) as connection:
        for script in (CALLS, SUBSCRIPTION):
            connection.execute(script.format(**words).encode())
    yield Shop(server, name)
    with server.connect(name) as connection:
        connection.execute(b"ALTER EVENT TRIGGER on_everything DISABLE")
        connection.execute(b"DROP SUBSCRIPTION follower")
    server.drop(name)
    server.drop(production)


def visits(server: SourceServer) -> int:
    with server.connect("production") as connection:
        row = connection.execute(b"SELECT count(*) FROM visits").fetchone()
    assert row is not None
    return int(row[0])


def test_a_restored_database_reaches_nobody(host: Host, caller: Shop, home: Listener) -> None:
    """Promise 5: subscription, foreign server, dblink, COPY PROGRAM, event trigger: nobody hears of any."""
    host.protect("caller", caller.url, host.folder / "vault")
    host.backup("caller")
    heard, visited = home.calls, visits(caller.server)
    assert heard > 0, "where it comes from, it could"
    assert visited > 0, "by the Unix socket, too"

    report = host.drill("caller")
    assert report.verdict is Verdict.PASSED
    assert home.calls == heard
    assert visits(caller.server) == visited


def test_what_there_is_of_a_drill_under_way(
    host: Host, shop: Shop, taken: Taken, proxied: S3Vault, proxy: Proxy
) -> None:
    """Promise 5: neither agent nor server has the source's URL, and the server has no secret at all.

    Promise 7: what pg_restore reads are pipes, and the table of contents; no object is on disk.
    """
    host.environment["SHOP_PASSWORD"] = "not-for-drills"
    host.protect("shop", shop.url, proxied)
    taken.put(host.store("shop"))
    with gate(proxy, r"^GET .*\.dat\.zst") as at:
        command = host.start("drill", "shop", "--json")
        at.wait()
        home = machine_of(host)
        agent = lease(home).agent
        assert agent is not None
        known = {"agent": _environment(agent.pid), "server": _environment(postmaster(host))}
        job = (home / "job.json").read_text()
        restoring = home / "server" / "restore"
        private = restoring.stat().st_mode & 0o077 == 0
        archive = {path.name: path.lstat().st_mode for path in (restoring / "archive").iterdir()}
        command.kill()
        kill_agent(host)
        eventually(lambda: host.left() == [], "the guard has ended it")

    assert proxied.secret_key in known["agent"], "what it may know, it knows"
    for secret in (shop.url, "not-for-drills"):
        assert secret not in known["agent"]
        assert secret not in job
    for secret in (shop.url, "not-for-drills", *proxied.environment.values()):
        assert secret not in known["server"]
    assert proxied.secret_key not in job

    assert private, "what pg_restore says quotes rows"
    assert len(archive) > 2
    assert {name for name, mode in archive.items() if not stat.S_ISFIFO(mode)} == {"toc.dat"}


def _environment(pid: int) -> str:
    return Path(f"/proc/{pid}/environ").read_bytes().replace(b"\0", b"\n").decode()


WRITTEN = b"""
SELECT sum(tup_inserted), sum(tup_updated), sum(tup_deleted), sum(temp_files) FROM pg_stat_database
"""


def traces(server: SourceServer) -> tuple[object, ...]:
    """What any change leaves: the next transaction's number, and rows counted."""
    with server.connect() as connection:
        row = connection.execute(b"SELECT pg_snapshot_xmax(pg_current_snapshot())::text").fetchone()
        counted = connection.execute(WRITTEN).fetchone()
    assert row is not None
    assert counted is not None
    return (*row, *counted)


def test_the_source_is_only_read(host: Host, source_server: Callable[[int], SourceServer]) -> None:
    """Promise 6: by a role that may only SELECT; nothing it does is a write, not even a temporary table."""
    server = source_server(18)
    name = server.database(SHOP)
    with server.connect(name) as connection:
        connection.execute(b"CREATE ROLE only_reads LOGIN")
        connection.execute(b"GRANT USAGE ON SCHEMA shop TO only_reads")
        connection.execute(b"GRANT SELECT ON ALL TABLES IN SCHEMA shop TO only_reads")
        connection.execute(b"GRANT SELECT ON ALL SEQUENCES IN SCHEMA shop TO only_reads")
    host.protect("shop", server.url_as("only_reads", name), host.folder / "vault")
    before = traces(server)
    host.backup("shop")
    assert traces(server) == before
    assert host.drill("shop").verdict is Verdict.PASSED


def test_what_may_not_be_read_fails_the_backup(
    host: Host, source_server: Callable[[int], SourceServer]
) -> None:
    """Promise 3: a dump that skips rows is no backup, so there is none, and the table is named."""
    server = source_server(18)
    name = server.database(SHOP)
    with server.connect(name) as connection:
        connection.execute(b"CREATE ROLE reads_some LOGIN")
        connection.execute(b"GRANT USAGE ON SCHEMA shop TO reads_some")
        connection.execute(b"GRANT SELECT ON shop.orders, shop.invoice TO reads_some")
    host.protect("shop", server.url_as("reads_some", name), host.folder / "vault")
    error = host.document("backup", "shop", code=1)["error"]
    assert "shop.customer" in error["reason"]
    assert host.keys("shop", "backups/") == ()
