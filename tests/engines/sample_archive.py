"""A small archive from a real `pg_dump` of each major: every kind of entry that matters to a restore."""

import functools
import subprocess
from dataclasses import dataclass
from pathlib import Path

from restoredrill.engines.postgres import toc
from restoredrill.engines.postgres.toc import Toc
from tests.plugins.postgres import SourceServer

MAJORS = (14, 15, 16, 17, 18)

# Two roles beside the superuser; every row of `people` holds SECRET, which must come up in no message.
SECRET = "hunter2"
ROLES = """
    DO $$ BEGIN CREATE ROLE keeper; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
    DO $$ BEGIN CREATE ROLE reader; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
"""
SCRIPT = f"""
    {ROLES}
    CREATE EXTENSION citext;
    COMMENT ON EXTENSION citext IS 'words';
    CREATE SCHEMA shop;
    CREATE TABLE shop.aa_small (id int PRIMARY KEY, note text);
    CREATE TABLE shop.bb_empty (id int);
    CREATE TABLE shop.people (id int, email text, born date);
    CREATE TABLE shop.zz_large (id int PRIMARY KEY, small_id int REFERENCES shop.aa_small, body text);
    CREATE TABLE shop."Odd ""Name"" é" (x text);
    CREATE TABLE shop.parts (day date, n int) PARTITION BY RANGE (day);
    CREATE TABLE shop.parts_1 PARTITION OF shop.parts FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
    CREATE TABLE shop.parts_2 PARTITION OF shop.parts FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');
    INSERT INTO shop.aa_small SELECT n, 'note ' || n FROM generate_series(1, 20) n;
    INSERT INTO shop.people SELECT n, '{SECRET}-' || n, '2000-01-01' FROM generate_series(1, 40) n;
    INSERT INTO shop.zz_large SELECT n, 1 + n % 20, md5(n::text) || md5((-n)::text)
        FROM generate_series(1, 8000) n;
    INSERT INTO shop."Odd ""Name"" é" VALUES (E'line\\nbreak\\ttab \\\\'), (NULL), ('');
    INSERT INTO shop.parts SELECT date '2024-01-01' + n % 59, n FROM generate_series(1, 300) n;
    CREATE INDEX zz_body ON shop.zz_large (body);
    CREATE UNIQUE INDEX people_email ON shop.people (email);
    ALTER TABLE shop.people ADD CONSTRAINT people_pk PRIMARY KEY (id);
    CREATE INDEX ON shop.parts (n);
    CREATE MATERIALIZED VIEW shop.totals AS SELECT small_id, count(*) FROM shop.zz_large GROUP BY 1;
    CREATE SEQUENCE shop.numbers START 77;
    ALTER TABLE shop.people OWNER TO keeper;
    GRANT SELECT ON shop.people TO reader;
    SELECT lo_from_bytea(0, convert_to(repeat('blob ' || n, 900), 'UTF8')) FROM generate_series(1, 4) n;
    SELECT lo_create(0);
"""
# One line that says whether all of it is there.
FACTS = """
    SELECT concat_ws(' ',
        (SELECT count(*) || ':' || sum(hashtext(body)) FROM shop.zz_large),
        (SELECT count(*) FROM shop.people),
        (SELECT count(*) FROM shop.aa_small), (SELECT count(*) FROM shop.bb_empty),
        (SELECT md5(string_agg(coalesce(x, 'null'), '|' ORDER BY x)) FROM shop."Odd ""Name"" é"),
        (SELECT sum(n) FROM shop.parts), (SELECT count(*) FROM shop.totals),
        (SELECT count(*) || ':' || sum(length(lo_get(oid))) FROM pg_largeobject_metadata),
        (SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
            WHERE indisvalid AND relnamespace = 'shop'::regnamespace),
        (SELECT count(*) FROM pg_constraint WHERE contype IN ('p', 'f')
            AND connamespace = 'shop'::regnamespace))
"""


@dataclass(frozen=True)
class Sample:
    """An archive as `pg_dump` wrote it, and what its database held (`FACTS`)."""

    server: SourceServer
    directory: Path
    facts: str

    @property
    def contents(self) -> Toc:
        """Its table of contents."""
        return toc.parse((self.directory / "toc.dat").read_bytes())

    @property
    def sizes(self) -> dict[str, int]:
        """Its files, in bytes."""
        return {path.name: path.stat().st_size for path in self.directory.iterdir()}

    def lists(self, contents: Toc) -> dict[str, bytes]:
        """Its lists of large objects."""
        return {name: (self.directory / name).read_bytes() for name in toc.blob_lists(contents)}

    def data(self, tag: str) -> str:
        """The name of a table's data file."""
        entry = next(e for e in self.contents.entries if e.desc == "TABLE DATA" and e.tag == tag)
        return next(name for name in self.sizes if name.startswith(entry.filename))


@functools.cache
def sample(server: SourceServer, root: Path) -> Sample:
    """The archive of `server`'s major, made once below `root`."""
    name = server.database(SCRIPT)
    directory = root / f"sample-{server.major}"
    compress = ["--compress=zstd:1"] if server.major >= 16 else []
    run = [server.tools.program("pg_dump"), "-Fd", "-j2", *compress, "-f", directory, server.url(name)]
    subprocess.run([str(word) for word in run], check=True)
    return Sample(server, directory, facts(server, name))


def facts(server: SourceServer, name: str) -> str:
    """What is in a database of the sample's shape."""
    with server.connect(name) as connection:
        row = connection.execute(FACTS).fetchone()
        return str(row and row[0])


def restore_argv(server: SourceServer, directory: Path, name: str, *options: str) -> list[str]:
    """The command line that restores `directory` into the database `name`."""
    program = server.tools.program("pg_restore")
    return [str(program), "-Fd", *options, "-d", server.url(name), str(directory)]
