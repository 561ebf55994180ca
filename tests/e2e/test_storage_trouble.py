"""A store that has bad moments, a disk that fills, a deadline that passes."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from restoredrill.model import Verdict
from tests.e2e.conftest import Shop, Taken
from tests.e2e.host import Host
from tests.e2e.trouble import gate
from tests.plugins.postgres import SourceServer, short_directory
from tests.plugins.requirements import missing
from tests.plugins.s3 import S3Vault
from tests.vault.faulty import (
    Act,
    Proxy,
    cut_after,
    damaged,
    refused,
    reset_after,
    reset_before,
)

BUSY = refused(503, "SlowDown", "Please reduce your request rate.")

# What goes wrong, once each: it is tried again, and nobody notices.
WHILE_BACKING_UP: tuple[tuple[str, Act], ...] = (
    (r"^PUT .*/data/toc\.dat", BUSY),
    (r"^PUT .*/data/.*\.dat\.zst", reset_before),
    (r"^PUT .*/data/.*\.dat\.zst", damaged),  # the store refuses what does not fit its checksum
    (r"^PUT .*/globals", refused(500, "InternalError")),
    (r"^GET .*list-type=2", BUSY),
    (r"^PUT .*/manifest\.json", reset_after),  # written, and the answer is lost
)
WHILE_DRILLING: tuple[tuple[str, Act], ...] = (
    (r"^GET .*list-type=2", reset_before),
    (r"^GET .*/manifest\.json", BUSY),
    (r"^PUT .*/job\.json", reset_after),
    (r"^GET .*/data/toc\.dat", cut_after(500)),
    (r"^GET .*\.dat\.zst", cut_after(700)),
    (r"^GET .*\.dat\.zst", cut_after(900, politely=True)),
    (r"^GET .*/globals", refused(503, "ServiceUnavailable")),
    (r"^PUT .*/events/", BUSY),
    (r"^PUT .*/report\.json", reset_before),
    (r"^PUT .*/report\.html", refused(500, "InternalError")),
)


def test_a_store_with_bad_moments(host: Host, shop: Shop, proxy: Proxy, proxied: S3Vault) -> None:
    """Promises 1 and 3: 503, resets, cut answers and a flipped bit are got over, in backup and drill."""
    host.protect("shop", shop.url, proxied)
    for what, act in WHILE_BACKING_UP:
        proxy.fail(what, act)
    backup = host.backup("shop")
    assert proxy._faults == [], "everything went wrong that was to"
    assert host.backups("shop") == (backup,)
    for what, act in WHILE_DRILLING:
        proxy.fail(what, act)
    report = host.drill("shop")
    assert proxy._faults == [], "everything went wrong that was to"
    assert report.verdict is Verdict.PASSED
    assert host.reports("shop") == (report,)


def test_a_drill_only_reads_what_it_restores(
    host: Host, taken: Taken, proxy: Proxy, proxied: S3Vault
) -> None:
    """Promise 6: nothing below `backups/` is written or deleted; and a deadline that passes is told."""
    host.protect("shop", None, proxied, drill={"deadline": "6s"})
    taken.put(host.store("shop"))
    proxy.forget()
    with gate(proxy, r"^GET .*\.dat\.zst"):
        command = host.start("drill", "shop", "--json")
        ended = command.end()
    assert ended.code == 3, str(ended)
    report = ended.report
    assert report.verdict is Verdict.INCONCLUSIVE
    assert [finding.rule for finding in report.findings] == ["DEADLINE_OVER"]
    assert report.machine.leftovers == ()
    assert {request.method for request in proxy.seen("/backups/")} <= {"GET", "HEAD"}
    assert not proxy.seen("^DELETE")


@pytest.fixture
def small_place() -> Iterator[Path]:
    """A file system that has room for a server, and not for the database. Needs root."""
    path = short_directory()
    mount = ["mount", "-t", "tmpfs", "-o", "size=72m,mode=0711", "tmpfs", str(path)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        path.rmdir()
        missing("mounting a small file system needs root")
    yield path
    subprocess.run(["umount", "--lazy", str(path)], check=True)
    path.rmdir()


def test_a_full_disk_says_nothing_about_the_backup(
    host: Host, source_server: Callable[[int], SourceServer], small_place: Path, small_disk: Path
) -> None:
    """Promise 1: inconclusive and not failed, whether there is no room for the server or for its data."""
    source = source_server(16)
    name = source.database(
        "CREATE TABLE big AS SELECT i, repeat(md5(i::text), 30) AS text FROM generate_series(1, 60000) i"
    )
    host.protect("big", source.url(name), host.folder / "vault", drill={"jobs": 1})
    host.backup("big")
    for place, phase in ((small_place, "restore"), (small_disk, "prepare")):
        local = {"directory": str(place / "machines")}
        host.protect("big", None, host.folder / "vault", machines={"local": local})
        report = host.drill("big", code=3)
        assert report.verdict is Verdict.INCONCLUSIVE
        assert [finding.rule for finding in report.findings] == ["DISK_FULL"], phase
        assert "no space left" in report.findings[0].message.lower()
        assert report.machine.leftovers == ()
        assert [path.name for path in (place / "machines").iterdir() if path.is_dir()] == []
