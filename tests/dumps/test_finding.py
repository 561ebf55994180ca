"""Which dump is the newest, what is listed, and where dumps may lie."""

import io
import os
import struct
import tarfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from restoredrill.config import parse
from restoredrill.embedded.seaweedfs import SeaweedFS
from restoredrill.engines.postgres.foreign.look import look
from restoredrill.errors import ConfigError
from restoredrill.model import Outcome, Verdict
from restoredrill.vault.opening import open_store
from tests.dumps.conftest import Dumps, Pile, drilled
from tests.e2e.conftest import fresh_host
from tests.e2e.host import Host
from tests.plugins.postgres import SourceServer
from tests.plugins.s3 import S3Vault, vault_on

pytestmark = pytest.mark.xdist_group("dumps")


def dated(archive: bytes, year: int) -> bytes:
    """The archive with another year in its header."""
    now = struct.pack("<BI", 0, datetime.now(UTC).year - 1900)
    at = archive.index(now)
    return archive[:at] + struct.pack("<BI", 0, year - 1900) + archive[at + 5 :]


def touched(path: Path, year: int) -> None:
    at = datetime(year, 1, 1, tzinfo=UTC).timestamp()
    os.utime(path, (at, at))


def test_the_newest_is_chosen_by_content(pile: Pile, dumps: Dumps) -> None:
    """Copied back from a tape, the oldest has the newest time; and its name says nothing."""
    archive = dumps.pg_dump("-Fc")
    touched(pile.put("a.dump", dated(archive, 2024)), 2026)
    touched(pile.put("b.dump", dated(archive, 2025)), 2020)
    touched(pile.put("shop-20250101.sql", dumps.pg_dump()), 2026)
    listed = pile.host.document("backups", "shop")["backups"]
    assert [one["key"] for one in listed] == ["b.dump", "shop-20250101.sql", "a.dump"]
    assert listed[0]["server_version"] == dumps.server.tools.version
    assert [one["form"] for one in listed] == ["custom", "plain", "custom"]
    planned = pile.host.document("drill", "shop", "--dry-run")
    assert planned["backup"]["id"] == listed[0]["id"]


@pytest.mark.parametrize(("word", "value"), [("--tier", "schema"), ("--machine", "ec2")])
def test_what_dumps_can_not_be_drilled_like_is_a_usage_error(
    pile: Pile, dumps: Dumps, word: str, value: str
) -> None:
    pile.put("shop.dump", dumps.pg_dump("-Fc"))
    error = pile.host.document("drill", "shop", word, value, code=2)["error"]
    assert error["reason"].startswith("dumps are ")


def test_the_list_tells_of_everything_that_lies_there(pile: Pile, dumps: Dumps) -> None:
    pile.put("shop.dump", dumps.pg_dump("-Fc"))
    pile.put("shop.dump.partial", b"PGDMP")
    pile.put("notes.txt", b"hello")
    pile.put("page.dump", b"<html>")
    for name, body in dumps.directory().items():
        pile.put(f"d/{name}", body)
    listed = pile.host.document("backups", "shop")
    assert {one["key"]: one["form"] for one in listed["backups"]} == {
        "shop.dump": "custom",
        "d": "directory",
        "page.dump": "unknown",
    }
    assert {one["key"] for one in listed["passed_over"]} == {"shop.dump.partial", "notes.txt"}
    text = pile.host.run("backups", "shop").out
    assert "notes.txt" in text
    assert "shop.dump" in text


def test_a_drilled_dump_is_proven_and_stays_so(pile: Pile, dumps: Dumps) -> None:
    pile.put("shop.dump", dumps.pg_dump("-Fc"))
    report = pile.host.drill("shop")
    (listed,) = pile.host.document("backups", "shop")["backups"]
    assert (listed["verdict"], listed["drill"]) == ("passed", report.drill)
    (standing,) = pile.host.document("status", "shop")["databases"]
    assert (standing["proven"], standing["newest_backup"]) == (True, listed["id"])


def test_of_a_cluster_one_database_is_checked(
    dumps: Dumps, pile: Pile, server_factory: Callable[..., SourceServer]
) -> None:
    server = server_factory(18)
    server.database("CREATE TABLE one (x int); INSERT INTO one VALUES (1)", name="one")
    server.database("CREATE TABLE two (x int); INSERT INTO two VALUES (1), (2)", name="two")
    pile.put("all.sql", Dumps(server, "one", pile.folder).pg_dumpall())
    report = pile.host.drill("shop", code=3)
    assert any("the dump holds one, two" in reason for reason in report.reasons)
    check = {"name": "two", "rows": {"table": "two", "min": 2, "max": 2}}
    drilled(pile, {"checks": [check]}, database="two")
    assert pile.host.drill("shop").verdict is Verdict.PASSED
    drilled(pile, database="three")
    assert any("three" in reason for reason in pile.host.drill("shop", code=3).reasons)


def test_roles_that_a_dump_lacks_are_made_up_and_told(pile: Pile, dumps: Dumps) -> None:
    for name, body in (("a.dump", dumps.pg_dump("-Fc")), ("a.sql", dumps.pg_dump())):
        path = pile.put(name, body)
        report = pile.host.drill("shop")
        (told,) = [finding for finding in report.findings if finding.rule == "ROLES_MADE_UP"]
        assert "dump_owner" in told.message
        assert "Dump Reader" in told.message
        path.unlink()


def test_dumps_in_a_bucket_are_drilled(s3_vault: S3Vault, s3_server: SeaweedFS, dumps: Dumps) -> None:
    """Read by the keys of whoever restores, and nothing is written among them."""
    place = vault_on(s3_server)
    store = open_store(place.spec, place.access_key, place.secret_key)
    for name, body in dumps.directory().items():
        store.put(f"nightly/shop.dir/{name}", [body])
    store.put("shop-20200101.sql", [dumps.pg_dump()])
    before = [entry.key for entry in store.list()]
    with fresh_host() as host:
        host.protect("shop", None, s3_vault, source={"dumps": place.spec.url}, drill={})
        assert host.drill("shop").verdict is Verdict.PASSED
        listed = host.document("backups", "shop")["backups"]
        assert [one["form"] for one in listed] == ["directory", "plain"]
        assert host.drill("shop", "--backup", listed[1]["id"]).verdict is Verdict.PASSED
    assert [entry.key for entry in store.list()] == before


# What a file may say ----------------------------------------------------------------------------------------

REFUSED = {
    "{url: '${X}', dumps: 's3://b/d'}": "url and dumps exclude each other",
    "{match: '*.dump'}": "needs url",
    "{url: '${X}', match: '*.dump'}": "match means nothing beside url",
    "{dumps: 's3://b/d', lock_timeout: 5s}": "lock_timeout means nothing beside dumps",
    "{dumps: 'file:///d', region: x}": "region means nothing for a folder",
    "{dumps: 's3://v'}": "vault.url lies among source.dumps",
}


@pytest.mark.parametrize("source", REFUSED)
def test_what_does_not_go_together_is_refused(source: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(f"source: {source}\nvault: {{url: s3://v/shop}}\ndrill: {{}}\n", "shop", "shop.yaml")
    (problem,) = caught.value.problems
    assert REFUSED[source] in problem


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        ("backup: {}", "taken by somebody else"),
        ("drill: {machine: ec2}\nmachines: {ec2: EC2}", "drilled on this host only so far"),
    ],
)
def test_dumps_take_no_backups_and_stay_on_this_host(rest: str, words: str) -> None:
    ec2 = "{region: eu-central-1, subnets: [subnet-1], security_groups: [sg-1], instance_profile: p}"
    text = f"source: {{dumps: 's3://b/d'}}\nvault: {{url: s3://v/shop}}\n{rest.replace('EC2', ec2)}\n"
    with pytest.raises(ConfigError) as caught:
        parse(text, "shop", "shop.yaml")
    assert any(words in problem for problem in caught.value.problems)


def test_what_is_no_dump_is_called_what_it_is() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("backup_label"))
    assert "base backup" in look(out.getvalue()).reason
    assert "UTF-16" in look("-- PostgreSQL database dump".encode("utf-16")).reason
    assert look(b"").kind == ""
    assert look(b"PGDMP\x01\x0e\x00\x04\x08\x07").reason


# The live database ------------------------------------------------------------------------------------------


def test_what_differs_from_the_live_database_is_named(
    host: Host, source_server: Callable[[int], SourceServer]
) -> None:
    server = source_server(17)
    name = server.database("CREATE TABLE t (x int); INSERT INTO t SELECT generate_series(1, 100)")
    pile = Pile(host)
    pile.put("t.dump", Dumps(server, name, host.folder).pg_dump("-Fc"))
    host.environment["LIVE"] = server.url(name)
    drilled(pile, compare_with="${LIVE}")
    report = host.drill("shop")
    assert {check.name: check.outcome for check in report.checks}["live"] is Outcome.PASSED
    assert not [finding for finding in report.findings if finding.rule.startswith("LIVE_")]
    with server.connect(name) as connection:
        connection.execute("INSERT INTO t SELECT generate_series(1, 900); CREATE TABLE u (x int)")
    report = host.drill("shop", code=1)
    told = {finding.object for finding in report.findings if finding.rule == "LIVE_AHEAD"}
    assert told == {"public.t", "public.u"}
    host.environment["LIVE"] = server.url("there_is_no_such_database")
    report = host.drill("shop", code=3)
    assert "the live database was not read" in report.reasons[0]


@pytest.fixture
def host() -> Iterator[Host]:
    """A host with a folder for dumps."""
    with fresh_host() as made:
        (made.folder / "dumps").mkdir()
        yield made
