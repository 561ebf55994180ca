"""What goes wrong between a command and a machine: what the report says of it, and that nothing is left."""

from tests.cloud.faults import CUT
from tests.e2e.cloud.site import LIMIT_S, Site, report_of

PREPARES = "prepare started"


def rules(report: object) -> set[str]:
    return {finding.rule for finding in report.findings}  # type: ignore[attr-defined]


def test_a_bundle_that_was_changed_is_not_run(site: Site) -> None:
    site.store.put(f"agents/{site.built.bundle.name}", [site.built.path.read_bytes()[:-1] + b"?"])
    report = report_of(site.drill(), 3, "inconclusive")
    assert "it is not run" in report.reasons[0]
    site.finish(report)


def test_a_machine_without_a_way_to_the_vault(site: Site) -> None:
    site.protect(boot_timeout="20s")
    site.bed.unreachable = True
    report = report_of(site.drill(), 3, "inconclusive")
    assert rules(report) == {"BOOT_TIMEOUT"}
    assert "trying again" in report.reasons[0]
    site.finish(report)


def test_capacity_refused_twice_then_granted_elsewhere(site: Site) -> None:
    site.cloud.refuse(times=2)
    report = report_of(site.drill(), 0, "passed")
    plan = site.job().plan
    assert plan is not None
    assert (report.machine.type, report.machine.zone) != (plan.rungs[0].type, plan.rungs[0].zone)
    assert len(site.cloud.asked("ec2", "RunInstances")) > 2
    site.finish(report)


def test_answers_that_are_lost_and_calls_that_are_throttled(site: Site) -> None:
    """One machine all the same."""
    site.cloud.fault("ec2", "RunInstances", CUT, after=True)
    site.cloud.fault("ec2", "DescribeInstances", "RequestLimitExceeded", 503, times=3)
    site.cloud.fault("ec2", "TerminateInstances", CUT, after=True)
    report = report_of(site.drill(), 0, "passed")
    assert len(site.cloud.instances()) == 1
    site.finish(report)


def test_a_spot_notice_in_the_middle_makes_room_for_another_machine(site: Site) -> None:
    command = site.start()
    site.await_word(PREPARES)
    site.bed.interrupt(site.instance().id, notice_s=5)
    report = report_of(command.end(LIMIT_S), 0, "passed")
    assert (report.machine.attempts, report.machine.market) == (2, "on-demand")
    assert report.machine.id == site.instance(2).id
    site.finish(report)


def test_a_machine_that_dies_without_a_word(site: Site) -> None:
    """EC2 goes on saying that it runs."""
    site.protect(silence="15s")
    command = site.start()
    site.await_word(PREPARES)
    site.machine().kill()
    report = report_of(command.end(LIMIT_S), 3, "inconclusive")
    assert rules(report) == {"MACHINE_SILENT"}
    site.finish(report)


def test_a_network_that_comes_back(site: Site) -> None:
    """Gone for longer than any single request is tried."""
    command = site.start()
    site.await_word(PREPARES)
    machine = site.machine()
    machine.cut()
    assert command.running
    machine.wait_for("restoredrill", 1)
    site.bed.cloud.server  # noqa: B018 - the API itself stays
    import time

    time.sleep(40)
    machine.heal()
    report = report_of(command.end(LIMIT_S), 0, "passed")
    site.finish(report)


def test_a_network_that_does_not(site: Site) -> None:
    site.protect(silence="15s")
    command = site.start()
    site.await_word(PREPARES)
    site.machine().cut()
    report = report_of(command.end(LIMIT_S), 3, "inconclusive")
    assert rules(report) == {"MACHINE_SILENT"}
    site.finish(report)


def test_a_disk_without_room(site: Site) -> None:
    site.bed.rate_mb_s = 1.0
    command = site.start()
    site.await_word(PREPARES)
    site.machine().fill()
    report = report_of(command.end(LIMIT_S), 3, "inconclusive")
    assert rules(report) & {"DISK_FULL", "SERVER_DIED"}, report.reasons
    site.finish(report)


def test_a_deadline_that_passes(site: Site) -> None:
    checks = [
        {"name": "slow", "sql": "select count(*) from pg_sleep(100)", "expect": "== 1", "timeout": "2m"}
    ]
    site.protect(drill={"deadline": "45s", "checks": checks})
    report = report_of(site.drill(), 3, "inconclusive")
    assert rules(report) == {"DEADLINE_OVER"}
    site.finish(report)
