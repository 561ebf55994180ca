"""`restoredrill drill` and `backup` with machines of the cloud: the commands as people type them, an account
that answers, and machines that say what an agent would.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.clouded import Host, passes, takes_a_backup
from tests.cli.programs import LIMIT_S, REAL, run, start, wait_for
from tests.cloud.world import Cloud

NOBODY = "20260923T031500Z-7f3a"


@pytest.fixture
def host(tmp_path: Path, cloud: Cloud) -> Host:
    return Host(tmp_path, cloud)


@pytest.fixture
def ready(host: Host) -> Host:
    """With a backup to drill and a bundle to drill it with."""
    host.put_backup()
    host.put_bundle()
    return host


def call(host: Host, *words: str) -> tuple[int, Any]:
    done = run(REAL, *words, "--json", cwd=host.folder, env=host.environment)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def rules(report: Any) -> set[str]:
    return {finding["rule"] for finding in report["findings"]}


# The plan


def test_a_dry_run_prints_the_plan_and_starts_nothing(ready: Host) -> None:
    done = run(REAL, "drill", "shop", "--dry-run", cwd=ready.folder, env=ready.environment)
    assert done.returncode == 0, done.stderr
    for words in ("plan: drill shop", "needs", ready.cloud.region):
        assert words in done.stdout
    assert ready.cloud.instances() == []
    assert list(ready.store.list("drills/")) == []


def test_the_plan_is_in_the_document_and_holds_no_secret(ready: Host) -> None:
    code, document = call(ready, "drill", "shop", "--dry-run")
    plan = document["plan"]["plan"]
    assert (code, plan["region"]) == (0, ready.cloud.region)
    assert {rung["market"] for rung in plan["rungs"]} == {"spot", "on-demand"}
    vault = document["plan"]["vault"]
    assert (vault["profile"], vault["role_arn"], vault["access_key_id"]) == (None, None, None)


def test_what_cannot_be_met_is_said_all_at_once_and_nothing_is_kept_of_a_dry_run(host: Host) -> None:
    host.put_backup()
    host.write("launch_template: lt-00000000000000000")
    code, report = call(host, "drill", "shop", "--dry-run")
    assert (code, report["verdict"], rules(report)) == (3, "inconclusive", {"PLAN_UNMET"})
    assert len(report["findings"]) > 1
    assert any("bundle" in finding["message"] for finding in report["findings"])
    assert list(host.store.list("drills/")) == []


def test_a_drill_that_cannot_be_planned_does_not_vanish(host: Host) -> None:
    host.put_backup()
    code, report = call(host, "drill", "shop")
    assert (code, rules(report)) == (3, {"PLAN_UNMET"})
    (kept,) = host.journal.reports()
    assert (kept.drill, kept.machine.swept_at is not None) == (report["drill"], True)
    assert host.cloud.instances() == []


def test_what_this_month_has_cost_is_off_the_budget(ready: Host) -> None:
    ready.write("budget: {per_month: 0.5}")
    assert call(ready, "drill", "shop", "--dry-run")[0] == 0
    ready.machines_do(passes)
    call(ready, "drill", "shop")
    (spent,) = ready.journal.reports()
    dear = spent.cost.model_copy(update={"amount": 0.5})
    ready.journal.save(spent.model_copy(update={"cost": dear}), {})
    code, report = call(ready, "drill", "shop", "--dry-run")
    assert (code, rules(report)) == (3, {"PLAN_UNMET"})
    assert "budget" in report["reasons"][0]


def test_keys_that_only_this_host_has_cannot_travel(ready: Host) -> None:
    text = (ready.folder / "schedules" / "shop.yaml").read_text()
    keys = ", access_key_id: '${AWS_ACCESS_KEY_ID}', secret_access_key: '${AWS_SECRET_ACCESS_KEY}'}\nsource"
    (ready.folder / "schedules" / "shop.yaml").write_text(text.replace("}\nsource", keys, 1))
    code, report = call(ready, "drill", "shop", "--dry-run")
    assert (code, rules(report)) == (3, {"PLAN_UNMET"})
    assert "can't travel" in report["reasons"][0]


# The drill


def test_a_drill_that_passes_on_a_machine_leaves_nothing_and_says_what_it_cost(ready: Host) -> None:
    ready.machines_do(passes)
    code, report = call(ready, "drill", "shop")
    assert (code, report["verdict"], report["machine"]["leftovers"]) == (0, "passed", [])
    assert report["machine"]["market"] == "spot"
    assert report["machine"]["boot_s"] is not None
    assert report["machine"]["swept_at"] is not None
    assert report["cost"]["amount"] > 0
    assert ready.cloud.instances(alive=True) == []


def test_no_capacity_anywhere_is_inconclusive(ready: Host) -> None:
    ready.cloud.refuse()
    code, report = call(ready, "drill", "shop")
    assert (code, rules(report)) == (3, {"CAPACITY_MISSING"})
    assert ready.cloud.instances(alive=True) == []


def test_a_machine_that_is_reclaimed_makes_room_for_one_that_is_not(ready: Host) -> None:
    def first_is_taken_away(host: Host, instance: str, errand: str) -> None:
        if host.cloud.instance(instance).tags["restoredrill:attempt"] == "1":
            host.say(errand, 1, "started")
            host.cloud.reclaim(instance)
        else:
            passes(host, instance, errand)

    ready.machines_do(first_is_taken_away)
    code, report = call(ready, "drill", "shop")
    assert (code, report["machine"]["attempts"], report["machine"]["market"]) == (0, 2, "on-demand")
    assert ready.cloud.instances(alive=True) == []


def test_a_machine_that_is_never_heard_of_leaves_its_console(ready: Host) -> None:
    ready.write(boot_timeout="2s")
    ready.machines_do(lambda host, instance, errand: host.cloud.console(instance, "no root device"))
    code, report = call(ready, "drill", "shop")
    assert (code, rules(report)) == (3, {"BOOT_TIMEOUT"})
    assert "no root device" in report["reasons"][0]
    (console,) = [e.key for e in ready.store.list("drills/") if e.key.endswith("console-1.txt")]
    assert b"".join(ready.store.fetch(console)) == b"no root device"
    assert ready.cloud.instances(alive=True) == []


def test_a_drill_whose_controller_was_killed_is_gone_on_with(ready: Host) -> None:
    begun: list[tuple[str, str]] = []
    ready.machines_do(lambda host, instance, errand: begun.append((instance, errand)))
    killed = start(REAL, "drill", "shop", cwd=ready.folder, env=ready.environment)
    try:
        wait_for(lambda: bool(begun))
    finally:
        killed.kill()
        killed.communicate()
    ((instance, drill),) = begun
    assert [one.id for one in ready.cloud.instances(alive=True)] == [instance]
    passes(ready, instance, drill)
    code, report = call(ready, "drill", "shop", "--resume", drill)
    assert (code, report["verdict"], report["drill"]) == (0, "passed", drill)
    assert len(ready.cloud.instances()) == 1
    assert call(ready, "drill", "shop", "--resume", drill)[1] == report, "it is at its end"


@pytest.mark.parametrize("deed", ["drill", "backup"])
def test_a_service_that_is_stopped_leaves_machines_at_work(ready: Host, deed: str) -> None:
    begun: list[str] = []
    ready.machines_do(lambda host, instance, errand: begun.append(instance))
    told = start(REAL, deed, "shop", "--leave", cwd=ready.folder, env=ready.environment)
    try:
        wait_for(lambda: bool(begun))
        told.terminate()
        _, err = told.communicate(timeout=LIMIT_S)
    finally:
        told.kill()
        told.communicate()
    assert (told.returncode, "goes on by itself" in err) == (130, True), err
    assert [one.id for one in ready.cloud.instances(alive=True)] == begun


def test_what_is_not_there_cannot_be_gone_on_with(ready: Host) -> None:
    assert call(ready, "drill", "shop", "--resume", NOBODY)[0] == 2
    assert call(ready, "drill", "shop", "--resume", NOBODY, "--dry-run")[0] == 2


# The backup


def test_a_backup_is_taken_by_a_machine(host: Host) -> None:
    host.put_bundle()
    host.machines_do(takes_a_backup)
    code, document = call(host, "backup", "shop")
    assert (code, document["machine"]["leftovers"]) == (0, []), document
    assert document["cost"]["amount"] > 0
    assert any(entry.key.endswith("/cost.json") for entry in host.store.list("jobs/")), (
        "for the month's budget"
    )
    (entry,) = host.store.list("backups/")
    assert document["id"] in entry.key
    assert host.errands.job(document["id"]).source_url == "secretsmanager:shop/source"
    assert host.cloud.instances(alive=True) == []


def test_the_plan_of_a_first_backup_says_that_its_size_is_not_known(host: Host) -> None:
    host.put_bundle()
    code, document = call(host, "backup", "shop", "--dry-run")
    assert code == 0, document
    assert any("size is not known" in note for note in document["plan"]["plan"]["notes"])
    assert host.cloud.instances() == []
    assert call(host, "backup", "shop", "--machine", "local", "--dry-run")[0] == 2


def test_a_backup_that_a_machine_could_not_take_is_told_and_leaves_nothing(host: Host) -> None:
    host.put_bundle()
    host.machines_do(lambda host, instance, errand: host.cloud.terminated(instance))
    code, document = call(host, "backup", "shop")
    assert (code, document["error"]["operation"]) == (3, "back up")
    assert list(host.store.list("backups/")) == []
    assert host.cloud.instances(alive=True) == []


# The service


def overdue(cloud: Cloud) -> str:
    """A machine of ours whose time is over, and whose errand nobody knows."""
    tags = {"restoredrill:errand": NOBODY, "restoredrill:expires-at": "2026-01-01T00:00:00Z"}
    spec = {"ResourceType": "instance", "Tags": [{"Key": key, "Value": tags[key]} for key in tags]}
    answer = cloud.client("ec2").run_instances(
        ImageId=cloud.image.id,
        InstanceType="m7i.large",
        SubnetId=cloud.network.subnets[0],
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[spec],
    )
    identity: str = answer["Instances"][0]["InstanceId"]
    return identity


def test_a_service_goes_on_with_an_open_drill_and_ends_what_is_overdue(ready: Host) -> None:
    """Neither of them is on any note of its own: the vault has the one, the account the other."""
    begun: list[tuple[str, str]] = []
    ready.machines_do(lambda host, instance, errand: begun.append((instance, errand)))
    killed = start(REAL, "drill", "shop", cwd=ready.folder, env=ready.environment)
    try:
        wait_for(lambda: bool(begun))
    finally:
        killed.kill()
        killed.communicate()
    ((instance, drill),) = begun
    passes(ready, instance, drill)
    # Its time is over: before that, somebody else might be at it.
    job = ready.journal.job(drill)
    over = job.model_copy(update={"deadline_at": job.started_at})
    ready.store.put(f"drills/{drill}/job.json", [over.model_dump_json(by_alias=True).encode()])
    old = overdue(ready.cloud)
    (ready.folder / "schedules" / "_service.yaml").write_text("web: {listen: '127.0.0.1:0'}\n")
    served = start(REAL, "serve", cwd=ready.folder, env=ready.environment)
    try:
        wait_for(lambda: all(report.machine.swept_at for report in ready.journal.reports()))
    finally:
        served.terminate()
        _, told = served.communicate(timeout=LIMIT_S)
    assert f"ending {old}" in told
    (report,) = ready.journal.reports()
    assert (report.drill, report.verdict) == (drill, "passed")
    assert ready.cloud.instances(alive=True) == []
