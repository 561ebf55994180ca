"""A copy of a bucket, opened and restored with nothing of restoredrill's: what is left after a disaster."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import psycopg
import pyrage
import zstandard
from psycopg import sql

from tests.e2e.host import Host
from tests.plugins.postgres import SourceServer

ROW_TABLES = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
"""


def copied(host: Host, name: str, folder: Path) -> Path:
    """Every object of a vault as a file, as `aws s3 cp --recursive` makes them."""
    for key in host.keys(name):
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(host.body(name, key))
    return folder


def opened(folder: Path, identity: pyrage.x25519.Identity) -> None:
    """Decrypt every `.age` below `folder`, as the `age` tool does."""
    for sealed in folder.rglob("*.age"):
        sealed.with_suffix("").write_bytes(pyrage.decrypt(sealed.read_bytes(), [identity]))
        sealed.unlink()


def restored(backup: Path, server: SourceServer) -> None:
    """README's way: roles by psql, everything else by pg_restore. `backup` holds the files of one backup."""
    script = backup / "globals.sql"
    packed = (backup / "globals.sql.zst").read_bytes()
    script.write_bytes(zstandard.ZstdDecompressor().decompressobj().decompress(packed))
    psql, pg_restore = (str(server.tools.program(name)) for name in ("psql", "pg_restore"))
    # "already exists" is fine: so its exit status says nothing, and what it printed is not shown.
    subprocess.run([psql, "-Xq", "-f", str(script), server.url()], check=False, capture_output=True)
    words = [pg_restore, "--create", "--exit-on-error", "--jobs=2", f"--dbname={server.url()}"]
    done = subprocess.run([*words, str(backup / "data")], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def counts(server: SourceServer, database: str) -> Mapping[str, int]:
    """Rows of every table that holds some itself."""
    with psycopg.connect(server.url(database)) as connection:
        tables = connection.execute(ROW_TABLES.encode()).fetchall()
        return {
            f"{schema}.{table}": _count(connection, sql.Identifier(schema, table)) for schema, table in tables
        }


def _count(connection: psycopg.Connection, table: sql.Identifier) -> int:
    row = connection.execute(sql.SQL("SELECT count(*) FROM ONLY {}").format(table)).fetchone()
    assert row is not None
    return int(row[0])
