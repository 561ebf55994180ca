"""What pg_restore says: every error under its rule, none lost, no row in any."""

import dataclasses
import gzip
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from restoredrill import process
from restoredrill.engines.postgres.messages import Blame, RestoreMessage, Rule, classify
from restoredrill.engines.postgres.saying import clean
from restoredrill.engines.postgres.toc import Entry
from restoredrill.model import Severity
from tests.engines.sample_archive import MAJORS, ROLES, SECRET, Sample, restore_argv, sample
from tests.plugins.postgres import SourceServer

pytestmark = pytest.mark.xdist_group("feeding")

NEWEST = max(MAJORS)


def told(text: str, *, code: int = 1, jobs: int = 2) -> tuple[RestoreMessage, ...]:
    return classify(text.splitlines(), code, jobs)


def error(words: str, command: str = "", *, counted: int | None = 1) -> str:
    """Standard error with one error of the server's."""
    summary = "" if counted is None else f"pg_restore: warning: errors ignored on restore: {counted}\n"
    return f"pg_restore: error: could not execute query: {words}\nCommand was: {command}\n\n\n{summary}"


def one(text: str, **options: int) -> RestoreMessage:
    messages = told(text, **options)
    assert len(messages) == 1, messages
    return messages[0]


# Rules ------------------------------------------------------------------------------------------------------

SERVER_ERRORS = [
    (Rule.EXTENSION_MISSING, "postgis", 'extension "postgis" is not available', "CREATE EXTENSION postgis;"),
    (
        Rule.EXTENSION_MISSING,
        "postgis",
        'could not open extension control file "/usr/share/postgis.control": No such file or directory',
        "CREATE EXTENSION IF NOT EXISTS postgis WITH SCHEMA public;",
    ),
    (
        Rule.EXTENSION_MISSING,
        "public.f",
        'could not access file "$libdir/postgis-3": No such file or directory',
        "CREATE FUNCTION public.f() RETURNS int",
    ),
    (Rule.ROLE_MISSING, "app", 'role "app" does not exist', "GRANT SELECT ON TABLE shop.t TO app;"),
    (
        Rule.COLLATION_MISSING,
        "de_DE",
        'collation "de_DE" for encoding "UTF8" does not exist',
        "CREATE TABLE shop.t (",
    ),
    (
        Rule.COLLATION_MISSING,
        "shop.german",
        'could not create locale "de_DE.utf8": No such file or directory',
        "CREATE COLLATION shop.german (provider = libc);",
    ),
    (Rule.COLLATION_MISSING, "shop.g", "ICU is not supported in this build", "CREATE COLLATION shop.g (x);"),
    (Rule.OBJECT_EXISTS, "shop.t", 'relation "t" already exists', "CREATE TABLE shop.t ("),
    (
        Rule.OBJECT_EXISTS,
        'shop."My ""T"""',
        'multiple primary keys for table "My ""T""" are not allowed',
        'ALTER TABLE ONLY shop."My ""T"""',
    ),
    (
        Rule.CONSTRAINT_FAILED,
        "shop.t",
        'could not create unique index "t_pk"',
        "CREATE UNIQUE INDEX t_pk ON shop.t USING btree (id);",
    ),
    (
        Rule.CONSTRAINT_FAILED,
        "shop.t",
        'insert or update on table "t" violates foreign key constraint "fk"',
        "ALTER TABLE ONLY shop.t",
    ),
    (
        Rule.CONSTRAINT_FAILED,
        "shop.t",
        'check constraint "c" of relation "t" is violated by some row',
        "ALTER TABLE shop.t",
    ),
    (
        Rule.CONSTRAINT_FAILED,
        "shop.t",
        'column "id" of relation "t" contains null values',
        "ALTER TABLE shop.t",
    ),
    (Rule.PERMISSION, "shop", "permission denied for database shop", "CREATE SCHEMA shop;"),
    (Rule.PERMISSION, "e", "must be superuser to create an event trigger", "CREATE EVENT TRIGGER e ON x"),
    (
        Rule.DISK_FULL,
        "shop.t",
        'could not extend file "base/5/7": No space left on device',
        "CREATE INDEX i ON shop.t USING gin (x);",
    ),
    (Rule.OUT_OF_MEMORY, "shop.mv", "out of memory", "REFRESH MATERIALIZED VIEW shop.mv;"),
    (
        Rule.OUT_OF_MEMORY,
        "shop.t",
        'could not resize shared memory segment "/PostgreSQL.1" to 67128672 bytes: No space left on device',
        "CREATE INDEX i ON ONLY shop.t USING btree (x);",
    ),
    (Rule.RESTORE_ERROR, "shop.v", 'relation "shop.gone" does not exist', "CREATE OR REPLACE VIEW shop.v AS"),
    (
        Rule.RESTORE_ERROR,
        "shop.t",
        'could not open file "base/5/7": No such file or directory',
        "COPY shop.t (x)",
    ),
]


@pytest.mark.parametrize(("rule", "thing", "words", "command"), SERVER_ERRORS)
def test_an_error_of_the_server_has_a_rule_and_an_object(
    rule: Rule, thing: str, words: str, command: str
) -> None:
    message = one(error(f"ERROR:  {words}", command))
    assert (message.rule, message.object) == (rule, thing)
    assert not message.harmless
    assert message.finding().severity.fails


@pytest.mark.parametrize(
    "words",
    [
        'could not open input file "/tmp/d/12.dat": No such file or directory',
        "could not read from input file: end of file",
        "could not decompress data: Data corruption detected",
        "could not uncompress data: (null)",
        'could not close data file "/tmp/d/12.dat": Success',
        "did not find magic string in file header",
        "input file is too short (read 0, expected 5)",
        "entry ID 0 out of range -- perhaps a corrupt TOC",
        'invalid line in large object TOC file "/tmp/d/blobs.toc": "x"',
        "unsupported version (1.17) in file header",
        'directory "/tmp/d" does not appear to be a valid archive ("toc.dat" does not exist)',
        "cannot restore from compressed archive (this build does not support compression with zstd)",
    ],
)
def test_an_archive_that_cannot_be_read(words: str) -> None:
    message = one(f"pg_restore: error: {words}\n")
    assert message.rule is Rule.ARCHIVE_UNREADABLE
    assert message.severity is Severity.CRITICAL
    assert message.blame is Blame.BACKUP
    assert "/tmp" not in message.text


@pytest.mark.parametrize(
    "words",
    [
        "could not execute query: no connection to the server",
        "could not execute query: server closed the connection unexpectedly",
        "could not execute query: FATAL:  terminating connection due to administrator command",
        'connection to server on socket "/s/.s.PGSQL" failed: FATAL:  the database system is shutting down',
        "error returned by PQputCopyData: server closed the connection unexpectedly",
        "could not start database transaction: no connection to the server",
    ],
)
def test_a_server_that_went_away_says_nothing_of_the_backup(words: str) -> None:
    message = told(f"pg_restore: error: {words}\n")[0]
    assert message.rule is Rule.SERVER_DIED
    assert message.blame is Blame.MACHINE


def test_rejected_rows_are_named_by_table_line_and_column() -> None:
    text = (
        'pg_restore: error: COPY failed for table "people": '
        'ERROR:  invalid input syntax for type integer: "x"\n'
        'CONTEXT:  COPY people, line 3, column id: "x"\n'
        "pg_restore: warning: errors ignored on restore: 2\n"
    )
    message = one(text)
    assert message.rule is Rule.DATA_REJECTED
    assert message.object == "people"
    assert message.text == "invalid input syntax for type integer: … (table people, line 3, column id)"


@pytest.mark.parametrize("value", ["out of memory", "No space left on device", "permission denied"])
def test_no_row_decides_what_an_error_is_taken_for(value: str) -> None:
    rejected = f'pg_restore: error: COPY failed for table "t": ERROR:  invalid date: "{value}"\n'
    assert told(rejected)[0].rule is Rule.DATA_REJECTED
    raised = error(
        f"ERROR:  {value}\nCONTEXT:  PL/pgSQL function f() line 1 at RAISE", "CREATE INDEX i ON t (x);"
    )
    assert one(raised).rule is Rule.RESTORE_ERROR


@pytest.mark.parametrize(
    ("words", "command", "rule"),
    [
        ('ERROR:  schema "public" already exists', "CREATE SCHEMA public;", Rule.PRESENT_ALREADY),
        (
            'ERROR:  language "plpgsql" already exists',
            "CREATE PROCEDURAL LANGUAGE plpgsql;",
            Rule.PRESENT_ALREADY,
        ),
        ('ERROR:  extension "plpgsql" already exists', "CREATE EXTENSION plpgsql;", Rule.PRESENT_ALREADY),
        (
            "ERROR:  must be owner of extension citext",
            "COMMENT ON EXTENSION citext IS 'x';",
            Rule.COMMENT_REFUSED,
        ),
        (
            'ERROR:  unrecognized configuration parameter "transaction_timeout"',
            "SET transaction_timeout = 0;",
            Rule.SETTING_UNKNOWN,
        ),
    ],
)
def test_what_is_harmless_is_listed_and_never_fatal(words: str, command: str, rule: Rule) -> None:
    message = one(error(words, command))
    assert message.rule is rule
    assert message.harmless
    assert not message.finding().severity.fails


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ('ERROR:  schema "shop" already exists', "CREATE SCHEMA shop;"),
        ('ERROR:  extension "citext" already exists', "CREATE EXTENSION citext;"),
        ("ERROR:  must be owner of extension citext", "ALTER EXTENSION citext SET SCHEMA x;"),
        ('ERROR:  unrecognized configuration parameter "my.setting"', "SET my.setting = 0;"),
        ('ERROR:  schema "public" already exists', "ALTER SCHEMA shop RENAME TO public;"),
    ],
)
def test_what_only_looks_harmless_is_not(words: str, command: str) -> None:
    assert not one(error(words, command)).harmless


def test_warnings_are_listed() -> None:
    text = (
        "pg_restore: WARNING:  wal_level is insufficient to publish logical changes\n"
        "HINT:  Set wal_level to logical before creating subscriptions.\n"
        "pg_restore: warning: archive items not in correct section order\n"
    )
    messages = told(text, code=0)
    assert [m.text for m in messages] == [
        "wal_level is insufficient to publish logical changes",
        "archive items not in correct section order",
    ]
    assert all(m.harmless for m in messages)
    lost = "pg_restore: warning: archive is compressed, but … -- no data will be available\n"
    assert one(lost).rule is Rule.ARCHIVE_UNREADABLE


# Nothing is lost --------------------------------------------------------------------------------------------


def test_a_restore_without_a_word_is_clean() -> None:
    assert told("", code=0) == ()
    progress = 'pg_restore: connecting to database for restore\npg_restore: creating TABLE "shop.t"\n'
    assert told(progress, code=0) == ()


@pytest.mark.parametrize(("code", "words"), [(1, "status 1"), (127, "status 127"), (-9, "signal 9")])
def test_a_silent_end_is_a_finding(code: int, words: str) -> None:
    message = one("", code=code)
    assert message.rule is Rule.RESTORE_ERROR
    assert message.blame is Blame.MACHINE
    assert words in message.text


@pytest.mark.parametrize(
    ("jobs", "counted", "right"),
    [(1, 1, True), (1, 2, False), (1, 0, False), (2, 1, True), (2, 2, True), (2, 3, False), (2, 0, False)],
)
def test_errors_are_counted_as_pg_restore_counts(jobs: int, counted: int, right: bool) -> None:
    messages = told(error("ERROR:  boo", "CREATE TABLE t (", counted=counted), jobs=jobs)
    assert [m.rule for m in messages[1:]] == ([] if right else [Rule.ERRORS_MISCOUNTED])


def test_an_error_behind_a_harmless_one_is_not_hidden_by_it() -> None:
    harmless = error('ERROR:  schema "public" already exists', "CREATE SCHEMA public;", counted=2)
    rules = [m.rule for m in told(harmless)]
    assert rules == [Rule.PRESENT_ALREADY, Rule.ERRORS_MISCOUNTED]


def test_an_error_that_was_not_counted_is_a_finding() -> None:
    rules = [m.rule for m in told(error("ERROR:  boo", "CREATE TABLE t (", counted=None))]
    assert rules == [Rule.RESTORE_ERROR, Rule.ERRORS_MISCOUNTED]


def test_pg_restore_counts_nothing_when_it_stops_at_once() -> None:
    text = (
        "pg_restore: error: could not decompress data: Data corruption detected\n"
        "pg_restore: error: a worker process died unexpectedly\n"
    )
    messages = told(text)
    assert [(m.rule, m.harmless) for m in messages] == [
        (Rule.ARCHIVE_UNREADABLE, False),
        (Rule.WARNING, True),
    ]


def test_a_worker_that_died_alone_is_all_there_is_to_say() -> None:
    message = one("pg_restore: error: a worker process died unexpectedly\n")
    assert message.rule is Rule.RESTORE_ERROR
    assert message.blame is Blame.MACHINE


def test_lines_of_two_workers_at_once() -> None:
    """The first as they came out of a real pg_restore 14."""
    text = """\
pg_restore:pg_restore: from TOC entry 2670; 0 0 ACL TABLE v postgres
pg_restore: error: could not execute query: no connection to the server
Command was: GRANT SELECT ON TABLE shop.v TO app;


 from TOC entry 2668; 0 0 ACL TABLE part_1 postgres
pg_restore: error: could not execute query: no connection to the server
Command was: GRANT SELECT ON TABLE shop.part_1 TO app;


pg_restore:pg_restore: error:  error: could not execute query: ERROR:  x
Command was: ALTER TABLE a


COPY failed for table "b": ERROR:  y
CONTEXT:  COPY b, line 1
pg_restore: error: launching item 12 TABLE DATA c
could not execute query: ERROR:  z
Command was: ALTER TABLE d
"""
    messages = told(text + "pg_restore: warning: errors ignored on restore: 10\n")
    assert [m.object for m in messages] == ["shop.v", "shop.part_1", "a", "b", "d"]
    died, odd = Rule.SERVER_DIED, Rule.RESTORE_ERROR
    assert [m.rule for m in messages] == [died, died, odd, Rule.DATA_REJECTED, odd]


def test_a_functions_body_is_no_message() -> None:
    body = "CREATE FUNCTION f() AS $$\nDETAIL:  no\nERROR:  neither\nHINT:  nor this\n$$;"
    message = one(error("ERROR:  syntax error", body))
    assert (message.object, message.text) == ("f", "syntax error")


def test_where_nothing_else_names_the_object_the_entry_does() -> None:
    text = (
        "pg_restore: while PROCESSING TOC:\n"
        "pg_restore: from TOC entry 12; 0 0 TABLE DATA orders shop_owner\n"
        "pg_restore: error: could not write to large object: ERROR:  boo\n"
        "pg_restore: warning: errors ignored on restore: 2\n"
    )
    assert one(text).object == "TABLE DATA orders"


def test_other_programs_last_words_are_an_error() -> None:
    text = (
        "/usr/bin/pg_restore: error while loading shared libraries: libpq.so.5: cannot open shared object\n"
    )
    assert not one(text, code=127).harmless


# No row in any ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ('invalid input value for enum mood: "hunter2"', "invalid input value for enum mood: …"),
        ('value "hunter2" is out of range for type integer', "value: …"),
        (
            'null value in column "a" of relation "b" violates x',
            'null value in column "a" of relation "b" violates x',
        ),
        ('invalid input syntax for type json: "{"a": "hunter2"}"', "invalid input syntax for type json: …"),
        ("syntax error near 'hunter2' at position 3", "syntax error near: …"),
        (
            'invalid byte sequence for encoding "UTF8": 0xff 0x68',
            'invalid byte sequence for encoding "UTF8": …',
        ),
        ('"parts_1" is already a partition', '"parts_1" is already a partition'),
        ('"hunter2" is not a valid binary digit', "… (withheld: it may hold data)"),
        ('could not open file "/var/lib/x/base/5": gone', 'could not open file "5": gone'),
    ],
)
def test_values_are_cut_and_names_stay(text: str, safe: str) -> None:
    assert clean(text) == safe


def test_columns_stay_and_values_go() -> None:
    words = (
        'ERROR:  duplicate key value violates unique constraint "u"\n'
        'DETAIL:  Key (email, lower(name))=(hunter2, he said "(x)=(y)"\nhunter2) already exists.'
    )
    message = one(error(words, "ALTER TABLE ONLY shop.t"))
    assert message.text == 'duplicate key value violates unique constraint "u" (columns email, lower(name))'


@pytest.mark.parametrize(
    "context",
    [
        "PL/pgSQL function shop.check_mail(text) line 3 at RAISE",
        'PL/Python function "check_mail"',
        'Traceback (most recent call last):\n  PL/Python function "f", line 2, in <module>',
    ],
)
def test_what_a_databases_own_function_says_is_not_repeated(context: str) -> None:
    message = one(
        error(f"ERROR:  bad address hunter2\nCONTEXT:  {context}", "CREATE INDEX i ON shop.t ((f(x)));")
    )
    assert "hunter2" not in message.text
    assert message.object == "shop.t"


def test_a_commands_text_is_not_repeated() -> None:
    command = "CREATE USER MAPPING FOR app SERVER s OPTIONS (password 'hunter2');"
    assert "hunter2" not in repr(one(error("ERROR:  boo", command)))


VALUES = st.text(st.characters(blacklist_categories=["Cs"]), max_size=30)


@settings(max_examples=300, deadline=None)
@given(VALUES, VALUES)
def test_no_value_gets_out_whatever_is_in_it(before: str, after: str) -> None:
    value = f"{before}{SECRET}{after}"
    text = (
        'pg_restore: error: COPY failed for table "t": '
        f'ERROR:  invalid input syntax for type date: "{value}"\n'
        f"DETAIL:  Key (id)=({value}) already exists.\n"
        f'CONTEXT:  COPY t, line 3, column d: "{value}"\n'
        f"pg_restore: warning: errors ignored on restore: 1\n"
    )
    messages = told(text)
    assert messages
    assert not all(m.harmless for m in messages)
    # What the value pretends to be (a line of pg_restore's own, say) may be taken for it, but is never shown.
    assert SECRET not in repr(messages)


# Real ones --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=MAJORS)
def archive(
    request: pytest.FixtureRequest,
    source_server: Callable[[int], SourceServer],
    tmp_path_factory: pytest.TempPathFactory,
) -> Sample:
    return sample(source_server(request.param), tmp_path_factory.getbasetemp())


@pytest.fixture
def newest(source_server: Callable[[int], SourceServer], tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return sample(source_server(NEWEST), tmp_path_factory.getbasetemp())


def damaged(
    archive: Sample,
    directory: Path,
    edit: Callable[[Entry], Entry] = lambda entry: entry,
    rows: Callable[[str, bytes], bytes] = lambda tag, rows: rows,
) -> Path:
    """A copy of the archive with entries and rows changed."""
    shutil.copytree(archive.directory, directory)
    contents = archive.contents
    changed = dataclasses.replace(contents, entries=tuple(edit(e) for e in contents.entries))
    (directory / "toc.dat").write_bytes(changed.dump())
    for entry in contents.entries:
        if entry.desc == "TABLE DATA" and entry.tag is not None:
            path = directory / archive.data(entry.tag)
            zstd = path.suffix == ".zst"
            stored = path.read_bytes()
            plain = (
                zstandard.ZstdDecompressor().decompressobj().decompress(stored)
                if zstd
                else gzip.decompress(stored)
            )
            if (other := rows(entry.tag, plain)) != plain:
                path.write_bytes(zstandard.compress(other) if zstd else gzip.compress(other))
    return directory


def restored(
    archive: Sample, directory: Path, *options: str, name: str | None = None
) -> tuple[RestoreMessage, ...]:
    target = name or archive.server.database()
    argv = restore_argv(archive.server, directory, target, "-j2", *options)
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    messages = classify(done.stderr.splitlines(), done.returncode, 2)
    assert SECRET not in repr(messages)
    return messages


def faults(entry: Entry) -> Entry:
    """Needs what is not here."""
    definition = entry.definition or ""
    definition = definition.replace("EXISTS citext", "EXISTS no_such_extension")
    definition = definition.replace("note text", 'note text COLLATE "xx_YY"')
    owner = "no_such_role" if entry.owner == "keeper" else entry.owner
    return dataclasses.replace(entry, definition=definition or entry.definition, owner=owner)


def wrong_rows(tag: str, rows: bytes) -> bytes:
    if tag == "people":
        return rows.replace(b"2000-01-01", SECRET.encode(), 1)
    if tag == "zz_large":
        return rows.replace(b"\n2\t", b"\n1\t", 1)
    return rows


def test_many_faults_at_once_on_real_servers(archive: Sample, tmp_path: Path) -> None:
    options = ["--verbose"] if archive.server.major in (15, 17) else []
    messages = restored(archive, damaged(archive, tmp_path / "d", faults, wrong_rows), *options)
    found = {(m.rule, m.object) for m in messages if not m.harmless}
    assert {
        (Rule.EXTENSION_MISSING, "no_such_extension"),
        (Rule.ROLE_MISSING, "no_such_role"),
        (Rule.COLLATION_MISSING, "xx_YY"),
        (Rule.DATA_REJECTED, "people"),
        (Rule.CONSTRAINT_FAILED, "shop.zz_large"),
    } <= found
    assert Rule.ERRORS_MISCOUNTED not in {m.rule for m in messages}
    rejected = next(m.text for m in messages if m.rule is Rule.DATA_REJECTED)
    assert rejected == "invalid input syntax for type date: … (table people, line 1, column born)"


def test_a_restore_into_what_is_there_already(newest: Sample) -> None:
    name = newest.server.database()
    assert restored(newest, newest.directory, name=name) == ()
    found = {(m.rule, m.object) for m in restored(newest, newest.directory, name=name)}
    assert {(Rule.OBJECT_EXISTS, "shop.people"), (Rule.DATA_REJECTED, "people")} <= found
    assert Rule.ERRORS_MISCOUNTED not in {rule for rule, _ in found}


def test_a_data_file_that_is_broken_or_gone(archive: Sample, tmp_path: Path) -> None:
    broken = damaged(archive, tmp_path / "d")
    path = broken / archive.data("zz_large")
    path.write_bytes(path.read_bytes()[:30000] + bytes(100000))
    if archive.server.major == NEWEST:
        path.unlink()
    assert {m.rule for m in restored(archive, broken) if not m.harmless} == {Rule.ARCHIVE_UNREADABLE}


def test_a_role_that_may_do_little(newest: Sample) -> None:
    name = newest.server.database("CREATE EXTENSION citext;")
    argv = restore_argv(newest.server, newest.directory, name, "-j2", "--role=reader")
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    messages = classify(done.stderr.splitlines(), done.returncode, 2)
    assert Rule.PERMISSION in {m.rule for m in messages}
    assert (Rule.COMMENT_REFUSED, "citext") in {(m.rule, m.object) for m in messages}
    assert Rule.ERRORS_MISCOUNTED not in {m.rule for m in messages}


@pytest.fixture
def small_tablespace(newest: Sample, small_disk: Path) -> Iterator[str]:
    place = small_disk / "t"
    place.mkdir(mode=0o700)
    process.give_to_server(place)
    with newest.server.connect() as connection:
        connection.execute(f"CREATE TABLESPACE small LOCATION '{place}'")
    name = newest.server.database(options="TABLESPACE small")
    yield name
    newest.server.drop(name)
    with newest.server.connect() as connection:
        connection.execute("DROP TABLESPACE small")


def test_a_disk_that_is_full(newest: Sample, small_tablespace: str, tmp_path: Path) -> None:
    def many(tag: str, rows: bytes) -> bytes:
        body = b"\n".join(b"%d\t1\t%s" % (n, b"x" * 1000) for n in range(20_000))
        return body + b"\n\\.\n\n\n" if tag == "zz_large" else rows

    messages = restored(newest, damaged(newest, tmp_path / "d", rows=many), name=small_tablespace)
    assert (Rule.DISK_FULL, Blame.MACHINE) in {(m.rule, m.blame) for m in messages}


def test_a_server_that_dies(
    server_factory: Callable[..., SourceServer], newest: Sample, tmp_path: Path
) -> None:
    server = server_factory(NEWEST)
    with server.connect() as connection:
        connection.execute(ROLES)
    slow = damaged(
        newest,
        tmp_path / "d",
        lambda e: dataclasses.replace(e, definition="SELECT pg_sleep(600);") if e.desc == "INDEX" else e,
    )
    argv = restore_argv(server, slow, server.database(), "-j2")
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as child:
        until = time.monotonic() + 60
        while "pg_sleep" not in str(activity(server)):
            assert time.monotonic() < until
            time.sleep(0.01)
        server.server.stop()
        _, said = child.communicate(timeout=60)
    messages = classify(said.splitlines(), child.returncode, 2)
    # A worker that loses its connection may say more; what counts is that the machine gets the blame.
    assert Rule.SERVER_DIED in {m.rule for m in messages}, said


def activity(server: SourceServer) -> list[tuple[str, ...]]:
    with server.connect() as connection:
        query = "SELECT query FROM pg_stat_activity WHERE application_name = 'pg_restore'"
        return connection.execute(query).fetchall()
