"""Dumps that other people take, each broken one way: every one fails for the right reason."""

import bz2
import gzip
import hashlib
import lzma
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyrage
import pytest
import zstandard

from restoredrill.errors import Exit
from restoredrill.model import Verdict
from tests.dumps.conftest import Dumps, Pile, drilled, dumps, pile

__all__ = ["dumps", "pile"]

pytestmark = pytest.mark.xdist_group("sabotage-dumps")

Record = Callable[[str, object], None]


def mid_copy(body: bytes) -> bytes:
    """Cut in the middle of a table's rows, where psql ends with status 0."""
    start = body.index(b"\nCOPY shop.orders")
    return body[: body.index(b"\n", start + 20_000) - 7]


@dataclass(frozen=True)
class Broken:
    """What is put there under which name, and the rule that must fire."""

    name: str
    make: Callable[[Dumps], bytes]
    rules: tuple[str, ...]


BROKEN = {
    "a plain dump cut in the middle of a COPY": Broken(
        "shop.sql", lambda d: mid_copy(d.pg_dump()), ("DUMP_CUT",)
    ),
    "a plain dump cut between two tables": Broken(
        "shop.sql", lambda d: d.pg_dump().partition(b"\n-- Data for Name: orders;")[0], ("DUMP_CUT",)
    ),
    "a plain dump without its last line": Broken(
        "shop.sql",
        lambda d: d.pg_dump().replace(b"-- PostgreSQL database dump complete", b""),
        ("DUMP_CUT",),
    ),
    "a packed dump cut in the middle": Broken(
        "shop.sql.gz", lambda d: gzip.compress(d.pg_dump())[:-5000], ("DUMP_CUT", "DUMP_DAMAGED")
    ),
    "a whole gzip of half a dump": Broken(
        "shop.sql.gz", lambda d: gzip.compress(mid_copy(d.pg_dump())), ("DUMP_CUT",)
    ),
    "a gzip of nothing": Broken("shop.sql.gz", lambda d: gzip.compress(b""), ("DUMP_EMPTY",)),
    "a bzip2 of nothing": Broken("shop.sql.bz2", lambda d: bz2.compress(b""), ("DUMP_EMPTY",)),
    "an empty file": Broken("shop.dump", lambda d: b"", ("DUMP_EMPTY",)),
    "an error message instead of a dump": Broken(
        "shop.sql",
        lambda d: b"pg_dump: error: connection to server failed: FATAL:  password\n",
        ("DUMP_UNKNOWN",),
    ),
    "noise": Broken("shop.dump", lambda d: hashlib.sha512(b"x").digest() * 500, ("DUMP_UNKNOWN",)),
    "a zstd frame with a flipped bit": Broken(
        "shop.sql.zst",
        lambda d: flipped(zstandard.ZstdCompressor(write_checksum=True).compress(d.pg_dump())),
        ("DUMP_DAMAGED", "DUMP_CUT", "DATA_REJECTED"),
    ),
    "an xz cut off": Broken(
        "shop.sql.xz", lambda d: lzma.compress(d.pg_dump(), preset=0)[:-100], ("DUMP_CUT", "DUMP_DAMAGED")
    ),
    "a custom archive cut in the middle": Broken(
        "shop.dump",
        lambda d: d.pg_dump("-Fc")[: len(d.pg_dump("-Fc")) * 2 // 3],
        ("ARCHIVE_UNREADABLE", "DUMP_CUT", "DATA_REJECTED"),
    ),
    "a custom archive cut in its table of contents": Broken(
        "shop.dump", lambda d: d.pg_dump("-Fc")[:700], ("ARCHIVE_UNREADABLE", "DUMP_UNKNOWN", "DUMP_CUT")
    ),
    "a custom archive with a flipped bit": Broken(
        "shop.dump",
        lambda d: flipped(d.pg_dump("-Fc")),
        ("ARCHIVE_UNREADABLE", "DATA_REJECTED", "RESTORE_ERROR"),
    ),
    "a tar archive cut in the middle": Broken(
        "shop.tar", lambda d: d.pg_dump("-Ft")[:-30_000], ("DUMP_CUT",)
    ),
    "a command of psql's": Broken(
        "shop.sql", lambda d: b"\\! touch /tmp/pwned\n" + d.pg_dump(), ("DUMP_COMMAND",)
    ),
    "an empty database": Broken(
        "shop.sql", lambda d: d.pg_dump(database=d.server.database(name="nothing")), ("NOTHING_RESTORED",)
    ),
    "a schema without one row": Broken(
        "shop.dump", lambda d: d.pg_dump("-Fc", "--schema-only"), ("NOTHING_RESTORED",)
    ),
    "a statement that fails": Broken(
        "shop.sql",
        lambda d: d.pg_dump().replace(b"CREATE VIEW shop.big", b"CREATE VIEW nowhere.big"),
        ("RESTORE_ERROR",),
    ),
    "a dump of a newer server": Broken(
        "shop.sql",
        lambda d: d.pg_dump().replace(b"database version 17", b"database version 99"),
        ("SERVER_TOO_OLD", "TOOL_MISSING"),
    ),
    "rows that break a key": Broken(
        "shop.sql",
        lambda d: d.pg_dump().replace(b"\n2\tcustomer 2\t", b"\n1\tcustomer 2\t"),
        ("CONSTRAINT_FAILED",),
    ),
    "a sequence behind": Broken(
        "shop.sql",
        lambda d: d.pg_dump().replace(b"'shop.orders_id_seq', 3000, true", b"'shop.orders_id_seq', 5, true"),
        ("SEQUENCE_BEHIND",),
    ),
}


def flipped(body: bytes) -> bytes:
    changed = bytearray(body)
    changed[len(body) // 2] ^= 4
    return bytes(changed)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_dump_fails_for_what_is_wrong_with_it(
    name: str, pile: Pile, dumps: Dumps, record_property: Record
) -> None:
    """Promise 1. Nothing beside it hides that."""
    record_property("sabotage", name)
    broken = BROKEN[name]
    body = broken.make(dumps)
    pile.put(broken.name, body)
    report = pile.host.run("drill", "shop", "--json", code=None).report
    assert report.verdict is not Verdict.PASSED
    fired = {finding.rule for finding in report.findings if finding.severity.fails}
    assert fired & set(broken.rules), (fired, report.reasons)


def test_pg_restore_ends_with_0_in_spite_of_errors(pile: Pile, dumps: Dumps, record_property: Record) -> None:
    """As behind a pipe or in a script. A good dump passes with the same programs."""
    record_property("sabotage", "pg_restore that tells of errors and ends with status 0")
    programs = pile.host.folder / "programs"
    programs.mkdir(mode=0o755)
    for real in dumps.server.tools.bindir.iterdir():
        lines = f'"{real}" "$@"; exit 0' if real.name == "pg_restore" else f'exec "{real}" "$@"'
        (programs / real.name).write_text(f"#!/bin/sh\n{lines}\n")
        (programs / real.name).chmod(0o755)
    pile.host.environment["RESTOREDRILL_POSTGRES_PATH"] = str(programs)
    archive = dumps.pg_dump("-Fc")
    path = pile.put("shop.dump", archive)
    assert pile.host.drill("shop").verdict is Verdict.PASSED
    path.write_bytes(archive.replace(b"CREATE SCHEMA shop;", b"CREATE SCHEMA chop;"))
    assert "RESTORE_ERROR" in {finding.rule for finding in pile.host.drill("shop", code=1).findings}
    path.write_bytes(archive[: len(archive) * 2 // 3])
    assert "ARCHIVE_UNREADABLE" in {finding.rule for finding in pile.host.drill("shop", code=1).findings}


def test_an_older_good_dump_hides_no_broken_one(pile: Pile, dumps: Dumps, record_property: Record) -> None:
    record_property("sabotage", "the newest dump is none, and an older one is good")
    pile.put("shop-20200101.sql", dumps.pg_dump())
    pile.put("shop-20260101.dump", b"<html><body>503 Slow Down</body></html>\n")
    assert "DUMP_UNKNOWN" in {finding.rule for finding in pile.host.drill("shop", code=1).findings}
    pile.put("shop-20260102.sql", dumps.pg_dump().decode().encode("utf-16"))
    found = pile.host.drill("shop", code=1).findings
    assert any(f.rule == "DUMP_UNKNOWN" and "UTF-16" in f.message for f in found)


def test_a_cluster_lacks_its_last_line(pile: Pile, dumps: Dumps, record_property: Record) -> None:
    record_property("sabotage", "a whole cluster's dump without its last line")
    script = dumps.pg_dumpall()
    pile.put("all.sql", script[: script.rindex(b"-- PostgreSQL database cluster dump complete")])
    assert "DUMP_CUT" in {finding.rule for finding in pile.host.drill("shop", code=1).findings}


def test_a_sealed_dump_is_cut(pile: Pile, dumps: Dumps, record_property: Record) -> None:
    record_property("sabotage", "a sealed dump cut in the middle")
    identity = pyrage.x25519.Identity.generate()
    pile.host.environment["KEY"] = str(identity)
    pile.host.secrets.add(str(identity))
    drilled(pile, {"decrypt_with": "${KEY}"})
    sealed = pyrage.encrypt(dumps.pg_dump(), [identity.to_public()])
    path = pile.put("shop.sql.age", sealed)
    assert pile.host.drill("shop").verdict is Verdict.PASSED
    path.write_bytes(sealed[: len(sealed) * 2 // 3])
    assert "DUMP_DAMAGED" in {finding.rule for finding in pile.host.drill("shop", code=1).findings}


def test_a_directory_archive_lacks_a_file(pile: Pile, dumps: Dumps, record_property: Record) -> None:
    record_property("sabotage", "a directory archive without one of its files")
    files = dumps.directory()
    largest = max((name for name in files if name != "toc.dat"), key=lambda name: len(files[name]))
    for name, body in files.items():
        if name != largest:
            pile.put(f"shop.dir/{name}", body)
    fired = {finding.rule for finding in pile.host.drill("shop", code=1).findings}
    assert fired & {"ARCHIVE_CORRUPT", "OBJECT_NOT_THERE"}


def test_a_directory_archive_lacks_its_contents(pile: Pile, dumps: Dumps, record_property: Record) -> None:
    record_property("sabotage", "a directory archive without its table of contents")
    for name, body in dumps.directory().items():
        if name != "toc.dat":
            pile.put(f"shop.dir/{name}", body)
    report = pile.host.drill("shop", code=1)
    assert {f.rule for f in report.findings} & {"ARCHIVE_CORRUPT", "NO_BACKUP", "DUMP_CUT"}


def test_what_lies_beside_is_passed_over_and_a_checksum_is_believed(
    pile: Pile, dumps: Dumps, record_property: Record
) -> None:
    """A sidecar is newer than its dump; a partial upload is newer still."""
    record_property("sabotage", "a checksum that does not fit")
    body = dumps.pg_dump("-Fc")
    dump = pile.put("shop-20260101.dump", body)
    sums = pile.put(
        "shop-20260101.dump.sha256", f"{hashlib.sha256(body).hexdigest()}  {dump.name}\n".encode()
    )
    pile.put("shop-20260102.dump.part", body[:100])
    os.utime(dump, (1_767_240_000, 1_767_240_000))
    listed = pile.host.document("backups", "shop")
    assert [one["key"] for one in listed["backups"]] == ["shop-20260101.dump"]
    assert {one["key"] for one in listed["passed_over"]} == {
        "shop-20260101.dump.sha256",
        "shop-20260102.dump.part",
    }
    assert all(one["reason"] for one in listed["passed_over"])
    assert pile.host.drill("shop").verdict is Verdict.PASSED
    sums.write_text(f"{hashlib.sha256(b'other').hexdigest()}  {dump.name}\n")
    failed = pile.host.drill("shop", code=1)
    assert "CHECKSUM_DIFFERS" in {finding.rule for finding in failed.findings}


def test_wrong_keys(pile: Pile, dumps: Dumps, record_property: Record) -> None:
    record_property("sabotage", "a sealed dump and another key")
    identity = pyrage.x25519.Identity.generate()
    pile.put("shop.sql.age", pyrage.encrypt(dumps.pg_dump(), [identity.to_public()]))
    told = pile.host.run("drill", "shop", "--json", code=Exit.USAGE).document["error"]
    assert "decrypt_with" in told["hint"]
    pile.host.environment["KEY"] = str(pyrage.x25519.Identity.generate())
    drilled(pile, {"decrypt_with": "${KEY}"})
    assert pile.host.run("drill", "shop", "--json", code=None).code in (Exit.USAGE, Exit.INCONCLUSIVE)


def changed(body: bytes, **_: Any) -> bytes:
    """All but a hundred orders are gone."""
    head, copy, rest = body.partition(b"COPY shop.orders ")
    line, newline, rows = rest.partition(b"\n")
    kept, end, tail = rows.partition(b"\n\\.\n")
    return head + copy + line + newline + b"\n".join(kept.split(b"\n")[:100]) + end + tail


def test_rows_fell_since_the_last_pass(pile: Pile, dumps: Dumps, record_property: Record) -> None:
    record_property("sabotage", "a dump with far fewer rows than the last one")
    pile.put("shop-20260101.sql", dumps.pg_dump())
    pile.host.drill("shop")
    pile.put("shop-20260102.sql", changed(dumps.pg_dump()))
    failed = pile.host.drill("shop", code=1)
    assert ("ROWS_FELL", "shop.orders") in {(f.rule, f.object) for f in failed.findings}


def test_the_live_database_has_more(pile: Pile, dumps: Dumps, record_property: Record) -> None:
    """Promise 5: the controller looks at the live one; the machine has no way to it."""
    record_property("sabotage", "the live database has a table that the dump lacks")
    live = dumps.server.database(name="live")
    dumps.server.drop(live)
    with dumps.server.connect() as connection:
        connection.execute(f"CREATE DATABASE {live} TEMPLATE {dumps.database}".encode())
    pile.host.environment["LIVE"] = dumps.server.url(live)
    drilled(pile, compare_with="${LIVE}")
    pile.put("shop.dump", dumps.pg_dump("-Fc"))
    passed = pile.host.drill("shop")
    assert "live" in passed.planned
    with dumps.server.connect(live) as connection:
        connection.execute("CREATE TABLE shop.late AS SELECT 1 AS a")
    failed = pile.host.drill("shop", code=1)
    assert ("LIVE_AHEAD", "shop.late") in {(f.rule, f.object) for f in failed.findings}
    dumps.server.drop(live)
    unread = pile.host.drill("shop", code=3)
    assert any("live database was not read" in reason for reason in unread.reasons)
