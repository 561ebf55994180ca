"""restoredrill's backup, as a program that is measured: the parts that `restoredrill backup` is made of."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from restoredrill import backup
from restoredrill.engines.postgres import toolchain
from restoredrill.engines.postgres.source import PostgresSource
from restoredrill.engines.postgres.toolchain import Tools
from restoredrill.model import FingerprintLevel, VaultSpec, make_id
from restoredrill.vault.catalog import VaultBackups
from restoredrill.vault.opening import open_store
from tests.benchmarks.steps import JOBS, order, outcome, step


def tools_of(what: dict[str, Any]) -> tuple[Tools, ...]:
    """The one installation that both sides use."""
    tools = Tools(Path(what["bin"]), what["major"], what["version"])
    toolchain.knows_zstd(tools)  # asked once, as in a scheduler that runs
    return (tools,)


def backups_of(what: dict[str, Any]) -> VaultBackups:
    """A vault in the same bucket that the others use."""
    s3 = what["s3"]
    spec = VaultSpec(url=f"s3://{s3['bucket']}/ours", endpoint_url=s3["endpoint_url"], region="us-east-1")
    return VaultBackups(open_store(spec, s3["access_key"], s3["secret_key"]))


def quietly(message: str, percent: float | None, mb_per_s: float | None) -> None:
    """Progress that nobody looks at."""


def main() -> None:
    """Take one backup with the fingerprint that the order asks for."""
    what = order()
    tools, backups = tools_of(what), backups_of(what)
    request = backup.BackupRequest(
        backup=make_id(datetime.now(UTC), f"{what['number']:04x}"),
        database="bench",
        jobs=JOBS,
        level=FingerprintLevel(what["level"]),
        recipients=(),
        spool=Path(what["folder"], "spool"),
    )
    with step("backup"):
        manifest = backup.take(request, PostgresSource(what["url"], tools), backups, quietly)
    can_be_drilled = request.level is FingerprintLevel.CONTENT
    outcome({"stored_bytes": manifest.size_bytes, **({"backup": manifest.id} if can_be_drilled else {})})


if __name__ == "__main__":
    main()
