"""Somebody's first hour: from `init` to `reap`, with a password, a bucket and a key of his own."""

import json
from pathlib import Path

import pytest

from restoredrill.model import Outcome, Verdict
from tests.e2e.conftest import SHOP, Taken
from tests.e2e.host import Host
from tests.plugins.postgres import SourceServer
from tests.plugins.s3 import S3Vault

pytestmark = pytest.mark.xdist_group("e2e-newcomer")


@pytest.fixture
def settled(host: Host, tcp_server: SourceServer, s3_vault: S3Vault) -> Host:
    """What a newcomer has: a URL with a password and the bucket's keys, all in the environment."""
    host.protect("shop", tcp_server.tcp_url(tcp_server.database(SHOP)), s3_vault)
    (host.schedules / "shop.yaml").unlink()  # which is what `init` is for
    host.schedules.rmdir()
    keys = {"AWS_ACCESS_KEY_ID": s3_vault.access_key, "AWS_SECRET_ACCESS_KEY": s3_vault.secret_key}
    host.environment |= keys
    host.secrets.add("s3cret-of-the-source")
    return host


def init(host: Host, vault: S3Vault, key: Path) -> None:
    made = host.document(
        *("init", "shop", "--source-url", "${SHOP_DATABASE_URL}", "--vault-url", vault.spec.url),
        *("--endpoint-url", vault.spec.endpoint_url or "", "--new-key", key),
    )
    host.secrets.add(key.read_text().splitlines()[-1])
    assert Path(made["file"]).name == "shop.yaml"
    assert key.stat().st_mode & 0o777 == 0o600


def test_the_first_hour(settled: Host, s3_vault: S3Vault) -> None:
    """Promises 1, 2, 3, 4: a pass says what it rests on, and every command agrees about it.

    With `--json` standard output is one document and nothing else; where standard error is no terminal,
    nothing is there.
    """
    host = settled
    init(host, s3_vault, host.folder / "shop-key.txt")
    assert [one["name"] for one in host.document("validate")["databases"]] == ["shop"]
    probes = host.document("doctor", "shop")["databases"][0]["probes"]
    assert {probe["outcome"] for probe in probes} == {"ok"}
    assert host.document("status", code=1)["databases"][0]["proven"] is False, "no backup proves nothing"

    taken = host.document("backup", "shop")
    assert taken["fingerprint"] == {"level": "content", "tables": 3, "rows": 3300}
    (listed,) = host.document("backups", "shop")["backups"]
    assert (listed["id"], listed["encrypted"], listed["verdict"]) == (taken["id"], True, None)
    stored = [key for key in host.keys("shop") if not key.endswith("manifest.json")]
    assert all(key.endswith(".age") for key in stored), "what is in the bucket is closed"

    plan = host.document("drill", "shop", "--dry-run")["plan"]
    assert plan["backup"] == taken["id"]
    assert host.reports("shop") == (), "a plan is not a drill"

    ended = host.run("drill", "shop", "--json")
    report = ended.report
    assert ended.err == ""
    assert report.verdict is Verdict.PASSED
    assert set(report.planned) == {"archive", "restore", "structure", "content", "integrity"}
    assert {check.name: check.outcome for check in report.checks} == dict.fromkeys(
        report.planned, Outcome.PASSED
    )
    assert report.machine.leftovers == ()
    assert report.machine.swept_at is not None, "somebody has looked"
    assert host.left() == []

    assert host.reports("shop")[0] == report, "what is printed is what the vault has"
    assert f"drills/{report.drill}/report.html" in host.keys("shop")
    assert host.document("report", "shop")["drills"][0]["verdict"] == "passed"
    assert host.run("report", "shop", report.drill, "--json").report == report
    standing = host.document("status", "shop")["databases"][0]
    assert (standing["proven"], standing["proven_backup"]) == (True, taken["id"])
    assert host.document("backups", "shop")["backups"][0]["verdict"] == "passed"
    pruned = host.document("prune", "--dry-run")["databases"][0]
    assert (pruned["done"], pruned["plan"]["retention"]["delete"]) == (None, [])
    assert host.document("reap") == {"dry_run": False, "reaped": [], "unseen": []}


def test_people_get_words(host: Host, taken: Taken) -> None:
    """The same commands without `--json`, for reading; nothing of a document is in them."""
    host.protect("shop", "postgresql:///nowhere", host.folder / "vault", backup={"keep": {"last": 1}})
    taken.put(host.store("shop"))
    words = {
        ("validate",): "shop: ok",
        ("backups", "shop"): taken.id,
        ("drill", "shop", "--dry-run"): "would drill shop",
        ("report",): "no drills yet",
        ("prune", "--dry-run"): "shop: 1 kept",
        ("reap", "--dry-run"): "nothing outlived its lease",
    }
    for command, said in words.items():
        ended = host.run(*command)
        assert said in ended.out, str(ended)
        assert not ended.out.lstrip().startswith("{")
    assert "NO" in host.run("status", code=1).out


def test_what_goes_wrong_before_anything_is_done_is_exit_2(host: Host) -> None:
    """One document on standard output then, too, and a reason."""
    host.protect("shop", "postgresql:///nowhere", host.folder / "vault")
    wrong = (
        ("backup", "shoop"),  # no such file
        ("drill", "shop", "--keep", "2 parsecs"),
        ("backups",),  # of which?
        ("bakcup", "shop"),
    )
    for command in wrong:
        told = host.document(*command, code=2)
        assert told["error"]["reason"], told
    del host.environment["SHOP_DATABASE_URL"]
    error = host.document("backup", "shop", code=2)["error"]
    assert "SHOP_DATABASE_URL" in json.dumps(error)
    assert host.keys("shop") == ()
