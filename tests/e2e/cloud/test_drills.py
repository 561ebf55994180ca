"""Drills on machines of the cloud, from the command to the proof that nothing is left."""

from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

import pytest
from botocore.exceptions import ClientError

from restoredrill.machines.ec2.boot import LIMIT_BYTES
from tests.cloud.rootfs import ENDPOINT_ADDRESS
from tests.e2e.cloud.site import DRILLER, NAME, SOURCE, Site, report_of
from tests.e2e.conftest import SHOP
from tests.plugins.postgres import SourceServer


def test_a_drill_that_passes(site: Site) -> None:
    ended = site.drill()
    report = report_of(ended, 0, "passed")
    machine = report.machine
    (instance,) = site.cloud.instances()
    assert (machine.id, machine.type, machine.zone) == (instance.id, instance.type, instance.zone)
    assert (machine.attempts, machine.market) == (1, "spot")
    assert machine.boot_s is not None
    assert report.cost.amount > 0
    assert report.cost.estimate > 0
    print(*(f"{phase.name} {phase.seconds:.1f}" for phase in report.phases))
    keys = {entry.key.rpartition("/")[2] for entry in site.store.list(f"drills/{report.drill}/")}
    assert {"job.json", "report.json", "report.html", "agent-1.log"} <= keys
    data = instance.user_data or b""
    assert len(data) < LIMIT_BYTES
    print(f"boot to first event: {machine.boot_s:.1f} s")
    print(f"user data: {len(data):,} bytes; bundle: {site.built.bundle.size_bytes / 1e6:.1f} MB")
    site.finish(report)


def test_a_damaged_backup_fails(site: Site) -> None:
    data = [entry for entry in site.store.list("backups/") if entry.key.endswith(".dat.zst")]
    key = max(data, key=lambda entry: entry.size_bytes).key
    body = bytearray(b"".join(site.store.fetch(key)))
    body[len(body) // 2] ^= 1
    site.store.put(key, [bytes(body)])
    report = report_of(site.drill(), 1, "failed")
    assert "OBJECT_CORRUPT" in {finding.rule for finding in report.findings}
    site.finish(report)


def test_a_sealed_backup_by_a_writer_who_can_only_write(site: Site) -> None:
    """The key comes from the secret store, by the machine's role, and is nowhere else."""
    site.be(site.writer)
    backup = site.host.backup(NAME)
    report = report_of(site.drill(), 0, "passed")
    assert report.backup is not None
    assert report.backup.id == backup
    site.finish(report)
    for entry in site.store.list(""):
        if "/data/" not in entry.key and not entry.key.endswith((".pyz", ".age")):
            body = b"".join(site.store.fetch(entry.key))
            assert site.identity.encode() not in body, entry.key
            assert b"customer 17" not in body, entry.key


def test_a_backup_taken_beside_the_source_is_drilled(
    site: Site, tcp_server: Callable[[int], SourceServer]
) -> None:
    server = tcp_server(17)
    url = urlsplit(server.tcp_url(server.database(SHOP)))
    site.bed.source = ("127.0.0.1", url.port or 5432)
    inside = url._replace(netloc=f"{url.username}:{url.password}@{ENDPOINT_ADDRESS}:5432")
    site.cloud.client("secretsmanager").put_secret_value(SecretId=SOURCE, SecretString=urlunsplit(inside))
    site.host.secrets.add(url.password or "")
    site.be(site.controller)
    taken = site.host.document("backup", NAME, "--machine", "ec2")
    assert site.left() == []
    report = report_of(site.drill("--backup", taken["id"]), 0, "passed")
    assert [one.profile and one.profile.rpartition("/")[2] for one in site.cloud.instances()][1] == DRILLER
    site.finish(report)


def test_a_kept_server_lives_until_its_end_and_no_longer(site: Site) -> None:
    report = report_of(site.drill("--keep", "40s"), 0, "passed")
    assert report.machine.url is not None
    assert len(site.bed.alive()) == 1
    site.finish()


def test_a_machine_may_do_its_work_and_nothing_else(site: Site) -> None:
    keys = site.cloud.session_of(DRILLER)
    s3, ec2, secrets = (site.cloud.client(name, keys=keys) for name in ("s3", "ec2", "secretsmanager"))
    (manifest,) = [entry.key for entry in site.store.list("backups/") if "manifest" in entry.key]
    where = {"Bucket": site.bucket, "Key": f"{NAME}/{manifest}"}
    assert s3.get_object(**where)["Body"].read()
    forbidden: tuple[Callable[[], object], ...] = (
        lambda: s3.delete_object(**where),
        lambda: s3.put_object(**where, Body=b""),
        lambda: s3.get_object(Bucket=site.bucket, Key="another/backups/x/manifest.json"),
        lambda: secrets.get_secret_value(SecretId=SOURCE),
        lambda: ec2.describe_instances(),
        lambda: ec2.run_instances(
            ImageId=site.cloud.image.id, InstanceType="m7i.large", MinCount=1, MaxCount=1
        ),
    )
    for call in forbidden:
        with pytest.raises(ClientError) as refused:
            call()
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403)
        assert "not authorized" in str(refused.value) or "Forbidden" in str(refused.value)
    site.finish()
