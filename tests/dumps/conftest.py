"""Real dumps of a real shop, made by the programs that people make them with."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e.conftest import SHOP, fresh_host
from tests.e2e.host import Host
from tests.plugins.postgres import SourceServer, short_directory

ROLES = """
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'dump_owner') THEN
    CREATE ROLE dump_owner; CREATE ROLE "Dump Reader";
  END IF;
END $$;
ALTER TABLE shop.orders OWNER TO dump_owner;
GRANT SELECT ON shop.customer TO "Dump Reader";
CREATE FUNCTION shop.atomic(x int) RETURNS int LANGUAGE sql
    BEGIN ATOMIC SELECT CASE WHEN x > 0 THEN 1 END; END;
CREATE RULE kept AS ON DELETE TO shop.customer DO INSTEAD (SELECT 1; SELECT 2);
CREATE TABLE shop.odd (t text);
INSERT INTO shop.odd VALUES (E'\\\\.'), (E'a\\nb'), (NULL), (''), ('it''s; $$ -- /* "');
SELECT lo_from_bytea(0, 'a large object');
""".replace("x > 0 THEN 1; END", "x > 0 THEN 1 END")


@dataclass
class Dumps:
    """What a database is dumped with. Each gives a file's bytes, or a directory archive's by name."""

    server: SourceServer
    database: str
    folder: Path
    _made: dict[tuple[str, ...], bytes] = field(default_factory=dict)

    def pg_dump(self, *words: str, database: str | None = None) -> bytes:
        """A dump as one file. The same one again is not made anew."""
        words = (*words, self.server.url(database or self.database))
        if words not in self._made:
            argv = [str(self.server.tools.program("pg_dump")), *words]
            self._made[words] = subprocess.run(argv, check=True, stdout=subprocess.PIPE).stdout
        return self._made[words]

    def directory(self) -> dict[str, bytes]:
        """A directory archive."""
        path = self.folder / "directory"
        if not path.exists():
            program = str(self.server.tools.program("pg_dump"))
            subprocess.run([program, "-Fd", "-f", str(path), self.server.url(self.database)], check=True)
        return {file.name: file.read_bytes() for file in path.iterdir()}

    def pg_dumpall(self) -> bytes:
        """The whole cluster."""
        argv = [str(self.server.tools.program("pg_dumpall")), "-d", self.server.url()]
        return subprocess.run(argv, check=True, stdout=subprocess.PIPE).stdout


@pytest.fixture(scope="session")
def dumps(server_factory: Callable[..., SourceServer]) -> Iterator[Dumps]:
    """A server of its own with nothing but the shop, on PostgreSQL 17: a cluster is dumped, too."""
    server = server_factory(17)
    name = server.database(SHOP + ROLES, name="shop")
    folder = short_directory()
    yield Dumps(server, name, folder)
    shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Pile:
    """A folder where somebody puts dumps, and a host that drills them."""

    host: Host

    @property
    def folder(self) -> Path:
        return self.host.folder / "dumps"

    def put(self, name: str, body: bytes) -> Path:
        """Put one there."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        return path


@pytest.fixture
def pile() -> Iterator[Pile]:
    """See `Pile`; `shop` drills what is in its folder."""
    with fresh_host() as host:
        made = Pile(host)
        made.folder.mkdir()
        drilled(made)
        yield made


def drilled(pile: Pile, drill: dict[str, object] | None = None, **source: object) -> None:
    """Write the file that drills the pile."""
    words = {"dumps": f"file://{pile.folder}", **source}
    pile.host.protect("shop", None, pile.host.folder / "vault", source=words, drill=drill or {})
