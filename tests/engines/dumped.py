"""A stand-in for a vault: a real dump of a real server as an `Archive` in memory, to be damaged at will."""

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import zstandard

from restoredrill.engines.postgres import facts, toolchain
from restoredrill.engines.postgres.toolchain import Tools
from restoredrill.errors import ObjectCorrupt, VaultMissing
from restoredrill.model import Fingerprint, FingerprintLevel, Manifest, ServerFacts, StoredFile
from tests.plugins.postgres import SourceServer

GLOBALS = "globals.sql.zst"
CHUNK_BYTES = 32 << 10


@dataclass
class Dump:
    """An `Archive`: files as they are stored, and what the manifest says of them."""

    server: ServerFacts
    client_version: str
    stored: Mapping[str, bytes]  # what the vault has
    promised: Mapping[str, bytes]  # what the manifest describes
    on_open: Callable[[str], object] = lambda name: None
    fetched_bytes: int = field(default=0, init=False)

    @property
    def manifest(self) -> Manifest:
        now = datetime.now(UTC)
        return Manifest(
            id="20260101T000000Z-abcd",
            database=self.server.database,
            started_at=now,
            taken_at=now,
            finished_at=now,
            server=self.server,
            client_version=self.client_version,
            files=tuple(_described(name, body) for name, body in self.promised.items()),
            fingerprint=Fingerprint(level=FingerprintLevel.NONE, algorithm="none"),
            made_by="tests",
        )

    def open(self, name: str) -> Iterator[bytes]:
        self.on_open(name)
        if name not in self.stored:
            raise VaultMissing("read", name, "no such object")
        body, promised = self.stored[name], self.promised[name]
        for at in range(0, max(1, len(body)), CHUNK_BYTES):
            if at + CHUNK_BYTES >= len(body) and body != promised:
                raise ObjectCorrupt("read", name, "its SHA-256 is not the manifest's")
            chunk = body[at : at + CHUNK_BYTES]
            self.fetched_bytes += len(chunk)
            yield chunk

    def damaged(self, name: str, body: bytes | None) -> "Dump":
        """The vault has other bytes than the manifest says; None: it has no such object."""
        return replace(self, stored=_with(self.stored, name, body))

    def altered(self, name: str, body: bytes | None) -> "Dump":
        """The manifest describes the other bytes: nothing but the restore can notice."""
        return replace(self, stored=_with(self.stored, name, body), promised=_with(self.promised, name, body))

    @property
    def data(self) -> list[str]:
        """Names of data files, the largest first."""
        names = [name for name in self.stored if ".dat" in name and name != "toc.dat"]
        return sorted(names, key=lambda name: -len(self.stored[name]))


def _with(files: Mapping[str, bytes], name: str, body: bytes | None) -> dict[str, bytes]:
    rest = {key: value for key, value in files.items() if key != name}
    return rest if body is None else {**rest, name: body}


def _described(name: str, body: bytes) -> StoredFile:
    digest = hashlib.sha256(body).hexdigest()
    return StoredFile(name=name, key=name, size_bytes=len(body), plain_bytes=len(body), sha256=digest)


def dump(source: SourceServer, database: str, client: Tools | None = None, *, options: str = "") -> Dump:
    """Dump `database` with `client` (else the server's own major), with roles, as restoredrill would.

    `options` are those of each session.
    """
    tools = client or source.tools
    env = {**os.environ, "PGOPTIONS": options}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "data")
        compression = f"--compress={toolchain.compression(tools)}"
        argv = [str(tools.program("pg_dump")), "--format=directory", compression, f"--file={folder}"]
        subprocess.run([*argv, source.url(database)], check=True, env=env)
        stored = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    argv = [
        str(tools.program("pg_dumpall")),
        "--globals-only",
        "--no-tablespaces",
        "-d",
        source.url(database),
    ]
    script = subprocess.run(argv, check=True, capture_output=True, env=env).stdout
    stored[GLOBALS] = zstandard.ZstdCompressor().compress(script)
    with psycopg.connect(source.url(database), client_encoding="utf8", options=options) as connection:
        found = facts.gather(connection)
    return Dump(server=found, client_version=tools.version, stored=stored, promised=stored)
