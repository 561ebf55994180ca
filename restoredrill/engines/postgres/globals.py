"""Roles and their memberships: what a dump of one database refers to and does not hold.

What is where: roles, passwords, memberships, roles' settings and grants on parameters are in
`globals.sql.zst` (pg_dumpall). Settings of the database, of roles in it, its owner and grants are in the
dump's DATABASE entries, for `pg_restore --create`. Tablespaces are in neither: a restore puts everything
into the default one. pg_dumpall knows no snapshots: roles are as they were just after it was taken.
"""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import zstandard

from restoredrill import process
from restoredrill.engines.postgres.connect import Login
from restoredrill.engines.postgres.dump import disk_full
from restoredrill.engines.postgres.toolchain import Tools
from restoredrill.errors import DumpFailed
from restoredrill.model import StoredFile
from restoredrill.protocols import Keep

NAME = "globals.sql.zst"

WITHOUT_PASSWORDS = "role passwords are not in the backup: this role may not read them"

_CHUNK_BYTES = 1 << 20


def keep_globals(
    to: Login, tools: Tools, spool: Path, keep: Keep, *, passwords: bool
) -> tuple[StoredFile, tuple[str, ...]]:
    """Store the cluster's roles as `globals.sql.zst`; returns the file and notes.

    `passwords` says whether the role may read them. Names keep the bytes they have: the script is in the
    database's own encoding, which it states, because a role's name may come from a database of another one.
    Raises `DumpFailed`, `DiskFull`.
    """
    script = spool / "globals.sql"
    argv = _command(tools, to, script, passwords=passwords)
    try:
        done = process.run(argv, extra_env={**to.environment(), "LC_ALL": "C"}, cwd=spool)
        if done.code != 0 and os.strerror(errno.ENOSPC) in done.err:
            raise disk_full(to.name, spool)
        if done.code != 0:
            raise DumpFailed("dump roles of", to.name, _last_error(done.err, done.code))
        return keep(NAME, _compressed(script)), () if passwords else (WITHOUT_PASSWORDS,)
    finally:
        script.unlink(missing_ok=True)


def _command(tools: Tools, to: Login, script: Path, *, passwords: bool) -> list[str | Path]:
    argv: list[str | Path] = [
        tools.program("pg_dumpall"),
        "--globals-only",
        "--no-tablespaces",
        "--no-password",
    ]
    argv += ["--no-sync", f"--file={script}", f"--database={to.words(dbname=to.parameters['dbname'])}"]
    return argv if passwords else [*argv, "--no-role-passwords"]


def _last_error(said: str, code: int) -> str:
    errors = [line.split("error:", 1)[1].strip() for line in said.splitlines() if "error:" in line]
    return errors[-1] if errors else f"pg_dumpall ended with status {code}"


def _compressed(script: Path) -> Iterator[bytes]:
    with script.open("rb") as source:
        yield from zstandard.ZstdCompressor(level=3, write_checksum=True).read_to_iter(
            source, size=script.stat().st_size, write_size=_CHUNK_BYTES
        )
