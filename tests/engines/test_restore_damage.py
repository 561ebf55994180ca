"""What is wrong with a backup is a finding with a name, or ends the restore for the right reason."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest
import zstandard
from psycopg import sql

from restoredrill import process
from restoredrill.engines.postgres.target import PostgresTarget
from restoredrill.engines.postgres.tocfile import parse
from restoredrill.engines.postgres.toolchain import Tools
from restoredrill.errors import ArchiveCorrupt, ObjectCorrupt, RestoredrillError, VaultUnreachable
from restoredrill.model import Extension, Finding, Severity
from restoredrill.protocols import Restored
from tests.engines.dumped import GLOBALS, Dump, dump
from tests.plugins.postgres import SourceServer, short_directory
from tests.plugins.requirements import missing

SCRIPT = """
create role clerk;
create extension if not exists pg_trgm;
create table orders (id int primary key, body text);
insert into orders select i, md5(i::text) || md5((-i)::text) from generate_series(1, 20000) i;
create table people (name text, city text, note text);
insert into people select md5(i::text), 'x', 'y' from generate_series(1, 5000) i;
create table owned (a int);
alter table owned owner to clerk;
select lo_from_bytea(4711, decode(repeat('00ff', 3000), 'hex'));
"""


@dataclass(frozen=True)
class Bench:
    """A dump, and a server that it is restored into again and again."""

    backup: Dump
    target: PostgresTarget

    def restore(self, backup: Dump, jobs: int = 2) -> Restored:
        with psycopg.connect(self.target._running()[0].url("template1"), autocommit=True) as connection:
            name = sql.Identifier(self.backup.server.database)
            connection.execute(sql.SQL("drop database if exists {} (force)").format(name))
        return self.target.restore(backup, jobs, lambda *_: None)

    def file_of(self, table: str) -> str:
        """The file that holds a table's rows."""
        entries = parse(self.backup.stored["toc.dat"]).entries
        (name,) = (e.filename for e in entries if e.tag == table and e.desc == "TABLE DATA")
        (stored,) = (file for file in self.backup.stored if file.startswith(f"{name}"))
        return stored


@pytest.fixture(scope="module", params=[16, 17])
def bench(
    request: pytest.FixtureRequest,
    source_server: Callable[[int], SourceServer],
    pg_tools: dict[int, Tools],
) -> Iterator[Bench]:
    source = source_server(request.param)
    name = source.database(SCRIPT, name="damaged")
    backup = dump(source, name)
    source.drop(name)
    with source.connect() as connection:
        connection.execute("drop role clerk")
    directory = short_directory()
    target = PostgresTarget(directory / "t", tuple(pg_tools.values()), process.can_isolate())
    target.start(backup.manifest.server, 2)
    yield Bench(backup, target)
    target.stop()
    directory.rmdir()


def flipped(body: bytes, at: int) -> bytes:
    return body[:at] + bytes([body[at] ^ 0x10]) + body[at + 1 :]


def told(findings: tuple[Finding, ...]) -> set[tuple[str, str]]:
    return {(finding.rule, finding.object) for finding in findings}


def test_an_undamaged_backup_has_no_findings(bench: Bench) -> None:
    restored = bench.restore(bench.backup)
    assert restored.findings == ()
    assert not [message for message in restored.harmless if "role postgres" in message]


# The vault has other bytes than the manifest promises -----------------------------------------------------


@pytest.mark.parametrize("damage", ["flipped", "cut off", "empty", "swapped", "missing"])
def test_an_object_that_is_not_what_was_stored_is_named(bench: Bench, damage: str) -> None:
    file = bench.file_of("orders")
    body = bench.backup.stored[file]
    other: dict[str, bytes | None] = {
        "flipped": flipped(body, len(body) // 2),
        "cut off": body[: len(body) // 2],
        "empty": b"",
        "swapped": bench.backup.stored[bench.file_of("people")],
        "missing": None,
    }
    (finding,) = bench.restore(bench.backup.damaged(file, other[damage])).findings
    assert finding.rule == ("OBJECT_NOT_THERE" if damage == "missing" else "OBJECT_CORRUPT")
    assert finding.object == "public.orders"
    assert finding.severity is Severity.CRITICAL
    assert file in finding.message


def test_a_large_object_that_is_not_what_was_stored_is_named(bench: Bench) -> None:
    (file,) = (name for name in bench.backup.stored if name.startswith("blob_"))
    (finding,) = bench.restore(bench.backup.damaged(file, b"something else")).findings
    assert (finding.rule, file in finding.message) == ("OBJECT_CORRUPT", True)


@pytest.mark.parametrize("name", ["toc.dat", GLOBALS])
def test_what_everything_rests_on_ends_the_restore(bench: Bench, name: str) -> None:
    with pytest.raises(ObjectCorrupt, match=name):
        bench.restore(bench.backup.damaged(name, bench.backup.stored[name][:-1]))


def test_a_vault_that_does_not_answer_says_nothing_about_the_backup(bench: Bench) -> None:
    def fail(name: str) -> None:
        if name == bench.file_of("people"):
            raise VaultUnreachable("read", name, "no route to host")

    with pytest.raises(VaultUnreachable, match="no route"):
        bench.restore(replace(bench.backup, on_open=fail))


# The manifest promises the damaged bytes: only the restore can notice -------------------------------------


def test_a_stream_cut_off_before_it_was_stored_is_noticed(bench: Bench) -> None:
    """pg_restore itself takes it for complete, and exits with 0."""
    file = bench.file_of("orders")
    if not file.endswith(".zst"):
        missing("needs a pg_dump that knows zstd")
    body = bench.backup.stored[file]
    (finding,) = bench.restore(bench.backup.altered(file, body[: len(body) // 2])).findings
    assert (finding.rule, finding.object) == ("OBJECT_CORRUPT", "public.orders")


def test_a_stream_that_was_stored_empty_is_noticed(bench: Bench) -> None:
    file = bench.file_of("orders")
    with pytest.raises(ArchiveCorrupt, match=f"{file}: it is empty"):
        bench.restore(bench.backup.altered(file, b""))


def test_garbage_is_an_archive_that_cannot_be_read(bench: Bench) -> None:
    file = bench.file_of("orders")
    body = bench.backup.stored[file]
    garbled = body[:100] + bytes(200) + body[300:]
    findings = bench.restore(bench.backup.altered(file, garbled)).findings
    assert {finding.rule for finding in findings} & {"ARCHIVE_UNREADABLE", "OBJECT_CORRUPT", "DATA_REJECTED"}


def test_rows_of_another_table_are_rejected(bench: Bench) -> None:
    orders, people = bench.file_of("orders"), bench.file_of("people")
    swapped = bench.backup.altered(orders, bench.backup.stored[people])
    found = told(bench.restore(swapped).findings)
    assert ("DATA_REJECTED", "orders") in found or ("DATA_REJECTED", "public.orders") in found


def test_rows_that_break_a_key_are_named_by_it(bench: Bench) -> None:
    file = bench.file_of("orders")
    if not file.endswith(".zst"):
        missing("needs a pg_dump that knows zstd")
    rows = zstandard.ZstdDecompressor().decompressobj().decompress(bench.backup.stored[file])
    doubled = rows.split(b"\n", 1)[0] + b"\n" + rows
    findings = bench.restore(bench.backup.altered(file, zstandard.compress(doubled))).findings
    assert "CONSTRAINT_FAILED" in {finding.rule for finding in findings}
    assert all(rows[:20].decode() not in finding.message for finding in findings)


@pytest.mark.parametrize("damage", ["flipped", "cut off", "empty", "not listed"])
def test_a_table_of_contents_that_cannot_be_read_ends_the_restore(bench: Bench, damage: str) -> None:
    body = bench.backup.stored["toc.dat"]
    bodies = {"flipped": flipped(body, 3), "cut off": body[:-10], "empty": b"", "not listed": None}
    with pytest.raises(ArchiveCorrupt, match=r"toc\.dat"):
        bench.restore(bench.backup.altered("toc.dat", bodies[damage]))


def test_a_file_that_the_backup_never_had_ends_the_restore(bench: Bench) -> None:
    file = bench.file_of("people")
    with pytest.raises(ArchiveCorrupt, match=file.split(".")[0]):
        bench.restore(bench.backup.altered(file, None))


def test_a_file_that_nothing_names_is_a_finding(bench: Bench) -> None:
    findings = bench.restore(bench.backup.altered("99999.dat.zst", b"data")).findings
    assert told(findings) == {("FILE_EXTRA", "99999.dat.zst")}


def test_damaged_globals_end_the_restore(bench: Bench) -> None:
    with pytest.raises(ArchiveCorrupt, match=r"globals\.sql\.zst"):
        bench.restore(bench.backup.altered(GLOBALS, b"no zstd"))


def test_a_globals_statement_that_fails_is_told_without_its_values(bench: Bench) -> None:
    script = b"create role clerk; alter role clerk in database nowhere set search_path = 's3cret';"
    restored = bench.restore(bench.backup.altered(GLOBALS, zstandard.compress(script)))
    (finding,) = restored.findings
    assert (finding.rule, finding.severity.fails) == ("ROLE_SETTING", False)
    assert "s3cret" not in finding.model_dump_json()


def test_a_membership_that_fails_is_a_finding_that_fails(bench: Bench) -> None:
    script = b"create role clerk; grant nobody_knows to clerk;"
    (finding,) = bench.restore(bench.backup.altered(GLOBALS, zstandard.compress(script))).findings
    assert finding.rule == "ROLE_NOT_RESTORED"
    assert finding.object == "membership of clerk in nobody_knows"
    assert finding.severity.fails


# What this machine lacks ----------------------------------------------------------------------------------


def test_roles_and_extensions_that_are_not_here_are_named(
    bench: Bench, pg_tools: dict[int, Tools], short_path: Path
) -> None:
    contents = parse(bench.backup.stored["toc.dat"])
    unknown = "CREATE EXTENSION IF NOT EXISTS postgis WITH SCHEMA public;\n"
    entries = (
        replace(e, tag="postgis", definition=unknown) if e.desc == "EXTENSION" else e
        for e in contents.entries
        if not (e.desc == "COMMENT" and e.tag == "EXTENSION pg_trgm")
    )
    without_globals = bench.backup.altered(GLOBALS, None)
    needed = Extension(name="postgis", version="3.4.2", schema_name="public")
    facts = bench.backup.server.model_copy(update={"extensions": (needed,)})
    changed = replace(contents, entries=tuple(entries)).dump()
    backup = replace(without_globals.altered("toc.dat", changed), server=facts)
    target = PostgresTarget(short_path / "t", tuple(pg_tools.values()), process.can_isolate())
    try:
        target.start(facts, 2)
        findings = target.restore(backup, 2, lambda *_: None).findings
    finally:
        target.stop()
    assert told(findings) == {("EXTENSION_MISSING", "postgis"), ("ROLE_MISSING", "clerk")}
    assert findings[0].message.startswith("the database uses postgis 3.4.2")


def test_errors_are_ours(bench: Bench) -> None:
    with pytest.raises(RestoredrillError) as raised:
        bench.restore(bench.backup.altered("toc.dat", b"PGDMP"))
    assert raised.value.hint
