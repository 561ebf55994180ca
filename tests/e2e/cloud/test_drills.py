"""Drills on machines of the cloud, from the command to the proof that nothing is left."""

from typing import Any
from urllib.parse import urlsplit

from restoredrill.machines.ec2.boot import LIMIT_BYTES
from restoredrill.model import Verdict
from tests.cloud.rootfs import ENDPOINT_ADDRESS
from tests.e2e.cloud.by_hand import attempts, count_orders
from tests.e2e.cloud.site import DRILLER, KEY, LIMIT_S, NAME, SOURCE, WRITER, Site, report_of
from tests.e2e.conftest import SHOP
from tests.plugins.postgres import SourceServer


def profiles(site: Site) -> list[str]:
    """What every machine was started with, in order."""
    asked = [one for one in site.cloud.asked("ec2", "RunInstances") if not one.params.get("DryRun")]
    return [one.params["IamInstanceProfile"]["Name"] for one in asked]


def test_a_drill_that_passes_with_the_agent_as_it_was_published(site: Site) -> None:
    for entry in site.store.list("agents/"):
        site.store.delete([entry.key])
    site.be(site.controller)
    site.host.run("agent", "publish", NAME, site.built.path)
    ended = site.drill()
    report = report_of(ended, 0, "passed")
    machine = report.machine
    (instance,) = site.cloud.instances()
    assert (machine.id, machine.type, machine.zone) == (instance.id, instance.type, instance.zone)
    assert (machine.attempts, machine.market, instance.market) == (1, "spot", "spot")
    assert machine.boot_s is not None
    assert (machine.boot_s > 0, report.cost.amount > 0, report.cost.estimate > 0) == (True,) * 3
    assert {"job.json", "report.json", "report.html", "agent-1.log"} <= site.files(report.drill)
    data = instance.user_data or b""
    assert len(data) < LIMIT_BYTES
    print(f"from the call to the agent's first event: {machine.boot_s:.1f} s")  # shown by -rP
    print(f"user data: {len(data):,} bytes; bundle: {site.built.bundle.size_bytes:,} bytes")
    site.finish(report)


def test_a_damaged_backup_fails(site: Site) -> None:
    data = [entry for entry in site.store.list("backups/") if ".dat.zst" in entry.key]
    key = max(data, key=lambda entry: entry.size_bytes).key
    body = bytearray(b"".join(site.store.fetch(key)))
    body[len(body) // 2] ^= 1
    site.store.put(key, [bytes(body)])
    site.be(site.controller)
    said = site.host.run("drill", NAME, code=1).out
    (report,) = site.journal.reports()
    assert report.verdict is Verdict.FAILED
    plan = site.job().plan
    assert plan is not None
    assert said.startswith("plan: "), said
    for word in (plan.rungs[0].type, "USD", "OBJECT_CORRUPT", report.machine.zone):
        assert word in said
    assert "OBJECT_CORRUPT" in {finding.rule for finding in report.findings}
    site.finish(report)


def test_a_backup_by_whoever_may_only_write(site: Site) -> None:
    site.be(site.writer)
    site.host.environment["SHOP_DATABASE_URL"] = site.sealed.source_url
    taken = site.host.backup(NAME)
    del site.host.environment["SHOP_DATABASE_URL"]
    report = report_of(site.drill(), 0, "passed")
    assert report.backup is not None
    assert report.backup.id == taken
    site.finish(report)


def test_a_backup_taken_beside_the_source_is_drilled(site: Site, tcp_server: SourceServer) -> None:
    """Only that machine reaches the source and may read how; the password of it is told nowhere."""
    url = urlsplit(tcp_server.tcp_url(tcp_server.database(SHOP)))
    assert url.port
    assert url.password
    site.bed.source = ("127.0.0.1", url.port)
    inside = url._replace(netloc=f"{url.username}:{url.password}@{ENDPOINT_ADDRESS}:5432").geturl()
    site.cloud.client("secretsmanager").put_secret_value(SecretId=SOURCE, SecretString=inside)
    site.host.secrets.add(url.password)
    site.protect(backup={"machine": "ec2"})
    site.be(site.controller)
    site.host.environment["SHOP_DATABASE_URL"] = "postgresql://nobody@[::1]:1/nothing"  # the controller's
    taken = site.host.document("backup", NAME)
    assert taken["machine"]["leftovers"] == []
    assert site.left() == []
    report = report_of(site.drill("--backup", taken["id"]), 0, "passed")
    assert profiles(site) == [WRITER, DRILLER]
    assert site.told(url.password) == []
    site.finish(report)


def test_a_kept_server_lives_until_its_end_and_no_longer(site: Site) -> None:
    report = report_of(site.drill("--keep", "45s"), 0, "passed")
    assert report.machine.url is not None
    assert report.machine.leftovers == (), "it is wanted"
    machine = site.machine()
    assert count_orders(machine, report.machine.url) == 3001
    site.be(site.reaper)
    where = ("--region", site.cloud.region)
    assert site.host.document("reap", *where)["reaped"] == []
    assert machine.alive
    assert machine.id in str(site.host.document("leases", *where))
    assert machine.wait_off(LIMIT_S) == "poweroff", "by itself"
    site.finish()


def test_a_machine_may_do_its_work_and_nothing_else(site: Site) -> None:
    """Tried by hand, on the machine, with what is there: the keys of its role."""
    command = site.start()
    drill = site.await_word("prepare started")
    machine = site.machine()
    command.kill()
    assert machine.freeze("agent")
    (manifest,) = [entry.key for entry in site.store.list("backups/") if "manifest" in entry.key]
    bucket = {"Bucket": site.bucket}
    this, other = (
        {**bucket, "Key": f"{NAME}/{manifest}"},
        {**bucket, "Key": f"another/{manifest}"},
    )
    allowed: list[Any] = [
        ("s3", "get_object", this),
        ("secretsmanager", "get_secret_value", {"SecretId": KEY}),
        ("s3", "put_object", {**bucket, "Key": f"{NAME}/drills/{drill}/events/000777.json", "Body": "{}"}),
    ]
    run = {"ImageId": site.cloud.image.id, "InstanceType": "m7i.large", "MinCount": 1, "MaxCount": 1}
    denied: list[Any] = [
        ("s3", "delete_object", this),
        ("s3", "put_object", {**this, "Body": "mine"}),
        ("s3", "get_object", other),
        ("s3", "delete_object", {**bucket, "Key": f"{NAME}/drills/{drill}/job.json"}),
        ("s3", "put_object", {**bucket, "Key": f"{NAME}/drills/{drill}/job.json", "Body": "{}"}),
        ("s3", "put_object", {**bucket, "Key": f"{NAME}/agents/x.pyz", "Body": "mine"}),
        ("s3", "list_objects_v2", bucket),
        ("s3", "put_bucket_policy", {**bucket, "Policy": "{}"}),
        ("secretsmanager", "get_secret_value", {"SecretId": SOURCE}),
        ("ec2", "run_instances", run),
        ("ec2", "terminate_instances", {"InstanceIds": [machine.id]}),
        ("ec2", "describe_instances", {}),
        ("ssm", "get_parameter", {"Name": "anything"}),
        (
            "sts",
            "assume_role",
            {"RoleArn": f"arn:aws:iam::{site.cloud.account}:role/{WRITER}", "RoleSessionName": "me"},
        ),
    ]
    said = attempts(machine, site.cloud.region, [*allowed, *denied])
    assert said[: len(allowed)] == ["done"] * len(allowed)
    for (service, call, _), answer in zip(denied, said[len(allowed) :], strict=True):
        assert answer in ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation"), (
            service,
            call,
            answer,
        )
    site.store.delete([f"drills/{drill}/events/000777.json"])
    machine.thaw()
    report = report_of(site.drill("--resume", drill), 0, "passed")
    site.finish(report)


def test_a_secret_that_is_told_would_be_noticed(site: Site) -> None:
    site.store.put("drills/x/agent-1.log", [f"key: {site.sealed.identity}".encode()])
    assert site.told() == ["drills/x/agent-1.log"]
    site.store.delete(["drills/x/agent-1.log"])
    site.finish()


def test_a_dry_run_tells_the_plan_and_starts_nothing(site: Site) -> None:
    before = site.versions()
    ended = site.drill("--dry-run")
    assert ended.code == 0, str(ended)
    plan = ended.document["plan"]["plan"]
    assert plan["rungs"]
    assert plan["usd_estimate"] > 0
    assert site.versions() == before
    asked = site.cloud.asked("ec2", "RunInstances")
    assert all(one.params["DryRun"] for one in asked)
    assert site.cloud.instances() == []
    site.finish()


def test_a_dry_run_names_all_that_is_missing(site: Site) -> None:
    cloud = site.cloud
    for entry in site.store.list("agents/"):
        site.store.delete([entry.key])
    cloud.client("ec2").delete_vpc_endpoints(VpcEndpointIds=[cloud.network.s3_endpoint])
    key = cloud.kms_key()
    cloud.client("kms").disable_key(KeyId=key.rpartition("/")[2])
    site.protect(kms_key_id=key, instance_profile="restoredrill-nobody", budget={"per_drill": 0.000001})
    before = site.versions()
    ended = site.drill("--dry-run")
    reasons = " ".join(report_of(ended, 3, "inconclusive").reasons)
    for words in ("no agent bundle", "no route to the bucket", "no instance profile"):
        assert words in reasons
    assert site.versions() == before
    assert cloud.asked("ec2", "RunInstances") == []
    site.finish()
