"""Promise 4: nothing outlives its lease. Each line of defence holds with those before it disabled."""

from datetime import UTC, datetime

from restoredrill.machines.ec2 import boot
from restoredrill.machines.ec2.tags import ERRAND, EXPIRES_AT
from tests.cloud.machine import Machine
from tests.e2e.cloud.site import LIMIT_S, Site, report_of
from tests.e2e.host import eventually

EVERYTHING = "."  # every process of a machine but its first: the agent, the boot data, what only sleeps
TIMER = "restoredrill-end.timer"
AT_WORK = "prepare started"


def hang(machine: Machine) -> None:
    """Neither the agent nor any timer runs any more."""
    assert machine.exec(["systemctl", "stop", TIMER]).returncode == 0
    assert len(machine.freeze(EVERYTHING)) > 3


def test_1_the_agent_powers_off_without_anybody(site: Site) -> None:
    """The controller is dead. Whoever takes the drill up finds its report, and nothing to end."""
    command = site.start()
    drill = site.await_word(AT_WORK)
    command.kill()
    assert site.machine().wait_off(LIMIT_S) == "poweroff"
    (found,) = site.journal.reports(drill)
    assert found.machine.swept_at is None, "nobody has looked yet"
    eventually(lambda: site.left() == [], "the account knows")
    report = report_of(site.drill("--resume", drill), 0, "passed")
    assert len(site.cloud.instances()) == 1
    site.finish(report)


def test_2_the_timer_ends_a_machine_whose_agent_hangs(site: Site) -> None:
    """The controller is dead, too. The lease is made to end now: the machine gives itself a minute."""
    command = site.start()
    drill = site.await_word(AT_WORK)
    command.kill()
    machine = site.machine()
    assert machine.freeze(r"python|agent|part-\d+")
    armed = machine.exec(["sh", "-c", boot.arming(datetime.now(UTC), 60)])
    assert "powers off in 60 s at the latest (a timer, and a process)" in armed.stdout, armed
    assert machine.wait_off(LIMIT_S) == "poweroff"
    assert "the lease is over" in machine.log
    eventually(lambda: site.left() == [], "the account knows")
    report = report_of(site.drill("--resume", drill), 3, "inconclusive")
    assert len(site.cloud.instances()) == 1
    site.finish(report)


def test_3_the_controller_ends_a_machine_on_which_all_hangs(site: Site) -> None:
    site.protect(silence="15s")
    command = site.start()
    drill = site.await_word(AT_WORK)
    hang(site.machine())
    report = report_of(command.end(LIMIT_S), 3, "inconclusive")
    assert {finding.rule for finding in report.findings} == {"MACHINE_SILENT"}
    assert b"powers off in" in b"".join(site.store.fetch(f"drills/{drill}/console-1.txt"))
    site.finish(report)


def test_4_the_reaper_ends_what_nobody_else_did(site: Site) -> None:
    """Everything hangs, the controller is dead, and there is no file of ours. What is not ours lives on."""
    cloud = site.cloud
    asked = {"ImageId": cloud.image.id, "InstanceType": "m7i.large", "MinCount": 1, "MaxCount": 1}
    foreign = cloud.client("ec2").run_instances(**asked)["Instances"][0]["InstanceId"]
    command = site.start()
    site.await_word(AT_WORK)
    command.kill()
    (ours,) = [one for one in cloud.instances() if ERRAND in one.tags]
    hang(site.bed.machine(ours.id))
    for file in site.host.schedules.iterdir():
        file.unlink()
    site.be(site.reaper)
    where = ("--region", cloud.region)
    assert ours.id in str(site.host.document("leases", *where)), "it lives, and may"
    assert site.host.document("reap", *where)["reaped"] == []
    over = [{"Key": EXPIRES_AT, "Value": "2026-01-01T00:00:00Z"}]
    cloud.client("ec2").create_tags(Resources=[ours.id, *ours.volumes, *ours.interfaces], Tags=over)
    leases = site.host.document("leases", *where, code=4)
    assert ours.id in str(leases)
    assert foreign not in str(leases)
    assert len(site.host.document("reap", "--dry-run", *where)["reaped"]) == 1
    assert cloud.instance(ours.id).alive
    (reaped,) = site.host.document("reap", *where)["reaped"]
    assert reaped["problem"] is None
    assert site.left() == []
    assert site.host.document("leases", *where)["leases"] == []
    assert cloud.instance(foreign).alive
    assert site.bed.machine(foreign).alive
    cloud.client("ec2").terminate_instances(InstanceIds=[foreign])
    eventually(lambda: not cloud.instances(alive=True), "its owner ends the foreign one")
    site.finish()
