"""Databases that other people wrote, on four majors: backed up, drilled, and restored without us."""

import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyrage
import pytest

from restoredrill.model import Severity, Verdict
from tests.e2e.copies import copied, counts, opened, restored
from tests.e2e.host import Host
from tests.plugins.postgres import SourceServer
from tests.plugins.s3 import S3Vault

ServerFactory = Callable[..., SourceServer]


@dataclass(frozen=True)
class Case:
    """One database: its files, the major it lives on, and the major that is newer than it and its client."""

    name: str
    files: tuple[str, ...]
    major: int
    plain_major: int
    sealed: bool
    on_s3: bool
    options: str = ""
    unwanted: bytes = b"(?!)"  # what the database that we make has already, or is not about it


CASES = (
    Case(
        "pagila",
        ("pagila-schema.sql", "pagila-data.sql"),
        17,
        18,
        sealed=True,
        on_s3=True,
        unwanted=rb"CREATE PROCEDURAL LANGUAGE plpgsql;",
    ),
    # pg_dump 14 knows no zstd, so a newer client dumps this one.
    Case(
        "chinook",
        ("chinook.sql",),
        14,
        16,
        sealed=False,
        on_s3=False,
        unwanted=rb"(?s)DROP DATABASE.*\\c [^\n]*",
    ),
    Case("northwind", ("northwind.sql",), 16, 16, sealed=False, on_s3=True),
    Case(
        *("world", ("world.sql",), 18, 18),
        sealed=True,
        on_s3=False,
        options="ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'",
    ),
)


def load(case: Case, server: SourceServer, shared_data: Path, folder: Path) -> str:
    text = b"\n".join((shared_data / file).read_bytes() for file in case.files)
    script = folder / f"{case.name}.sql"
    script.write_bytes(re.sub(case.unwanted, b"", text))
    name = server.database(name=case.name, options=case.options)
    psql = [str(server.tools.program("psql")), "-Xq", "-v", "ON_ERROR_STOP=1", "-f", str(script)]
    done = subprocess.run([*psql, server.url(name)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return name


@pytest.fixture(params=CASES, ids=lambda case: f"{case.name}-{case.major}")
def case(request: pytest.FixtureRequest) -> Case:
    found = request.param
    assert isinstance(found, Case)
    return found


@pytest.fixture
def source(
    case: Case, source_server: Callable[[int], SourceServer], shared_data: Path, tmp_path: Path
) -> Iterator[SourceServer]:
    server = source_server(case.major)
    load(case, server, shared_data, tmp_path)
    yield server
    server.drop(case.name)


def test_it_goes_out_and_comes_back(
    case: Case,
    source: SourceServer,
    host: Host,
    other_host: Host,
    s3_vault: S3Vault,
    server_factory: ServerFactory,
) -> None:
    """Promises 1 and 2: everything comes back, by `pg_restore` alone and by a drill on a host that has
    nothing but the vault and the key.
    """
    identity = pyrage.x25519.Identity.generate()
    vault = s3_vault if case.on_s3 else host.folder / "vault"
    recipients = [str(identity.to_public())]
    backup = {"encrypt_to": recipients} if case.sealed else {}
    url = source.url(case.name)
    host.protect(case.name, url, vault, backup=backup, drill={"decrypt_with": "${KEY}"})
    there = counts(source, case.name)
    taken = host.document("backup", case.name)
    assert taken["fingerprint"]["rows"] == sum(there.values()) > 0
    assert taken["notes"] == []

    other_host.environment["KEY"] = str(identity)
    other_host.secrets.add(str(identity))
    drill = {"decrypt_with": "${KEY}"} if case.sealed else {}
    other_host.protect(case.name, None, vault, drill=drill)
    report = other_host.drill(case.name)
    assert report.verdict is Verdict.PASSED
    assert {"structure", "content"} <= set(report.planned)
    assert [f for f in report.findings if f.severity not in (Severity.INFO, Severity.LOW)] == []

    folder = copied(host, case.name, host.folder / "copy")
    opened(folder, identity)
    plain = server_factory(case.plain_major)
    restored(folder / "backups" / taken["id"], plain)
    assert counts(plain, case.name) == there
