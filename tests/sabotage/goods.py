"""Good databases: each must pass a drill without a finding above `low`.

SQL files in good/, and what SQL alone does not make.
"""

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tests.plugins.postgres import SourceServer
from tests.plugins.requirements import REPOSITORY, missing

FILES = Path(__file__).with_name("good")
DATA = REPOSITORY.parent / "shared" / "data"

# Bytes of the one large value; the whole of what one may have takes minutes and 3 GB.
LARGE_BYTES: Final = int(os.environ.get("RESTOREDRILL_LARGE_VALUE", 120 << 20))

Make = Callable[[SourceServer], str]


def goods() -> Mapping[str, Make]:
    """Name to what makes the database and returns what it is called."""
    files = {path.stem.replace("_", " "): _of_file(path) for path in sorted(FILES.glob("*.sql"))}
    return {
        **files,
        **{path.stem: _of_others(path) for path in _others()},
        "pgbench": pgbench,
        "2,000 tables": two_thousand_tables,
        "a large value": large_value,
        "a database of an odd name": odd_database,
        **{f"in {encoding}": _in_encoding(encoding) for encoding in ("SQL_ASCII", "LATIN1", "EUC_JP")},
    }


def _of_file(path: Path) -> Make:
    return lambda server: server.database(path.read_text("utf-8"), name=f"good_{path.stem}")


def _others() -> list[Path]:
    """Databases that other people wrote; pagila's two files are one."""
    return [path for path in sorted(DATA.glob("*.sql")) if path.stem != "pagila-data"]


def _of_others(path: Path) -> Make:
    def make(server: SourceServer) -> str:
        name = server.database(name=f"good_{path.stem.partition('-')[0]}")
        files = (
            [path, *path.parent.glob(path.name.replace("-schema", "-data"))] if "-" in path.stem else [path]
        )
        psql = [str(server.tools.program("psql")), "-X", "-q", server.url(name)]
        for file in files:
            # They make their own database, and what every database has: errors of theirs, and none of ours.
            text = re.sub(rb"(?m)^(DROP|CREATE) DATABASE.*|^\\c .*", b"", file.read_bytes())
            subprocess.run(psql, input=text, check=True, capture_output=True)
        return name

    return make


def pgbench(server: SourceServer) -> str:
    """As `pgbench -i` makes it, with partitions and foreign keys, and some transactions on it."""
    name = server.database(name="good_pgbench")
    program = server.tools.bindir / "pgbench"
    if not program.exists():
        missing(f"{server.tools.bindir} has no pgbench")
    make = [str(program), "-i", "-q", "-s", "2", "--partitions=3", "--foreign-keys", server.url(name)]
    subprocess.run(make, check=True, capture_output=True)
    subprocess.run([str(program), "-n", "-t", "200", server.url(name)], check=True, capture_output=True)
    return name


def two_thousand_tables(server: SourceServer) -> str:
    """Each with a key, some rows and an index."""
    name = server.database(name="good_many")
    with server.connect(name) as connection:
        for start in range(0, 2000, 100):  # a transaction each: all locks at once would be too many
            connection.execute(
                f"""
DO $$ BEGIN FOR i IN {start}..{start + 99} LOOP
    EXECUTE format('CREATE TABLE t%s (id serial PRIMARY KEY, a text)', i);
    EXECUTE format('INSERT INTO t%s (a) SELECT md5(i::text) FROM generate_series(1, %s) i', i, i %% 4);
END LOOP; END $$""".replace("%%", "%").encode()
            )
    return name


def large_value(server: SourceServer) -> str:
    """One huge value between two tiny ones. 1 GB is as much as PostgreSQL takes, and half of it in text."""
    name = server.database("CREATE TABLE large (id integer, body bytea)", name="good_large")
    with server.connect(name) as connection:
        connection.execute("INSERT INTO large VALUES (1, 'tiny'), (3, NULL)")
        connection.execute(
            "INSERT INTO large SELECT 2, string_agg(decode(repeat(md5(i::text), 64), 'hex'), ''::bytea)"
            f" FROM generate_series(1, {LARGE_BYTES // 1024}) i".encode()
        )
    return name


def odd_database(server: SourceServer) -> str:
    """Its own name has quotes, spaces and letters of elsewhere."""
    script = "CREATE TABLE t (id serial PRIMARY KEY); INSERT INTO t SELECT FROM generate_series(1, 5)"
    return server.database(script, name="Büro \"x\" 'y' $z %d")


def _in_encoding(encoding: str) -> Make:
    def make(server: SourceServer) -> str:
        name = server.database(
            name=f"good_{encoding.lower()}", options=f"ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"
        )
        text = {"EUC_JP": "日本語", "LATIN1": "Grüße", "SQL_ASCII": "Grüße"}[encoding]
        client = {"EUC_JP": "EUC_JP", "LATIN1": "LATIN1", "SQL_ASCII": "LATIN1"}[encoding]
        codec = {"EUC_JP": "euc_jp"}.get(client, "latin1")
        with server.connect(name) as connection:
            connection.execute(f"SET client_encoding = '{client}'".encode())
            for statement in (
                f'CREATE TABLE "{text}" (id serial PRIMARY KEY, "{text}" text)',
                f'INSERT INTO "{text}" ("{text}") SELECT \'{text}\' || i FROM generate_series(1, 20) i',
                f"COMMENT ON TABLE \"{text}\" IS '{text}'",
            ):
                connection.execute(statement.encode(codec))
        return name

    return make
