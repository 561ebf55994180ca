"""A database, dumped and restored by pg_dump and pg_restore alone, for tests that compare the two."""

import contextlib
import subprocess
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from restoredrill.engines.postgres import fingerprint
from restoredrill.model import Fingerprint, FingerprintLevel
from tests.plugins.postgres import SourceServer

RICH = Path(__file__).with_name("rich.sql")


def fingerprint_of(
    server: SourceServer,
    name: str,
    level: FingerprintLevel = FingerprintLevel.CONTENT,
    *,
    jobs: int = 2,
    role: str = "postgres",
) -> Fingerprint:
    """The fingerprint of a database that nobody writes to."""
    return fingerprint.take(lambda: psycopg.connect(server.url_as(role, name)), level, jobs, silent)


def silent(message: str, percent: float | None, mb_per_s: float | None) -> None:
    """Progress that nobody looks at."""


def restored(source: SourceServer, name: str, folder: Path, target: SourceServer | None = None) -> str:
    """Dump `name`, call it `NAME_was`, and restore it as `name`, on `target` or on the same server."""
    target = target or source
    newer = max(source, target, key=lambda server: server.major).tools
    dump = folder / f"{name}.dump"
    _run(newer.program("pg_dump"), "-Fd", "-Z0", "-f", dump, "-d", source.url(name))
    original = f"{name}_was"
    with contextlib.closing(source.connect()) as connection:
        rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
        connection.execute(rename.format(sql.Identifier(name), sql.Identifier(original)))
    target.drop(name)
    program = newer.program("pg_restore")
    _run(program, "--create", "--no-subscriptions", "-j2", "-d", target.url("postgres"), dump, loose=True)
    return original


def _run(*argv: Any, loose: bool = False) -> None:
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, check=False)
    errors = [line for line in done.stderr.splitlines() if "error:" in line and "already exists" not in line]
    assert not errors, errors
    assert loose or done.returncode == 0, done.stderr
