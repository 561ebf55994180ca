"""Who connects where, what a session is like, and which of our errors a psycopg error becomes."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from restoredrill.engines.postgres import connect
from restoredrill.engines.postgres.connect import (
    SOURCE,
    TARGET,
    Limits,
    Login,
    Side,
    as_ours,
    libpq_environment,
)
from restoredrill.engines.postgres.toolchain import Tools
from restoredrill.errors import (
    DiskFull,
    DumpFailed,
    QueryFailed,
    QueryTimeout,
    RestoredrillError,
    ServerFailed,
    SourceDenied,
    SourceUnreachable,
    UsageError,
)
from tests.plugins.postgres import SourceServer

GetServer = Callable[[int], SourceServer]


# Logins ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgresql://u%40corp:p%2Fw%3A%25@db.example.com:6432/my%20shop?sslmode=require&sslrootcert=/ca",
            {
                "PGUSER": "u@corp",
                "PGPASSWORD": "p/w:%",
                "PGHOST": "db.example.com",
                "PGPORT": "6432",
                "PGDATABASE": "my shop",
                "PGSSLMODE": "require",
                "PGSSLROOTCERT": "/ca",
            },
        ),
        (
            "host=a,b port=1,2 dbname='it''s' user=me password='two words' target_session_attrs=standby",
            None,
        ),
        (
            r"host=a,b port=1,2 dbname='it\'s' user=me password='two words' target_session_attrs=standby",
            {
                "PGHOST": "a,b",
                "PGPORT": "1,2",
                "PGDATABASE": "it's",
                "PGUSER": "me",
                "PGPASSWORD": "two words",
                "PGTARGETSESSIONATTRS": "standby",
            },
        ),
        (
            "postgresql://h1:1,h2:2/d?options=-c%20geqo%3Doff&connect_timeout=3",
            {
                "PGHOST": "h1,h2",
                "PGPORT": "1,2",
                "PGDATABASE": "d",
                "PGOPTIONS": "-c geqo=off",
                "PGCONNECT_TIMEOUT": "3",
            },
        ),
        ("service=shop", {"PGSERVICE": "shop"}),
        ("postgresql:///d?host=/run/pg", {"PGHOST": "/run/pg", "PGDATABASE": "d"}),
        ("postgresql://[::1]:5/d", {"PGHOST": "::1", "PGPORT": "5", "PGDATABASE": "d"}),
        ("dbname=d client_encoding=latin1 application_name=x replication=database", {"PGDATABASE": "d"}),
    ],
)
def test_the_environment_says_what_the_url_says(url: str, expected: dict[str, str] | None) -> None:
    if expected is None:
        with pytest.raises(UsageError):
            libpq_environment(url)
        return
    always = {"PGCONNECT_TIMEOUT": f"{connect.CONNECT_TIMEOUT_S:g}", "PGAPPNAME": "restoredrill"}
    assert libpq_environment(url) == {**always, **expected}


def test_what_has_no_variable_goes_into_words_and_is_no_secret() -> None:
    login = connect.login("postgresql://u:secret@h/d?keepalives_idle=7&tcp_user_timeout=9")
    words = login.words(dbname="with space")
    assert "keepalives_idle=7" in words
    assert "tcp_user_timeout=9" in words
    assert "dbname='with space'" in words
    assert "secret" not in words


def test_a_secret_that_only_an_argument_could_carry_is_refused() -> None:
    with pytest.raises(UsageError, match="sslpassword") as caught:
        libpq_environment("postgresql://u@h/d?sslpassword=hush")
    assert "hush" not in str(caught.value) + caught.value.hint


@pytest.mark.parametrize(
    "url", ["postgresql://u:hu%zzsh@h/d", "foo:hush@x", "postgresql://u:hush@h:99x/d", "hush", "host=a hush"]
)
def test_a_url_that_cannot_be_read_is_not_quoted(url: str) -> None:
    with pytest.raises((UsageError, SourceUnreachable)) as caught:
        connect.plain(connect.login(url), SOURCE)
    assert "hush" not in str(caught.value) + caught.value.hint + repr(caught.value.__cause__)


def test_a_login_does_not_show_its_password() -> None:
    login = connect.login("postgresql://u:hush@h/d")
    assert "hush" not in repr(login) + str(login) + login.name
    assert login.name == "d on h"


@pytest.fixture
def service(
    source_server: GetServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[SourceServer, str]]:
    """A server that only a service file and the environment lead to."""
    server = source_server(17)
    name = server.database("CREATE TABLE t (x int)", name="served")
    file = tmp_path / "services.conf"
    file.write_text(f"[shop]\nhost={server.server.directory}\nuser=postgres\ndbname={name}\n")
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    monkeypatch.setenv("PGPORT", "5432")
    yield server, name
    server.drop(name)


def test_a_service_is_resolved_for_programs(
    service: tuple[SourceServer, str], pg_tools: dict[int, Tools]
) -> None:
    asked = connect.login("service=shop")
    with contextlib.closing(connect.plain(asked, SOURCE)) as connection:
        pinned = connect.pinned(connection, asked)
    assert pinned.name == f"served on {service[0].server.directory}"
    assert "PGSERVICE" not in pinned.environment()
    psql = [str(pg_tools[17].program("psql")), "-X", "-At", "-c", "SELECT current_database()"]
    done = subprocess.run(
        [*psql, f"--dbname={pinned.words()}"],
        env={"PATH": os.environ["PATH"], **pinned.environment()},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "served"


def test_a_name_with_several_addresses_is_pinned_to_one(tcp_server: SourceServer) -> None:
    url = tcp_server.tcp_url().replace("127.0.0.1", "localhost")
    asked = connect.login(url)
    with contextlib.closing(connect.plain(asked, SOURCE)) as connection:
        pinned = connect.pinned(connection, asked)
    assert pinned.environment()["PGHOST"] == "localhost"
    assert pinned.environment()["PGHOSTADDR"] == "127.0.0.1"
    assert pinned.environment()["PGPASSWORD"] == "s3cret-of-the-source"


# Sessions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("major", [14, 17, 18])
def test_a_reading_session_is_careful_and_the_same_everywhere(major: int, source_server: GetServer) -> None:
    server = source_server(major)
    name = server.database("CREATE TABLE t (x int)")
    with server.connect(name) as connection:
        for setting in ("datestyle = 'German'", "timezone = 'Asia/Tokyo'", "bytea_output = 'escape'"):
            connection.execute(f"ALTER DATABASE {name} SET {setting}".encode())
    to = connect.login(server.url(name))
    limits = Limits(lock_timeout_s=1.5, statement_timeout_s=60)
    expected = {
        "application_name": "restoredrill",
        "transaction_isolation": "repeatable read",
        "transaction_read_only": "on",
        "default_transaction_read_only": "on",
        "lock_timeout": "1500ms",
        "statement_timeout": "1min",
        "idle_in_transaction_session_timeout": "0",
        "row_security": "off",
        "DateStyle": "ISO, MDY",
        "TimeZone": "UTC",
        "bytea_output": "hex",
        "search_path": '""',
        "client_encoding": "UTF8",
    }
    with contextlib.closing(connect.reading(to, limits, SOURCE)) as connection:
        shown = {name: connection.execute(f"SHOW {name}".encode()).fetchone() for name in expected}
        assert {name: row[0] for name, row in shown.items() if row} == expected
        with pytest.raises(errors.ReadOnlySqlTransaction):
            connection.execute("INSERT INTO public.t VALUES (1)")
        connection.rollback()
        row = connection.execute("SHOW search_path").fetchone()
        assert row is not None
        assert row[0] != "", "a pooler's next client finds nothing of it"
    server.drop(name)


def test_a_lock_is_not_waited_for_long(source_server: GetServer) -> None:
    server = source_server(17)
    name = server.database("CREATE TABLE t (x int)")
    to = connect.login(server.url(name))
    with server.connect(name) as other, other.transaction():
        other.execute("LOCK TABLE t")
        reading = contextlib.closing(connect.reading(to, Limits(lock_timeout_s=0.1), SOURCE))
        translated = connect.translated(SOURCE, "read", to)
        with reading as connection, pytest.raises(DumpFailed, match="lock") as caught, translated:
            connection.execute("SELECT * FROM public.t")
    assert "lock time-out" in caught.value.hint
    server.drop(name)


@pytest.mark.parametrize("snapshot", ["00000003-0000001B-1", "nonsense"])
def test_a_snapshot_nobody_holds(snapshot: str, source_server: GetServer) -> None:
    to = connect.login(source_server(17).url())
    with pytest.raises(DumpFailed, match="lost its snapshot"):
        connect.reading(to, Limits(), SOURCE, snapshot=snapshot)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda url: url.replace("s3cret-of-the-source", "wrong-pass"), "password authentication failed"),
        (lambda url: url.replace("postgres:", "nobody-here:"), "authentication failed"),
        (lambda url: url.rsplit("/", 1)[0] + "/nope", '"nope" does not exist'),
        (lambda url: "postgresql://u:wrong-pass@127.0.0.1:1/d", "Connection refused"),
        (lambda url: "postgresql://u:wrong-pass@no-such-host.invalid/d", "no-such-host.invalid"),
    ],
)
def test_a_login_that_fails_says_why_and_not_with_what(
    change: Callable[[str], str], reason: str, tcp_server: SourceServer
) -> None:
    with pytest.raises(SourceUnreachable) as caught:
        connect.plain(connect.login(change(tcp_server.tcp_url())), SOURCE)
    assert reason in caught.value.reason
    assert "wrong-pass" not in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert "\n" not in caught.value.reason


# Errors ---------------------------------------------------------------------------------------------------


def every_psycopg_error() -> list[type[psycopg.Error]]:
    found: list[type[psycopg.Error]] = []
    waiting: list[type[psycopg.Error]] = [psycopg.Error]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting.extend(kind.__subclasses__())
    return found


SOURCE_KINDS = {SourceUnreachable, SourceDenied, DumpFailed}
TARGET_KINDS = {ServerFailed, QueryFailed, QueryTimeout, DiskFull}


@pytest.mark.parametrize(("side", "kinds"), [(SOURCE, SOURCE_KINDS), (TARGET, TARGET_KINDS)])
def test_every_error_of_psycopg_is_one_of_ours(side: Side, kinds: set[type[RestoredrillError]]) -> None:
    known = every_psycopg_error()
    assert len(known) > 250
    to = Login({"password": "hush", "host": "h", "dbname": "d"})
    for kind in known:
        ours = as_ours(kind("it says hush"), side, "read", to)
        assert type(ours) in kinds, kind
        assert "hush" not in str(ours)
        assert ours.reason, kind


@pytest.mark.parametrize(
    ("kind", "source", "target"),
    [
        (errors.InsufficientPrivilege, SourceDenied, QueryFailed),
        (errors.QueryCanceled, DumpFailed, QueryTimeout),
        (errors.LockNotAvailable, DumpFailed, QueryTimeout),
        (errors.DiskFull, DumpFailed, DiskFull),
        (errors.AdminShutdown, SourceUnreachable, ServerFailed),
        (errors.CannotConnectNow, SourceUnreachable, ServerFailed),
        (errors.ConnectionFailure, SourceUnreachable, ServerFailed),
        (errors.InvalidPassword, SourceUnreachable, ServerFailed),
        (errors.InvalidCatalogName, SourceUnreachable, ServerFailed),
        (errors.TooManyConnections, SourceUnreachable, ServerFailed),
        (errors.IdleInTransactionSessionTimeout, SourceUnreachable, ServerFailed),
        (psycopg.OperationalError, SourceUnreachable, ServerFailed),
        (psycopg.InterfaceError, SourceUnreachable, ServerFailed),
        (errors.SerializationFailure, DumpFailed, QueryFailed),
        (errors.UndefinedTable, DumpFailed, QueryFailed),
        (errors.SyntaxError, DumpFailed, QueryFailed),
        (errors.DataCorrupted, DumpFailed, QueryFailed),
        (errors.InternalError_, DumpFailed, QueryFailed),
    ],
)
def test_which_error_is_which(
    kind: type[psycopg.Error], source: type[RestoredrillError], target: type[RestoredrillError]
) -> None:
    assert type(as_ours(kind("x"), SOURCE, "read", "d")) is source
    assert type(as_ours(kind("x"), TARGET, "read", "d")) is target


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT 'hush'::int", "invalid text representation (22P02)"),
        ("DO $$BEGIN RAISE EXCEPTION 'hush'; END$$", "raise exception (P0001)"),
        ("SELECT 1/0", "division by zero (22012)"),
        ("SELECT nonsense", 'column "nonsense" does not exist'),
    ],
)
def test_a_message_that_quotes_a_value_is_not_passed_on(
    query: str, said: str, source_server: GetServer
) -> None:
    translated = connect.translated(TARGET, "run", "a check")
    with source_server(17).connect() as connection, pytest.raises(QueryFailed) as caught, translated:
        connection.execute(query.encode())
    assert caught.value.reason == said
