"""What names say, and how a listing is sorted out."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from restoredrill.dumps import checksums, names
from restoredrill.dumps.grouping import grouped
from restoredrill.protocols import Entry

AT = datetime(2026, 11, 26, 4, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def entries(*keys: str, size: int = 5) -> list[Entry]:
    return [Entry(key, size, AT) for key in keys]


@pytest.mark.parametrize(
    ("key", "at"),
    [
        ("shop-20261126T031500Z.dump", "2026-11-26T03:15:00+00:00"),
        ("shop_2026-11-26_03-15.sql.gz", "2026-11-26T02:15:00+00:00"),
        ("shop-2026-07-26_03:15:09.dump", "2026-07-26T01:15:09+00:00"),
        ("2026/11/26/shop.dump", "2026-11-25T23:00:00+00:00"),
        ("20250101/shop-20261126.dump", "2026-11-25T23:00:00+00:00"),
        ("shop-1795662900.dump", "2026-11-26T03:15:00+00:00"),
        ("shop.2026.11.26.tar", "2026-11-25T23:00:00+00:00"),
    ],
)
def test_a_time_in_a_name_is_found(key: str, at: str) -> None:
    found = names.time_in(key, BERLIN)
    assert found is not None
    assert found.at.isoformat() == at


@pytest.mark.parametrize("key", ["shop.dump", "v20261399.dump", "shop-20260230.dump", "order120261126.dump"])
def test_what_is_no_time_is_none(key: str) -> None:
    assert names.time_in(key, BERLIN) is None


def test_content_counts_before_the_name_and_the_name_before_the_object() -> None:
    named = names.Named(AT - timedelta(days=3), whole=True)
    day = names.Named(AT.replace(hour=0), whole=False)
    made, future = AT - timedelta(days=9), AT + timedelta(days=9)
    now = AT + timedelta(hours=1)
    assert names.best_time(named, made, AT, now) == made
    assert names.best_time(named, None, AT, now) == named.at
    assert names.best_time(None, None, AT, now) == AT
    east = AT + timedelta(hours=5)  # a host's own clock, in a zone that nobody told us of
    assert names.best_time(None, east, AT, now) == AT
    assert names.best_time(day, None, AT, now) == AT, "a date is bettered by the object's time"
    assert names.best_time(names.Named(future, whole=True), future, AT, now) == AT, (
        "the future is not believed"
    )


def test_what_lies_beside_dumps_is_passed_over_with_a_reason() -> None:
    found = grouped(
        entries("a.dump", "a.dump.sha256", "b.dump.part", "b.dump.asc", ".c.dump", "SHA256SUMS", "d.dump~"),
        "*",
    )
    assert [one.key for one in found.candidates] == ["a.dump"]
    reasons = {one.key: one.reason for one in found.passed_over}
    assert reasons["a.dump.sha256"] == reasons["SHA256SUMS"] == "a checksum"
    assert "half done" in reasons["b.dump.part"]
    assert "half done" in reasons["d.dump~"]
    assert "beside" in reasons["b.dump.asc"]
    assert "hidden" in reasons[".c.dump"]


def test_a_pattern_decides_and_says_so() -> None:
    found = grouped(entries("a.dump", "x/b.dump", "c.sql"), "*.dump")
    assert [one.key for one in found.candidates] == ["a.dump", "x/b.dump"]
    assert [(one.key, one.reason) for one in found.passed_over] == [("c.sql", "its name is not like *.dump")]
    assert [one.key for one in grouped(entries("a.dump", "x/b.dump"), "x/*").candidates] == ["x/b.dump"]


def test_a_directory_archive_is_one_candidate() -> None:
    found = grouped(
        entries("d/toc.dat", "d/1.dat.gz", "d/blob_7.dat.gz", "d/blobs_9.toc", "d/README", "1.dat"), None
    )
    assert [(one.key, one.folder, sorted(one.entries)) for one in found.candidates if one.folder] == [
        ("d", True, ["1.dat.gz", "blob_7.dat.gz", "blobs_9.toc", "toc.dat"]),
        (".", True, ["1.dat"]),
    ]


def test_an_id_stays_and_changes_with_the_dump() -> None:
    (one,) = grouped(entries("a.dump"), None).candidates
    (same,) = grouped(entries("a.dump"), None).candidates
    (other,) = grouped(entries("a.dump", size=6), None).candidates
    assert one.id(BERLIN) == same.id(BERLIN) != other.id(BERLIN)
    assert one.id(BERLIN).startswith("20261126T040000Z-")


def test_checksums_are_found_and_read() -> None:
    there = {
        entry.key: entry for entry in entries("x/a.dump", "x/a.dump.sha256", "x/MD5SUMS", "y/SHA256SUMS")
    }
    assert checksums.beside("x/a.dump", there) == ("x/a.dump.sha256", "x/MD5SUMS")
    digest = "ab" * 32
    for text in (
        f"{digest}\n",
        f"{digest}  a.dump\n",
        f"{digest} */srv/a.dump",
        f"SHA256 (a.dump) = {digest}",
    ):
        (promise,) = checksums.promises("x/a.dump", "x/a.dump.sha256", text)
        assert (promise.algorithm, promise.digest) == ("sha256", digest)
    lines = f"{'cd' * 16}  b.dump\n{'ab' * 16}  a.dump\n"
    assert [p.digest for p in checksums.promises("x/a.dump", "x/MD5SUMS", lines)] == ["ab" * 16]
    assert list(checksums.promises("x/a.dump", "x/MD5SUMS", f"{digest}\n")) == []
