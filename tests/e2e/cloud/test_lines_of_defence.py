"""Promise 4: nothing outlives its lease. Each line of defence holds with those before it disabled; the second
one, the timer inside, in tests/machines/ec2/test_booted.py.
"""

from restoredrill.machines.ec2.tags import ERRAND, EXPIRES_AT
from tests.e2e.cloud.site import LIMIT_S, Site, report_of
from tests.e2e.host import eventually

EVERYTHING = "."  # every process of a machine, its timers among them


def test_the_agent_powers_off_without_anybody(site: Site) -> None:
    """Line 1, the controller dead. Whoever takes up the drill finds its report, and nothing to end."""
    command = site.start()
    drill = site.await_word("prepare started")
    command.kill()
    machine = site.machine()
    assert machine.wait_off(LIMIT_S) == "poweroff"
    (found,) = site.journal.reports(drill)
    assert found.machine.swept_at is None
    report = report_of(site.drill("--resume", drill), 0, "passed")
    assert len(site.cloud.instances()) == 1
    site.finish(report)


def test_the_controller_ends_a_machine_on_which_all_hangs(site: Site) -> None:
    """Line 3: neither the agent nor any timer of the machine runs any more."""
    site.protect(silence="15s")
    command = site.start()
    drill = site.await_word("prepare started")
    assert site.machine().freeze(EVERYTHING)
    report = report_of(command.end(LIMIT_S), 3, "inconclusive")
    assert {finding.rule for finding in report.findings} == {"MACHINE_SILENT"}
    console = b"".join(site.store.fetch(f"drills/{drill}/console-1.txt"))
    assert b"powers off in" in console
    site.finish(report)


def test_the_reaper_ends_what_nobody_else_did(site: Site) -> None:
    """Line 4: the machine hangs, the controller is dead. What is not ours lives on."""
    cloud = site.cloud
    answer = cloud.client("ec2").run_instances(
        ImageId=cloud.image.id, InstanceType="m7i.large", MinCount=1, MaxCount=1
    )
    foreign = answer["Instances"][0]["InstanceId"]
    command = site.start()
    site.await_word("prepare started")
    command.kill()
    (ours,) = [one for one in cloud.instances() if ERRAND in one.tags]
    assert site.bed.machine(ours.id).freeze(EVERYTHING)
    site.be(site.reaper)
    where = ("--region", cloud.region)
    assert site.host.document("reap", *where)["reaped"] == []
    cloud.client("ec2").create_tags(
        Resources=[ours.id, *ours.volumes, *ours.interfaces],
        Tags=[{"Key": EXPIRES_AT, "Value": "2026-01-01T00:00:00Z"}],
    )
    leases = site.host.document("leases", *where, code=4)
    assert ours.id in str(leases)
    assert foreign not in str(leases)
    assert len(site.host.document("reap", "--dry-run", *where)["reaped"]) == 1
    assert cloud.instance(ours.id).alive
    (reaped,) = site.host.document("reap", *where)["reaped"]
    assert reaped["problem"] is None
    assert cloud.instance(foreign).alive
    cloud.client("ec2").terminate_instances(InstanceIds=[foreign])
    eventually(lambda: not cloud.instances(alive=True), "the foreign machine is ended by its owner")
    site.finish()
