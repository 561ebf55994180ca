"""What has to be backed up of restoredrill itself: its files and its keys, and nothing else."""

import signal

import pytest

from restoredrill.model import Verdict
from tests.e2e.conftest import Shop
from tests.e2e.host import Host
from tests.e2e.test_serve import YEARLY, found, missed
from tests.plugins.s3 import S3Vault

pytestmark = pytest.mark.xdist_group("e2e-serve")


def test_a_new_host_with_the_files_and_the_key_has_all_of_it(
    host: Host, other_host: Host, shop: Shop, s3_vault: S3Vault
) -> None:
    """Promise 2: the bucket is the truth. The old host's state is gone with it."""
    yearly = {"cron": YEARLY}
    for one in (host, other_host):
        one.protect("shop", shop.url, s3_vault, backup=yearly, drill=yearly)
    missed(host, "backup")
    service = host.serve()
    backup = found(service, r"backup shop: taken; backup (\S+)")
    drill = host.document("queue", "add", "shop", "drill")["id"]
    found(service, rf"drill shop: passed; all .* \[({drill})\]")
    service.send(signal.SIGTERM)
    assert service.end().code == 0
    past = host.document("queue", "list")["past"]
    assert [(task["kind"], task["outcome"]) for task in past] == [("drill", "passed"), ("backup", "taken")]

    fresh = other_host
    assert not fresh.state.exists()
    standing = fresh.document("status", "shop")["databases"][0]
    assert (standing["proven"], standing["proven_backup"], standing["last_drill"]) == (True, backup, drill)
    assert fresh.reports("shop") == host.reports("shop")
    rebuilt = fresh.document("history", "rebuild", "shop")["databases"][0]
    assert (rebuilt["backups"], rebuilt["drills"], rebuilt["tasks"]) == (1, 1, 2)
    assert fresh.document("queue", "list")["past"] == past, "and what became of every run"
    assert fresh.drill("shop").verdict is Verdict.PASSED
