"""Copies of a good backup that are damaged, one way each: every one fails, and for the right reason."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyrage
import pytest
import zstandard

from restoredrill.engines.postgres import damage
from restoredrill.model import Outcome, Verdict
from restoredrill.sabotage.planting import plant
from restoredrill.vault.catalog import VaultBackups
from tests.e2e.conftest import Shop, Taken
from tests.e2e.host import Host

pytestmark = pytest.mark.xdist_group("e2e-damage")

PLANTED = "20300101T000000Z-dead"


@dataclass(frozen=True)
class Copy:
    """A folder vault with a good backup of the shop."""

    host: Host
    id: str

    @property
    def folder(self) -> Path:
        return self.host.folder / "vault" / "backups" / self.id

    def file(self, table: str) -> Path:
        """The data file of a table."""
        names = tuple(path.name for path in (self.folder / "data").iterdir())
        toc = (self.folder / "data" / "toc.dat").read_bytes()
        return self.folder / "data" / damage.data_file(toc, table, names)

    def plant(self, name: str, edit: Callable[[bytes], bytes]) -> str:
        """A copy under another id, with one file changed and a manifest that agrees with it."""
        backups = VaultBackups(self.host.store("shop"))
        return plant(backups.open(self.id), backups, PLANTED, {name: edit}).id


@pytest.fixture
def copy(host: Host, taken: Taken) -> Copy:
    host.protect("shop", None, host.folder / "vault")
    taken.put(host.store("shop"))
    return Copy(host, taken.id)


# What is done to it: each returns the backup to drill, and what must be blamed ------------------------------


def truncated(copy: Copy) -> tuple[str, str]:
    file = copy.file("shop.orders")
    file.write_bytes(file.read_bytes()[:-100])
    return copy.id, "shop.orders"


def missing(copy: Copy) -> tuple[str, str]:
    copy.file("shop.customer").unlink()
    return copy.id, "shop.customer"


def a_bit_flipped(copy: Copy) -> tuple[str, str]:
    file = copy.file("shop.orders")
    body = bytearray(file.read_bytes())
    body[len(body) // 2] ^= 1
    file.write_bytes(bytes(body))
    return copy.id, "shop.orders"


def another_in_its_place(copy: Copy) -> tuple[str, str]:
    file = copy.file("shop.customer")
    file.write_bytes(copy.file("shop.orders").read_bytes())
    return copy.id, "shop.customer"


def contents_list_damaged(copy: Copy) -> tuple[str, str]:
    toc = copy.folder / "data" / "toc.dat"
    toc.write_bytes(toc.read_bytes().replace(b"shop", b"shop"[::-1]))
    return copy.id, "toc.dat"


def rows_removed(copy: Copy) -> tuple[str, str]:
    """The last rows are not there, and every checksum agrees."""
    name = copy.file("shop.orders").name
    return copy.plant(name, _without_the_last_rows), "shop.orders"


def contents_list_cut(copy: Copy) -> tuple[str, str]:
    """The table of contents ends too early, and every checksum agrees."""
    return copy.plant("toc.dat", lambda toc: toc[: len(toc) // 2]), "toc.dat"


def _without_the_last_rows(content: bytes) -> bytes:
    text = zstandard.ZstdDecompressor().decompressobj().decompress(content)
    lines = text.split(b"\n")
    end = lines.index(b"\\.") if b"\\." in lines else len(lines) - 1
    return zstandard.ZstdCompressor().compress(b"\n".join(lines[: end - 10] + lines[end:]))


CASES = (
    (truncated, "OBJECT_CORRUPT"),
    (missing, "OBJECT_CORRUPT"),
    (a_bit_flipped, "OBJECT_CORRUPT"),
    (another_in_its_place, "OBJECT_CORRUPT"),
    (contents_list_damaged, "OBJECT_CORRUPT"),
    (rows_removed, "ROWS_MISSING"),
    (contents_list_cut, "ARCHIVE_CORRUPT"),
)


@pytest.mark.parametrize(("harm", "rule"), CASES, ids=[harm.__name__ for harm, _ in CASES])
def test_a_damaged_backup_fails_for_what_is_wrong_with_it(
    harm: Callable[[Copy], tuple[str, str]], rule: str, copy: Copy
) -> None:
    """Promise 1: exit 1, and the first reason is the cause; promise 4: nothing is left of a failed drill."""
    backup, blamed = harm(copy)
    report = copy.host.drill("shop", "--backup", backup, code=1)
    assert report.verdict is Verdict.FAILED
    worst = [finding for finding in report.findings if finding.severity.fails]
    assert {finding.rule for finding in worst} == {rule}
    assert blamed in worst[0].object
    assert report.reasons[0].startswith(rule)
    assert report.machine.leftovers == ()
    assert copy.host.reports("shop") == (report,)


def test_an_exit_status_of_0_is_no_pass(copy: Copy) -> None:
    """Promise 1: pg_restore is content with exchanged values, and only the fingerprint is not.

    Promise 4: only a pass is worth keeping.
    """
    name = copy.file("shop.orders").name
    backup = copy.plant(name, lambda rows: damage.swap_field(rows, 3))
    report = copy.host.drill("shop", "--backup", backup, "--keep", "2h", code=1)
    assert (report.machine.url, copy.host.left()) == (None, [])
    assert report.reasons[0].startswith("CONTENT_DIFFERS shop.orders: ")
    outcomes = {check.name: check.outcome for check in report.checks}
    assert outcomes == {
        "archive": Outcome.PASSED,
        "restore": Outcome.PASSED,
        "structure": Outcome.PASSED,
        "content": Outcome.FAILED,
        "integrity": Outcome.PASSED,
    }


def test_without_its_manifest_it_is_no_backup(copy: Copy) -> None:
    """Promise 3: not listed, not drilled, not even by name."""
    newer = copy.plant("toc.dat", lambda toc: toc)
    host = copy.host
    assert host.backups("shop") == (newer, copy.id) or set(host.backups("shop")) == {newer, copy.id}
    (host.folder / "vault" / "backups" / newer / "manifest.json").unlink()
    listed = host.document("backups", "shop")
    assert [one["id"] for one in listed["backups"]] == [copy.id]
    assert host.document("drill", "shop", "--dry-run")["plan"]["backup"] == copy.id
    error = host.document("drill", "shop", "--backup", newer, code=2)["error"]
    assert "no such backup" in error["reason"]
    assert host.keys("shop", "drills/") == ()


def test_nothing_to_drill_is_a_failure(host: Host) -> None:
    """Promise 1: a database without a backup could not be recovered; that is told, and kept."""
    host.protect("shop", None, host.folder / "vault")
    report = host.drill("shop", code=1)
    assert report.verdict is Verdict.FAILED
    assert [finding.rule for finding in report.findings] == ["NO_BACKUP"]
    assert host.reports("shop") == (report,)


@dataclass(frozen=True)
class Sealed:
    """A backup that only `key` opens."""

    host: Host
    key: str


@pytest.fixture
def sealed(host: Host, shop: Shop) -> Sealed:
    identity = pyrage.x25519.Identity.generate()
    host.environment["KEY"] = str(identity)
    host.secrets.add(str(identity))
    host.protect(
        *("shop", shop.url, host.folder / "vault"),
        backup={"encrypt_to": [str(identity.to_public())]},
        drill={"decrypt_with": "${KEY}"},
    )
    del host.environment["KEY"]  # whoever takes backups needs none
    host.backup("shop")
    return Sealed(host, str(identity))


def test_without_the_right_key_nothing_is_begun(sealed: Sealed) -> None:
    """A wrong key, none, or one that is not there: exit 2 and no machine, and what is missing is said."""
    host = sealed.host
    told = [host.run("drill", "shop", "--json", code=2)]  # ${KEY} is not set
    host.environment["KEY"] = str(pyrage.x25519.Identity.generate())
    told.append(host.run("drill", "shop", "--json", code=2))
    host.environment["KEY"] = "my cat's name"
    told.append(host.run("drill", "shop", "--json", code=2))
    host.protect("shop", None, host.folder / "vault", drill={})
    told.append(host.run("drill", "shop", "--json", code=2))
    reasons = [json.dumps(ended.document["error"]) for ended in told]
    for reason, words in zip(
        reasons, ("KEY is not set", "the keys given are for", "is no age key", "decrypt_with"), strict=True
    ):
        assert words in reason, reason
    assert not any("my cat" in ended.out + ended.err for ended in told)
    assert host.keys("shop", "drills/") == ()
    assert not host.machines.exists() or host.homes() == ()
