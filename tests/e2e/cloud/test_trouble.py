"""What goes wrong while a machine of the cloud drills: what the report says, and that nothing is left."""

import os
import signal
import time
from typing import Any

import pytest

from restoredrill.model import Report
from tests.cloud.faults import CUT
from tests.cloud.gate import Asked
from tests.cloud.lifecycle import SPOT
from tests.cloud.machine import Machine
from tests.e2e.cloud.held import go_on, in_restore
from tests.e2e.cloud.site import LIMIT_S, Site, report_of
from tests.e2e.host import eventually

pytestmark = pytest.mark.xdist_group("bed-trouble")

SOON = {"boot_timeout": "90s", "silence": "15s"}


def rules(report: Report) -> set[str]:
    return {finding.rule for finding in report.findings}


def told(site: Site, report: Report) -> Report:
    """The proof that every scenario ends with; and a line, for whoever runs it with -rP."""
    site.finish(report)
    seconds = (report.finished_at - report.started_at).total_seconds()
    why = "; ".join(report.reasons)[:240]
    machine = report.machine
    told = (report.verdict.value, why, machine.attempts, len(machine.leftovers), f"{seconds:.0f} s")
    print("row |", " | ".join(map(str, told)))
    return report


def kept(site: Site, report: Report) -> dict[str, str]:
    """What the vault holds beside the report, by file name."""
    prefix = f"drills/{report.drill}/"
    names = (entry.key.removeprefix(prefix) for entry in site.store.list(prefix))
    return {
        name: b"".join(site.store.fetch(prefix + name)).decode() for name in names if name.endswith(".txt")
    }


# Before it boots --------------------------------------------------------------------------------------------


def test_capacity_is_refused_twice_and_granted_elsewhere(site: Site) -> None:
    site.cloud.refuse(times=2)
    report = told(site, report_of(site.drill(), 0, "passed"))
    asked = in_earnest(site)
    assert [one.verdict for one in asked] == ["InsufficientInstanceCapacity"] * 2 + ["allowed"]
    assert len({rung(one.params) for one in asked}) == 3
    assert report.machine.attempts == 1
    assert len(site.cloud.instances()) == 1


def in_earnest(site: Site) -> list[Asked]:
    """The calls of RunInstances that were not only asked if they might."""
    asked = site.cloud.asked("ec2", "RunInstances")
    return [one for one in asked if one.verdict != "DryRunOperation"]


def rung(params: dict[str, Any]) -> tuple[str, str, bool]:
    zone = params["Placement"]["AvailabilityZone"]
    return params["InstanceType"], zone, "InstanceMarketOptions" in params


def test_capacity_is_refused_everywhere(site: Site) -> None:
    site.cloud.refuse()
    report = told(site, report_of(site.drill(), 3, "inconclusive"))
    assert rules(report) == {"CAPACITY_MISSING"}
    assert site.cloud.instances() == []


def test_the_answer_to_run_instances_is_lost(site: Site) -> None:
    lost = site.cloud.fault("ec2", "RunInstances", CUT, after=True, times=2)
    report = told(site, report_of(site.drill(), 0, "passed"))
    assert lost.seen == 2
    assert len(site.cloud.instances()) == 1
    assert report.machine.attempts == 1


def test_the_api_throttles(site: Site) -> None:
    faults = [
        site.cloud.fault("ec2", "*", "RequestLimitExceeded", 503, times=3),
        site.cloud.fault("ec2", "RunInstances", "RequestLimitExceeded", 503, times=3),
        site.cloud.fault("ec2", "TerminateInstances", "RequestLimitExceeded", 503, times=3),
        site.cloud.fault("s3", "*", "SlowDown", 503, times=3),
    ]
    told(site, report_of(site.drill(), 0, "passed"))
    assert [fault.times for fault in faults if fault.action != "TerminateInstances"] == [0, 0, 0]
    assert len(site.cloud.instances()) == 1


def test_the_controller_may_start_nothing(site: Site) -> None:
    site.cloud.fault("ec2", "RunInstances", "UnauthorizedOperation", 403, times=None)
    report = told(site, report_of(site.drill(), 3, "inconclusive"))
    assert site.cloud.instances() == []
    assert "RunInstances" in " ".join((*report.reasons, *(one.hint for one in report.findings)))


def test_a_region_where_nothing_is(site: Site) -> None:
    site.protect(region="eu-central-1")
    report = report_of(site.drill(), 3, "inconclusive")
    assert rules(report) == {"PLAN_UNMET"}
    assert any("subnet" in reason for reason in report.reasons)
    site.finish()
    assert site.cloud.asked("ec2", "RunInstances") == []


# While it boots ---------------------------------------------------------------------------------------------


def test_a_bundle_that_is_not_what_was_published(site: Site) -> None:
    name = site.built.bundle.name
    site.store.put(f"agents/{name}", [site.built.path.read_bytes()[:-1] + b"?"])
    report = told(site, report_of(site.drill(), 3, "inconclusive"))
    assert "it is not run" in " ".join(report.reasons)
    assert "it is not run" in kept(site, report)["console-1.txt"]
    assert site.machine().ended == "poweroff"


def test_no_route_to_the_bucket(site: Site) -> None:
    site.bed.unreachable = True
    site.protect(boot_timeout="45s")
    report = told(site, report_of(site.drill(), 3, "inconclusive"))
    assert rules(report) == {"BOOT_TIMEOUT"}
    assert "trying again" in kept(site, report)["console-1.txt"]


# In the middle ----------------------------------------------------------------------------------------------


def test_spot_takes_the_machine_and_the_next_one_passes(site: Site) -> None:
    command = site.start()
    first = in_restore(site)
    site.bed.interrupt(first.id, 20)
    report = told(site, report_of(command.end(LIMIT_S), 0, "passed"))
    assert report.machine.attempts == 2
    before, after = site.cloud.instances()
    assert report.machine.id == after.id
    assert (before.market, after.market) == ("spot", "on-demand")
    assert first.ended in ("poweroff", "killed")
    assert "machine interrupted" in site.said(report.drill)


def test_spot_takes_the_machine_without_a_notice(site: Site) -> None:
    command = site.start()
    first = in_restore(site)
    site.cloud.reclaim(first.id)
    report = told(site, report_of(command.end(LIMIT_S), 0, "passed"))
    assert report.machine.attempts == 2
    assert site.cloud.instances()[0].reason == SPOT


def test_a_machine_that_dies_at_once(site: Site) -> None:
    site.protect(**SOON)
    command = site.start()
    in_restore(site).kill()
    report = told(site, report_of(command.end(LIMIT_S), 3, "inconclusive"))
    assert rules(report) == {"MACHINE_SILENT"}
    assert "restoredrill" in kept(site, report)["console-1.txt"]


def test_a_network_that_is_gone_for_a_while(site: Site) -> None:
    """Longer than one try of a request lasts, with its own patience."""
    site.protect(silence="3m")
    command = site.start()
    machine = in_restore(site)
    machine.cut()
    go_on(machine)
    time.sleep(30)  # it is the fault, not the proof
    machine.heal()
    report = told(site, report_of(command.end(LIMIT_S), 0, "passed"))
    assert report.machine.attempts == 1


def test_a_network_that_is_gone_for_good(site: Site) -> None:
    site.protect(**SOON)
    command = site.start()
    machine = in_restore(site)
    machine.cut()
    go_on(machine)
    report = told(site, report_of(command.end(LIMIT_S), 3, "inconclusive"))
    assert rules(report) == {"MACHINE_SILENT"}


def test_an_agent_that_hangs(site: Site) -> None:
    """And nobody hears that its machine was told to end."""
    site.protect(**SOON)
    command = site.start()
    assert in_restore(site).freeze("agent run")
    lost = site.cloud.fault("ec2", "TerminateInstances", CUT, after=True)
    report = told(site, report_of(command.end(LIMIT_S), 3, "inconclusive"))
    assert rules(report) == {"MACHINE_SILENT"}
    assert "agent: " in kept(site, report)["console-1.txt"]
    assert lost.seen == 1


def test_a_full_disk(site: Site) -> None:
    site.protect(types=["m7i.large"])  # without a disk of its own
    command = site.start()
    machine = in_restore(site)
    machine.fill()
    go_on(machine)
    report = told(site, report_of(command.end(LIMIT_S), 3, "inconclusive"))
    assert rules(report) == {"DISK_FULL"}


def test_a_server_that_is_killed(site: Site) -> None:
    command = site.start()
    kill_server(in_restore(site))
    report = told(site, report_of(command.end(LIMIT_S), 3, "inconclusive"))
    assert rules(report) == {"SERVER_DIED"}


def kill_server(machine: Machine) -> None:
    (server,) = (one for one in machine.processes() if "bin/postgres -D" in one.command)
    os.kill(server.pid, signal.SIGKILL)


# Its time is over -------------------------------------------------------------------------------------------


def test_a_deadline_in_the_middle(site: Site) -> None:
    site.protect(drill={"deadline": "40s"})
    command = site.start()
    in_restore(site)
    report = told(site, report_of(command.end(LIMIT_S), 3, "inconclusive"))
    assert rules(report) == {"DEADLINE_OVER"}


def test_a_lease_that_is_over_in_the_middle(site: Site) -> None:
    """What the machine's timer starts, is started early: half an hour is long."""
    command = site.start()
    machine = in_restore(site)
    unit = "restoredrill-end"
    assert machine.exec(["systemctl", "cat", f"{unit}.timer"]).returncode == 0
    machine.exec(["systemctl", "start", "--no-block", f"{unit}.service"])
    report = told(site, report_of(command.end(LIMIT_S), 3, "inconclusive"))
    assert machine.ended == "poweroff"
    assert "the lease is over" in kept(site, report)["console-1.txt"]


@pytest.mark.parametrize("dry", [True, False])
def test_a_lease_that_is_over_is_ended_by_whoever_reaps(site: Site, dry: bool) -> None:
    command = site.start()
    machine = in_restore(site)
    past = [{"Key": "restoredrill:expires-at", "Value": "2026-01-01T00:00:00Z"}]
    site.cloud.client("ec2").create_tags(Resources=[machine.id], Tags=past)
    site.be(site.reaper)
    reaped = site.host.run("reap", *(["--dry-run"] if dry else []))
    assert machine.id in reaped.out
    if dry:
        go_on(machine)
        told(site, report_of(command.end(LIMIT_S), 0, "passed"))
        return
    report = told(site, report_of(command.end(LIMIT_S), 3, "inconclusive"))
    assert "shutting-down" in " ".join(report.reasons) or "terminated" in " ".join(report.reasons)
    eventually(lambda: not machine.alive, "it is off")
