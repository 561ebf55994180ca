"""A drill that passed and is kept for a while, and its report in every form."""

import subprocess
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime, timedelta

from restoredrill.machines import local
from restoredrill.machines.local import LocalMachine
from restoredrill.model import Verdict
from tests.e2e.conftest import Shop, Taken
from tests.e2e.host import Host, eventually
from tests.e2e.trouble import machine_of


def test_a_kept_server_lives_until_its_lease_is_over(host: Host, shop: Shop, taken: Taken) -> None:
    """Promise 4: what is kept is kept under a lease: `reap` leaves it alone, and then the guard ends it."""
    host.protect("shop", None, host.folder / "vault")
    taken.put(host.store("shop"))
    forms = {form: host.folder / f"report.{form}" for form in ("junit", "html", "markdown")}
    words = [word for form, file in forms.items() for word in (f"--{form}", str(file))]
    report = host.drill("shop", "--keep", "2h", *words)
    assert report.verdict is Verdict.PASSED
    assert report.machine.url is not None
    assert report.machine.leftovers == (), "it is no leftover: it is wanted"

    psql = str(shop.server.tools.program("psql"))
    ask = [psql, "-XAtc", "SELECT count(*) FROM shop.orders", report.machine.url]
    assert subprocess.run(ask, check=True, capture_output=True, text=True).stdout == "3000\n"

    (lease,) = LocalMachine(host.machines, {}).leases()
    assert (lease.drill, lease.orphan) == (report.drill, False)
    left = lease.expires_at - datetime.now(UTC)
    assert timedelta(hours=1) < left <= timedelta(hours=2)
    assert host.document("reap")["reaped"] == []
    assert subprocess.run(ask, check=True, capture_output=True, text=True).stdout == "3000\n"

    local.keep(machine_of(host), datetime.now(UTC))  # two hours later
    eventually(lambda: host.left() == [], "the guard has ended it")
    assert subprocess.run(ask, check=False, capture_output=True).returncode != 0

    suite = ElementTree.parse(forms["junit"]).getroot()  # noqa: S314 - we wrote it
    names = {case.get("name") for case in suite.iter("testcase")}
    assert names >= {"archive", "restore", "structure", "content"}
    assert not list(suite.iter("failure"))
    assert not list(suite.iter("error"))
    assert report.drill in forms["html"].read_text()
    assert "passed" in forms["markdown"].read_text().lower()
    assert host.body("shop", f"drills/{report.drill}/report.html").decode() == forms["html"].read_text()
