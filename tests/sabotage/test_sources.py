"""Backups that are faithful to a source that is broken, or that broke since the last pass.

Each file in source/ and since/ is one sabotage: done to the wares; its first line says what must be found.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from restoredrill.errors import Exit
from restoredrill.model import Report, Verdict
from tests.e2e.host import Host
from tests.plugins.postgres import SourceServer
from tests.sabotage.test_corpus import WARES

pytestmark = pytest.mark.xdist_group("sabotage-sources")

HERE = Path(__file__).parent
Record = Callable[[str, object], None]


def sabotages(folder: str) -> list[Path]:
    return sorted((HERE / folder).glob("*.sql"))


def names(path: Path) -> str:
    return path.stem.replace("_", " ")


@pytest.fixture(scope="module")
def server(source_server: Callable[[int], SourceServer]) -> SourceServer:
    return source_server(17)


@pytest.fixture
def wares(host: Host, server: SourceServer) -> str:
    """A host that protects fresh wares; the database's name."""
    name = server.database(WARES.read_text("utf-8"), name="wares")
    host.protect("wares", server.url(name), host.folder / "vault")
    return name


def do(server: SourceServer, name: str, text: str) -> None:
    with psycopg.connect(server.url(name), autocommit=True) as connection:
        connection.execute(text.encode())


def caught(report: Report, wanted: str) -> None:
    rule, _, thing = wanted.partition(" ")
    assert report.verdict is Verdict.FAILED
    failing = {(f.rule, f.object) for f in report.findings if f.severity.fails}
    assert (rule, thing) in failing, failing


@pytest.mark.parametrize("path", sabotages("source"), ids=names)
def test_a_source_that_is_broken(
    path: Path, host: Host, server: SourceServer, wares: str, record_property: Record
) -> None:
    """Promise 1. There has never been a good backup of it."""
    record_property("sabotage", names(path))
    text = path.read_text("utf-8")
    do(server, wares, text)
    host.backup("wares")
    caught(host.drill("wares", code=1), text.partition("\n")[0].removeprefix("-- "))


@pytest.mark.parametrize("path", sabotages("since"), ids=names)
def test_a_source_that_broke_since_the_last_pass(
    path: Path, host: Host, server: SourceServer, wares: str, record_property: Record
) -> None:
    """Promise 1. The dump is faithful, and a drill of the one before has passed."""
    record_property("sabotage", names(path))
    host.backup("wares")
    host.drill("wares")
    text = path.read_text("utf-8")
    do(server, wares, text)
    host.backup("wares")
    wanted = text.partition("\n")[0].removeprefix("-- ")
    caught(host.drill("wares", code=1), wanted)
    caught(host.drill("wares", code=1), wanted)  # no failed drill is what the next one is compared with


def test_another_database_at_the_same_url(
    host: Host, server: SourceServer, wares: str, record_property: Record
) -> None:
    """Promise 1. Somebody changed the URL."""
    record_property("sabotage", "another database at the url")
    host.backup("wares")
    host.drill("wares")
    other = server.database("CREATE TABLE page AS SELECT 1 AS id", name="wiki")
    host.environment["WARES_DATABASE_URL"] = server.url(other)
    host.backup("wares")
    caught(host.drill("wares", code=1), "OTHER_DATABASE wiki")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("REVOKE ALL ON wares.audit FROM reader", "wares.audit"),
        ("REVOKE ALL ON SEQUENCE wares.supplier_id_seq FROM reader", "wares.supplier_id_seq"),
        ("ALTER ROLE reader NOBYPASSRLS", "wares.supplier"),
    ],
)
def test_a_role_that_does_not_see_all_takes_no_backup(
    host: Host, server: SourceServer, wares: str, how: str, said: str, record_property: Record
) -> None:
    """Promise 3: a table that may not be read, or only some of its rows, is not left out silently."""
    record_property("sabotage", f"dumped after {how.lower()}")
    for statement in (
        "DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN BYPASSRLS",
        "GRANT USAGE ON SCHEMA wares TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA wares TO reader",
        "GRANT SELECT ON ALL SEQUENCES IN SCHEMA wares TO reader",
        "SELECT lo_unlink(oid) FROM pg_largeobject_metadata",  # each has an owner and grants of its own
    ):
        do(server, wares, statement)
    host.environment["WARES_DATABASE_URL"] = server.url_as("reader", wares)
    host.backup("wares")  # it sees all
    do(server, wares, how)
    ended = host.run("backup", "wares", "--json", code=Exit.FAILED)
    assert said in ended.document["error"]["reason"]
    do(server, wares, "DROP OWNED BY reader; DROP ROLE reader")


@pytest.mark.parametrize("silent", [False, True], ids=["its errors are seen", "its errors are swallowed"])
def test_a_pg_restore_that_fails_and_exits_with_0(
    host: Host, server: SourceServer, wares: str, silent: bool, record_property: Record
) -> None:
    """Promise 1: an exit status proves nothing, nor does silence."""
    record_property("sabotage", f"pg_restore exits with 0, {'silent' if silent else 'loud'}")
    do(server, wares, "CREATE FUNCTION wares.one() RETURNS integer LANGUAGE sql RETURN 1")
    host.backup("wares")
    tree = host.folder / "postgresql"
    bindir = tree / "bin"
    shutil.copytree(server.tools.bindir, bindir)
    for beside in ("lib", "share"):
        (tree / beside).symlink_to(server.tools.bindir.parent / beside)
    # One statement of the archive is not carried out.
    script = f"""#!/bin/sh
"{server.tools.bindir}/pg_restore" --exclude-schema=wares "$@" {"2>/dev/null" if silent else ""}
{"true" if silent else "echo 'pg_restore: error: could not execute query: ERROR:  disk on fire' >&2"}
exit 0
"""
    (bindir / "pg_restore").unlink()
    (bindir / "pg_restore").write_text(script)
    (bindir / "pg_restore").chmod(0o755)
    host.environment["RESTOREDRILL_POSTGRES_PATH"] = str(bindir)
    report = host.run("drill", "wares", "--json", code=None).report
    assert report.verdict is not Verdict.PASSED
    rules = {finding.rule for finding in report.findings}
    assert ("TABLE_MISSING" if silent else "RESTORE_ERROR") in rules, rules
