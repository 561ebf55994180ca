"""The service with real runs: what was missed, what happens twice, and what happens to what runs."""

import re
import signal
from datetime import timedelta

import pytest

from restoredrill.controller import Run
from restoredrill.model import Verdict
from restoredrill.records import Kind
from tests.e2e.conftest import Shop, Taken
from tests.e2e.host import Command, Host, eventually
from tests.e2e.trouble import gate
from tests.plugins.s3 import S3Vault
from tests.scheduler.test_schedule import overdue
from tests.vault.faulty import Proxy

YEARLY = "0 0 1 1 *"
PUT_DATA = r"^PUT .*/backups/.*/data/"

pytestmark = pytest.mark.xdist_group("e2e-serve")


def missed(host: Host, *kinds: Kind) -> None:
    """The service was down when these came due."""
    store = host.state / "schedule.sqlite"
    store.parent.mkdir(exist_ok=True)
    store.unlink(missing_ok=True)
    for kind in kinds:
        overdue(store, Run("shop", kind, YEARLY, "UTC"), timedelta(hours=5))


def found(service: Command, what: str) -> str:
    """What the service's log has in the brackets of `what`, as soon as it has it."""
    return str(eventually(lambda: re.findall(what, service.err), what)[0])


def said(service: Command, *lines: str) -> None:
    """Wait until its log has all of this."""
    eventually(lambda: all(line in service.err for line in lines), f"the service says {lines}")


def test_what_was_missed_runs_once(host: Host, shop: Shop, taken: Taken) -> None:
    """Promise 8: a backup and a drill were missed; each is made up for once, over a restart, too."""
    yearly = {"cron": YEARLY}
    host.protect("shop", shop.url, host.folder / "vault", backup=yearly, drill=yearly)
    taken.put(host.store("shop"))
    missed(host, "backup", "drill")
    service = host.serve()
    backup = found(service, r"backup shop: taken; backup (\S+)")
    drill = found(service, r"drill shop: passed; all .* \[(\S+)\]")
    service.send(signal.SIGTERM)
    ended = service.end()
    assert ended.code == 0, str(ended)
    assert set(host.backups("shop")) == {taken.id, backup}
    assert [(r.drill, r.verdict) for r in host.reports("shop")] == [(drill, Verdict.PASSED)]

    again = host.serve()
    said(again, "backup shop: next at", "drill shop: next at")
    again.send(signal.SIGTERM)
    assert again.end().code == 0
    assert "starts" not in again.err
    assert len(host.backups("shop")) == 2
    assert len(host.reports("shop")) == 1


def test_a_run_of_a_killed_service_is_not_started_beside(
    host: Host, shop: Shop, proxy: Proxy, proxied: S3Vault
) -> None:
    """Promise 8: state is observed: the old service's backup still runs, so the new one starts none."""
    host.protect("shop", shop.url, proxied, backup={"cron": YEARLY})
    missed(host, "backup")
    with gate(proxy, PUT_DATA, times=1) as at:
        first = host.serve()
        at.wait()
        first.kill()
        second = host.serve()
        said(second, "backup shop: taken up")
        assert host.backups("shop") == ()
        at.open()
        taken = found(second, r"backup shop: taken; backup (\S+)")
    second.send(signal.SIGTERM)
    assert second.end().code == 0
    assert host.backups("shop") == (taken,)


def test_a_service_that_ends_takes_its_runs_along(
    host: Host, shop: Shop, proxy: Proxy, proxied: S3Vault
) -> None:
    """Promises 4 and 8: SIGTERM in the middle of a backup: it cleans up, and the service ends well."""
    host.protect("shop", shop.url, proxied, backup={"cron": YEARLY})
    missed(host, "backup")
    with gate(proxy, PUT_DATA) as at:
        service = host.serve()
        at.wait()
        service.send(signal.SIGTERM)
        at.open()
        ended = service.end()
    assert ended.code == 0, str(ended)
    assert "backup shop: interrupted; what was under way has been cleaned up" in ended.err
    assert host.keys("shop", "backups/") == ()
    assert host.left() == []
    again = host.serve()
    found(again, r"backup shop: taken; backup (\S+)")
    again.send(signal.SIGTERM)
    assert again.end().code == 0
    assert len(host.backups("shop")) == 1, "and the next one takes it, once"
