"""Good backups of real servers come back whole on a throwaway one, on every major, and leave nothing."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from restoredrill import process
from restoredrill.engines.postgres import fingerprint, fits
from restoredrill.engines.postgres.connect import SOURCE, Limits, login, reading
from restoredrill.engines.postgres.facts import gather
from restoredrill.engines.postgres.target import PostgresTarget
from restoredrill.engines.postgres.toolchain import Tools, client_for
from restoredrill.errors import ServerFailed, ToolMissing
from restoredrill.model import Fingerprint, FingerprintLevel
from tests.engines.dumped import dump
from tests.plugins.postgres import SourceServer
from tests.plugins.requirements import missing

MAJORS = (14, 16, 17, 18)

# A bit of everything that a restore has to bring back, under names that have to be quoted.
EVERYTHING = """
create role "shop owner" login password 'not-a-secret';
create role readers;
grant readers to "shop owner" with admin option;
alter role "shop owner" set work_mem = '5MB';
create extension pg_trgm;
create schema "odd "" schema";
create table "odd "" schema"."t.1" (id bigint generated always as identity primary key, body text);
insert into "odd "" schema"."t.1" (body) select md5(i::text) from generate_series(1, 30000) i;
create index "t body" on "odd "" schema"."t.1" using gin (body gin_trgm_ops);
alter table "odd "" schema"."t.1" owner to "shop owner";
grant usage on schema "odd "" schema" to "shop owner";
create table visits (at date, ip inet) partition by range (at);
create table visits_1 partition of visits for values from ('2026-01-01') to ('2026-02-01');
create table visits_2 partition of visits for values from ('2026-02-01') to ('2026-03-01');
insert into visits select date '2026-01-01' + i % 50, '10.0.0.1' from generate_series(1, 2000) i;
create table lines (id int primary key, visit bigint references "odd "" schema"."t.1", note text);
insert into lines select i, i, repeat('x', i % 100) from generate_series(1, 1000) i;
create sequence counter start 7;
select nextval('counter');
create view recent as select * from visits where at > '2026-02-01';
create materialized view by_day as select at, count(*) from visits group by at;
create function twice(int) returns int language sql immutable as 'select $1 * 2';
create index on lines (twice(id));
select lo_from_bytea(0, decode(repeat('00ff', 3000), 'hex')) from generate_series(1, 5);
grant select on visits to readers;
create policy mine on lines using (id > 0);
alter table lines enable row level security;
comment on table lines is 'it''s';
"""
ROLES = (b"shop owner", b"readers", b"caf\xc3\xa9")


@pytest.fixture
def make_target(short_path: Path, pg_tools: dict[int, Tools]) -> Iterator[Callable[..., PostgresTarget]]:
    """`make_target()`: a target in a directory of its own; afterwards, proof that nothing is left of it."""
    made: list[tuple[PostgresTarget, Path]] = []

    def make(*, isolated: bool | None = None, tools: tuple[Tools, ...] | None = None) -> PostgresTarget:
        directory = short_path / f"t{len(made)}"
        wanted = process.can_isolate() if isolated is None else isolated
        made.append((PostgresTarget(directory, tools or tuple(pg_tools.values()), wanted), directory))
        return made[-1][0]

    yield make
    for target, directory in made:
        target.stop()
        target.stop()
        assert process.running_below(directory) == ()
        assert not directory.exists()


@pytest.fixture
def clean_roles(source_server: Callable[[int], SourceServer]) -> Iterator[Callable[[int], SourceServer]]:
    """A source server by major, from which the roles of `EVERYTHING` are gone again afterwards."""
    used: list[SourceServer] = []

    def get(major: int) -> SourceServer:
        used.append(source_server(major))
        return used[-1]

    yield get
    for source in used:
        with source.connect() as connection:
            for (name,) in connection.execute("select datname from pg_database where datname ~ '^(db|odd)'"):
                source.drop(name)
            for role in ROLES:
                connection.execute(b'drop role if exists "%s"' % role)


def described(url: str) -> Fingerprint:
    to = login(url)
    return fingerprint.take(
        lambda: reading(to, Limits(), SOURCE), FingerprintLevel.CONTENT, 1, lambda *_: None
    )


def quiet(message: str, percent: float | None, mb_per_s: float | None) -> None:
    """Progress that nobody wants to see."""


@pytest.mark.parametrize("major", MAJORS)
def test_a_good_backup_comes_back_whole(
    major: int,
    clean_roles: Callable[[int], SourceServer],
    make_target: Callable[..., PostgresTarget],
    pg_tools: dict[int, Tools],
) -> None:
    source = clean_roles(major)
    name = source.database(EVERYTHING, name="odd \"name; of' a = shop")
    backup = dump(source, name, client_for(major, tuple(pg_tools.values())))
    said: list[tuple[str, float | None]] = []
    target = make_target()

    target.start(backup.manifest.server, 2)
    restored = target.restore(backup, 2, lambda message, percent, _: said.append((message, percent)))

    assert restored.findings == ()
    assert [phase.name for phase in restored.phases] == ["globals", "pre-data", "data", "post-data"]
    assert restored.phases[2].bytes == sum(
        len(backup.stored[file]) for file in backup.data if "toc" not in file
    )
    assert restored.bottleneck
    percents = [percent for _, percent in said if percent is not None]
    assert percents == sorted(percents)
    found = target.fingerprint(FingerprintLevel.CONTENT, 2, quiet)
    expected = described(source.url(name))
    assert found.tables == expected.tables
    assert found.sequences == expected.sequences
    assert found.objects == expected.objects
    assert target.database().query("select count(*) from lines", 30.0).rows == ((1000,),)
    with psycopg.connect(target.database().url) as connection:
        hashed = connection.execute("select rolpassword from pg_authid where rolname = 'shop owner'")
        assert str(hashed.fetchone()).startswith("('SCRAM-SHA-256$")


def test_a_newer_server_takes_an_older_database(
    clean_roles: Callable[[int], SourceServer],
    make_target: Callable[..., PostgresTarget],
    pg_tools: dict[int, Tools],
) -> None:
    source = clean_roles(14)
    backup = dump(source, source.database("create table t as select 1 as a"), pg_tools[17])
    target = make_target(tools=(pg_tools[18],))
    target.start(backup.manifest.server, 1)
    assert target.restore(backup, 1, quiet).findings == ()


def test_a_newer_client_is_no_finding_on_an_older_server(
    clean_roles: Callable[[int], SourceServer],
    make_target: Callable[..., PostgresTarget],
    pg_tools: dict[int, Tools],
) -> None:
    """pg_restore 17 and newer sets something on each session that older servers do not know."""
    source = clean_roles(14)
    script = "create table t as select i from generate_series(1, 1000) i; create index on t (i)"
    backup = dump(source, source.database(script), pg_tools[18])
    target = make_target()
    target.start(backup.manifest.server, 4)
    restored = target.restore(backup, 4, quiet)
    assert restored.findings == ()
    assert any("transaction_timeout" in message for message in restored.harmless)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ("ENCODING 'SQL_ASCII' LOCALE 'C'", "db_ascii"),
        ("ENCODING 'LATIN1' LOCALE 'C'", "db_latin"),
    ],
)
def test_other_encodings_come_back_byte_for_byte(
    options: str,
    name: str,
    clean_roles: Callable[[int], SourceServer],
    make_target: Callable[..., PostgresTarget],
) -> None:
    source = clean_roles(17)
    source.database("create table t (a text)", name=name, options=options)
    with source.connect(name) as connection:
        if name == "db_ascii":
            connection.execute(b"insert into t values (E'caf\\xe9')")
            connection.execute(b'create role "caf\xc3\xa9"; alter table t owner to "caf\xc3\xa9"')
        else:
            connection.execute("insert into t values (convert_from('\\xe9fc', 'LATIN1'))")
    backup = dump(source, name)
    target = make_target()
    target.start(backup.manifest.server, 1)
    assert target.restore(backup, 1, quiet).findings == ()
    assert target.fingerprint(FingerprintLevel.CONTENT, 1, quiet).tables == described(source.url(name)).tables
    with psycopg.connect(target.database().url) as connection:
        assert connection.info.parameter_status("server_encoding") == backup.server.encoding


@pytest.mark.parametrize("name", ["postgres", "template1"])
def test_a_database_with_a_name_of_the_servers_own(
    name: str,
    source_server: Callable[[int], SourceServer],
    make_target: Callable[..., PostgresTarget],
) -> None:
    source = source_server(17)
    with source.connect(name) as connection:
        connection.execute("create table of_the_source as select 7 as a")
    try:
        backup = dump(source, name)
    finally:
        with source.connect(name) as connection:
            connection.execute("drop table of_the_source")
    target = make_target()
    target.start(backup.manifest.server, 2)
    assert target.restore(backup, 2, quiet).findings == ()
    assert target.database().query("select a from of_the_source", 30.0).rows == ((7,),)


def test_settings_and_tablespace_of_the_database_do_not_get_in_the_way(
    clean_roles: Callable[[int], SourceServer],
    make_target: Callable[..., PostgresTarget],
    short_path: Path,
) -> None:
    source = clean_roles(17)
    place = short_path / "fast"
    place.mkdir()
    process.give_to_server(place)
    with source.connect() as connection:
        connection.execute(f"create tablespace fast location '{place}'".encode())
    script = "create table t as select i from generate_series(1, 100) i"
    name = source.database(script, options="TABLESPACE fast")
    with source.connect() as connection:
        for setting in (
            "default_transaction_read_only = on",
            "statement_timeout = '1ms'",
            "session_preload_libraries = 'nowhere_to_be_found'",
            "default_tablespace = 'fast'",
        ):
            connection.execute(f"alter database {name} set {setting}".encode())
    backup = dump(source, name, options="-c session_preload_libraries= -c statement_timeout=0")
    source.drop(name)
    with source.connect() as connection:
        connection.execute("drop tablespace fast")
    target = make_target()
    target.start(backup.manifest.server, 2)
    assert target.restore(backup, 2, quiet).findings == ()
    assert target.fingerprint(FingerprintLevel.ROWS, 2, quiet).tables[0].rows == 100
    assert target.database().query("select count(*) from t", 30.0).rows == ((100,),)


def test_two_thousand_small_tables(
    clean_roles: Callable[[int], SourceServer], make_target: Callable[..., PostgresTarget]
) -> None:
    source = clean_roles(17)
    script = "do $$ begin for i in 1..2000 loop execute format('create table t%s as select %s as a', i, i);"
    backup = dump(source, source.database(script + " end loop; end $$"))
    target = make_target()
    target.start(backup.manifest.server, 2)
    restored = target.restore(backup, 2, quiet)
    assert restored.findings == ()
    assert len(target.fingerprint(FingerprintLevel.CONTENT, 2, quiet).tables) == 2001
    print({phase.name: round(phase.seconds, 2) for phase in restored.phases})


def test_no_data_of_the_backup_is_on_disk_but_in_the_server(
    clean_roles: Callable[[int], SourceServer],
    make_target: Callable[..., PostgresTarget],
    short_path: Path,
) -> None:
    source = clean_roles(17)
    # Random text does not compress: some 12 MB.
    script = "create table t as select md5(i::text) || md5((-i)::text) as a from generate_series(1, 300000) i"
    backup = dump(source, source.database(script))
    largest = 0

    def look(*_: object) -> None:
        nonlocal largest
        largest = max(largest, *(regular_bytes(short_path / "t0" / "restore"), 0))

    target = make_target()
    target.start(backup.manifest.server, 2)
    assert target.restore(backup, 2, look).findings == ()
    assert sum(map(len, backup.stored.values())) > 5_000_000
    assert 0 < largest <= len(backup.stored["toc.dat"]) + 1000
    assert not (short_path / "t0" / "restore").exists()


def regular_bytes(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            found = path.lstat()
        except FileNotFoundError:
            continue
        if stat.S_ISREG(found.st_mode):
            total += found.st_size
    return total


# What the machine lacks -----------------------------------------------------------------------------------


def test_a_locale_that_this_machine_lacks_is_named_before_anything_is_done(
    source_server: Callable[[int], SourceServer], make_target: Callable[..., PostgresTarget]
) -> None:
    backup = dump(source_server(17), "postgres")
    target = make_target()
    with pytest.raises(ToolMissing, match="tlh_QO") as raised:
        target.start(backup.server.model_copy(update={"collate": "tlh_QO", "ctype": "tlh_QO"}), 1)
    assert "locale" in raised.value.hint


def test_icu_is_asked_for_where_a_server_was_built_without(
    source_server: Callable[[int], SourceServer], pg_tools: dict[int, Tools]
) -> None:
    with source_server(17).connect() as connection:
        facts = gather(connection)
        icu = facts.model_copy(update={"locale_provider": "icu", "locale": "de-DE"})
        with pytest.raises(ToolMissing, match="icu locale de-DE") as raised:
            fits.check_locale(connection, icu)
        fits.check_locale(connection, facts)
    assert "ICU" in raised.value.hint


def test_another_installation_is_tried_where_the_first_lacks_something(
    source_server: Callable[[int], SourceServer],
    make_target: Callable[..., PostgresTarget],
    pg_tools: dict[int, Tools],
) -> None:
    if 15 not in pg_tools or not str(pg_tools[15].bindir).startswith("/usr/lib"):
        missing("needs the distribution's PostgreSQL 15, which has ICU")
    facts = dump(source_server(14), "postgres").server
    facts = facts.model_copy(update={"locale_provider": "icu", "locale": "de-DE"})
    target = make_target(tools=(pg_tools[14], pg_tools[15]))
    target.start(facts, 1)
    with psycopg.connect(target._running()[0].url("template1")) as connection:
        assert connection.info.server_version // 10000 == 15


def test_a_server_older_than_the_database_is_refused(
    source_server: Callable[[int], SourceServer],
    make_target: Callable[..., PostgresTarget],
    pg_tools: dict[int, Tools],
) -> None:
    backup = dump(source_server(17), "postgres")
    with pytest.raises(ToolMissing, match="17"):
        make_target(tools=(pg_tools[14], pg_tools[16])).start(backup.server, 1)


def test_a_target_that_was_not_started_says_so(make_target: Callable[..., PostgresTarget]) -> None:
    with pytest.raises(ServerFailed, match="not running"):
        make_target().database()


def test_a_target_ends_what_one_before_it_has_left(
    source_server: Callable[[int], SourceServer], pg_tools: dict[int, Tools], short_path: Path
) -> None:
    facts = dump(source_server(17), "postgres").server
    directory = short_path / "t"
    killed = PostgresTarget(directory, tuple(pg_tools.values()), process.can_isolate())
    killed.start(facts, 1)
    assert process.running_below(directory)
    PostgresTarget(directory, tuple(pg_tools.values())).stop()
    assert process.running_below(directory) == ()
    assert not directory.exists()
    killed.stop()


def test_a_strict_umask_keeps_the_servers_user_out_of_nothing(
    make_target: Callable[..., PostgresTarget],
    clean_roles: Callable[[int], SourceServer],
    pg_tools: dict[int, Tools],
) -> None:
    """Many a hardened host gives root one of 077."""
    source = clean_roles(17)
    facts = dump(source, source.database(""), client_for(17, tuple(pg_tools.values()))).manifest.server
    before = os.umask(0o077)
    try:
        make_target().start(facts, 1)
    finally:
        os.umask(before)
