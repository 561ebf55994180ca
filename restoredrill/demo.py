"""The demo's story: real servers out of wheels, and the same commands that a user runs, as processes."""

import contextlib
import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyrage import x25519

from restoredrill import clock, config, process
from restoredrill.embedded import weblog
from restoredrill.embedded.seaweedfs import SeaweedFS
from restoredrill.engines.postgres import damage, toolchain
from restoredrill.engines.postgres.script import run_script
from restoredrill.engines.postgres.server import Server
from restoredrill.errors import RestoredrillError
from restoredrill.model import Manifest, Report, VaultSpec, make_id
from restoredrill.protocols import Progress
from restoredrill.sabotage.planting import plant
from restoredrill.vault.catalog import VaultBackups
from restoredrill.vault.opening import open_store
from restoredrill.vault.sealing import AgeSealer, AgeUnsealer

NAME = "demo"
TABLE, COLUMN = "shop.order_line", 3  # two rows exchange this column (the quantity), counted from 0
_FAST = {"fsync": "off", "synchronous_commit": "off", "jit": "off", "max_wal_size": "4GB"}


@dataclass(frozen=True)
class Stage:
    """Where it plays: a folder, and what its commands find in their environment besides ours."""

    folder: Path
    environment: Mapping[str, str]
    vault: VaultSpec
    identity: x25519.Identity

    def run(self, *words: str) -> dict[str, Any]:
        """Run `restoredrill WORDS --json` and return its document; its progress shows on standard error.

        Raises `RestoredrillError` with what the command itself said went wrong.
        """
        schedules = self.folder / "schedules"
        child = process.start(
            [*process.MODULE, "restoredrill", *words, "--json", "--schedules", schedules],
            extra_env={**config.own_environment(), **self.environment},
            stdout=process.PIPE,
            stderr=None,
        )
        try:
            out, _ = child.communicate()
        except BaseException:
            _end(child)
            raise
        return _answer(words, out, child.returncode)

    def drill(self, backup: str, page: Path) -> Report:
        """Drill one backup, with the report as a page of HTML, too."""
        return Report.model_validate(self.run("drill", NAME, "--backup", backup, "--html", str(page)))

    def damage(self, backup: str) -> Manifest:
        """Plant a copy in which two rows have exchanged one value."""
        store = open_store(self.vault, self.environment["DEMO_S3_KEY"], self.environment["DEMO_S3_SECRET"])
        sealer, unsealer = AgeSealer([str(self.identity.to_public())]), AgeUnsealer(str(self.identity))
        backups = VaultBackups(store, sealer, unsealer)
        archive = backups.open(backup)
        names = tuple(file.name for file in archive.manifest.files)
        file = damage.data_file(b"".join(archive.open("toc.dat")), TABLE, names)
        name = make_id(clock.utcnow(), secrets.token_hex(4))
        return plant(archive, backups, name, {file: lambda rows: damage.swap_field(rows, COLUMN)})


@contextlib.contextmanager
def stage(folder: Path, requests: int, say: Callable[[str], None], progress: Progress) -> Iterator[Stage]:
    """Start an S3 server and a PostgreSQL with `requests` lines of web log; end both on the way out.

    Raises `ToolMissing`, `ServerFailed`.
    """
    tools = toolchain.staged(_newest())
    identity = x25519.Identity.generate()
    with SeaweedFS(folder / "s3") as s3, contextlib.ExitStack() as stack:
        server = Server(tools, folder / "pg", trust_socket=True)
        server.create(settings=_FAST)
        server.start()
        stack.callback(server.stop)
        say(f"PostgreSQL {tools.version} and SeaweedFS run in {folder}")
        progress(f"making {requests:,} lines of web log", None, None)
        url = server.url("postgres")
        run_script(url, weblog.ROLES)
        until = clock.utcnow().replace(minute=0, second=0, microsecond=0)
        run_script(url, weblog.statements(until, requests))
        _write_file(folder / "schedules", str(identity.to_public()))
        yield Stage(folder, _environment(folder, url, s3, identity), _vault(s3), identity)


def _newest() -> toolchain.Tools:
    """The newest PostgreSQL that is here; the wheel has one in any case."""
    return max(toolchain.installed(config.postgres_directories()), key=lambda tools: tools.major)


def _environment(folder: Path, url: str, s3: SeaweedFS, identity: x25519.Identity) -> dict[str, str]:
    return {
        "DEMO_DATABASE_URL": url,
        "DEMO_S3_ENDPOINT": s3.endpoint_url,
        "DEMO_S3_KEY": s3.access_key,
        "DEMO_S3_SECRET": s3.secret_key,
        "DEMO_PRIVATE_KEY": str(identity),
        "RESTOREDRILL_MACHINES": str(folder / "m"),  # short: a Unix socket lies deep below it
    }


def _vault(s3: SeaweedFS) -> VaultSpec:
    return VaultSpec(url=f"s3://{s3.bucket}/{NAME}", endpoint_url=s3.endpoint_url, region="us-east-1")


def _write_file(schedules: Path, recipient: str) -> None:
    """The example of the repository (in an installed package a copy of it), with a key made just now."""
    beside = Path(__file__).parent / "embedded" / "demo.yaml"
    example = beside if beside.exists() else Path(__file__).parents[1] / "schedules" / "demo.yaml"
    text = re.sub(r"\bage1[a-z0-9]{58}\b", recipient, example.read_text(encoding="utf-8"))
    schedules.mkdir()
    (schedules / f"{NAME}.yaml").write_text(text, encoding="utf-8")


def _answer(words: tuple[str, ...], out: bytes, code: int) -> dict[str, Any]:
    try:
        document = json.loads(out)
    except ValueError:
        reason = f"it ended with status {code} and no answer"
        raise RestoredrillError("run", f"restoredrill {' '.join(words)}", reason) from None
    if "error" in document:
        told = document["error"]
        raise RestoredrillError(told["operation"], told["thing"], told["reason"], hint=told["hint"])
    assert isinstance(document, dict)
    return document


def _end(child: process.Child) -> None:
    """Let a command clean up after itself, then make sure."""
    found = process.identify(child.pid)
    if found is not None:
        process.end(found, patience_s=20)
    process.kill_group(child)
