"""No row and no secret shows anywhere: planted in everything, searched for in everything."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyrage
import pytest
import zstandard

from restoredrill.engines.postgres import damage
from restoredrill.model import Verdict
from restoredrill.sabotage.planting import plant
from restoredrill.vault.catalog import VaultBackups
from restoredrill.vault.sealing import AgeSealer, AgeUnsealer
from tests.e2e.conftest import SHOP
from tests.e2e.host import Host
from tests.e2e.listening import Watcher
from tests.plugins.postgres import SourceServer
from tests.plugins.s3 import S3Vault

ROW = "xq7marker"  # in a row; nowhere else
PASSWORD = "s3cret-of-the-source"  # tests/plugins/postgres.py
ROLE_PASSWORD = "r0le-s3cret"
PLANTED = "20300101T000000Z-dead"

ROWS = f"""
INSERT INTO shop.customer VALUES (9001, '{ROW}-name', '{ROW}@example.org');
INSERT INTO shop.orders (customer_id, total, note) VALUES (9001, 90.25, '{ROW}-note');
"""
# Questions whose answers are rows, programs that print and errors that quote.
SAYS: str = "echo xq7marker-said; echo xq7marker-complained >&2; exit 5"
CHECKS: list[dict[str, object]] = [
    {"name": "a note", "sql": "select note from shop.orders where customer_id = 9001", "expect": "== 'x'"},
    {"name": "a cast", "sql": "select note::int from shop.orders where customer_id = 9001", "expect": "== 0"},
    {"name": "a program", "command": ["sh", "-c", SAYS]},
]


@dataclass(frozen=True)
class Planted:
    """A host whose every secret and row is known."""

    host: Host
    identity: str

    def spoil(self, backup: str) -> str:
        """A copy in which a row is there twice, so that an index can't be built and the error quotes it."""
        store = self.host.store("shop")
        identity = pyrage.x25519.Identity.from_str(self.identity)
        backups = VaultBackups(store, AgeSealer([str(identity.to_public())]), AgeUnsealer(self.identity))
        archive = backups.open(backup)
        names = tuple(file.name for file in archive.manifest.files)
        file = damage.data_file(b"".join(archive.open("toc.dat")), "shop.customer", names)
        return plant(archive, backups, PLANTED, {file: _twice}).id


def _twice(content: bytes) -> bytes:
    text = zstandard.ZstdDecompressor().decompressobj().decompress(content)
    row = next(line for line in text.split(b"\n") if ROW.encode() in line)
    return zstandard.ZstdCompressor().compress(text.replace(row, row + b"\n" + row, 1))


@pytest.fixture
def planted(host: Host, tcp_server: SourceServer, s3_vault: S3Vault) -> Iterator[Planted]:
    name = tcp_server.database(SHOP + ROWS)
    with tcp_server.connect() as connection:
        connection.execute(f"CREATE ROLE clerk LOGIN PASSWORD '{ROLE_PASSWORD}'".encode())
    with tcp_server.connect(name) as connection:
        connection.execute(b"GRANT SELECT ON shop.orders TO clerk")
    identity = str(pyrage.x25519.Identity.generate())
    key = host.folder / "key.txt"
    key.touch(mode=0o600)
    key.write_text(identity)
    host.secrets |= {PASSWORD, ROLE_PASSWORD, identity, identity.lower()}
    host.protect(
        *("shop", tcp_server.tcp_url(name), s3_vault),
        backup={"encrypt_to": [str(pyrage.x25519.Identity.from_str(identity).to_public())]},
        drill={"decrypt_with": f"file:{key}", "checks": CHECKS},
    )
    yield Planted(host, identity)
    tcp_server.drop(name)
    with tcp_server.connect() as connection:
        connection.execute(b"DROP ROLE clerk")


def test_no_row_and_no_secret_shows(planted: Planted) -> None:
    """Promise 5, and the report's: not in what is said, written, logged, listed or stored in the open."""
    host = planted.host
    logs = (
        "m/*/agent.log",
        "m/guard.log",
        "m/*/server/pg/server.log",
        "m/*/*.json",
    )
    forms = {form: host.folder / f"report.{form}" for form in ("junit", "html", "markdown")}
    words = [word for form, file in forms.items() for word in (f"--{form}", str(file))]
    with Watcher(host.folder, logs) as watcher:
        backup = host.backup("shop")
        report = host.drill("shop", *words, code=1)
        spoilt = host.drill("shop", "--backup", planted.spoil(backup), code=1)
    host.run("doctor", "shop")
    host.run("report", "shop", report.drill)
    host.run("report", "shop", spoilt.drill, "--json")

    assert report.verdict is Verdict.FAILED
    failed = [check.name for check in report.checks if check.outcome == "failed"]
    assert failed == [check["name"] for check in CHECKS], "all of it went wrong, and nothing else"
    assert any("shop.customer" in finding.object for finding in spoilt.findings)

    assert watcher.named("agent.log"), "it was looked at"
    assert watcher.named("server.log"), "it was looked at"
    assert any(b"pg_dump" in line for line in watcher.named("cmdline")), "it was looked at"
    places = dict(host.said())
    places |= {str(file): file.read_text() for file in forms.values()}
    places |= {
        f"{kind} {i}": _text(body) for kind in watcher.seen for i, body in enumerate(watcher.seen[kind])
    }
    places |= {key: _text(host.body("shop", key)) for key in host.keys("shop")}
    places |= {str(path): _text(path.read_bytes()) for path in _files(host.state)}
    # The test's own program has its row in the file and on its command line.
    told = {
        where: [word for word in (ROW, *host.secrets) if word in text.replace(SAYS, "")]
        for where, text in places.items()
    }
    assert {where: words for where, words in told.items() if words} == {}


def _text(body: bytes) -> str:
    return body.decode("utf-8", errors="replace")


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())
