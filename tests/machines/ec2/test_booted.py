"""Boot data on real machines: real cloud-init and systemd read them, as they would on EC2."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from restoredrill import backup
from restoredrill.backup import BackupRequest
from restoredrill.engines.postgres.connect import Limits
from restoredrill.engines.postgres.source import PostgresSource
from restoredrill.machines.ec2 import boot
from restoredrill.model import Event, FingerprintLevel, Job, VaultSpec, Verdict
from restoredrill.vault.bundles import VaultBundles
from restoredrill.vault.catalog import VaultBackups
from restoredrill.vault.journal import VaultJournal
from restoredrill.vault.opening import open_store
from restoredrill.vault.store import VaultStore
from tests.cloud.bed import Bed
from tests.cloud.machine import Machine
from tests.cloud.principal import ADMINISTRATOR
from tests.cloud.rootfs import ENDPOINT_URL
from tests.machines.ec2.errands import BACKUP, DRILL, ROLE, job
from tests.plugins.bundle import Built
from tests.plugins.postgres import SourceServer

ORDERS = "CREATE TABLE orders AS SELECT n AS id, md5(n::text) AS note FROM generate_series(1, 5000) n;"


@dataclass
class Site:
    """A vault of the bed's cloud with the agent in it, and machines whose role may use that."""

    bed: Bed
    bucket: str
    store: VaultStore
    built: Built

    @property
    def inside(self) -> VaultSpec:
        """The vault as machines reach it."""
        return VaultSpec(url=f"s3://{self.bucket}/shop", endpoint_url=ENDPOINT_URL, region="us-east-1")

    def job(self, **more: Any) -> Job:
        return job(self.inside, self.built.bundle, began=datetime.now(UTC), **more)

    def launch(self, errand: Job, kind: str = "m7i.large") -> Machine:
        """As Ec2Machine asks for one, but for tags and prices."""
        VaultJournal(self.store).submit(errand)
        answer = self.bed.cloud.client("ec2").run_instances(
            ImageId=self.bed.cloud.image.id,
            InstanceType=kind,
            MinCount=1,
            MaxCount=1,
            SubnetId=self.bed.cloud.network.subnets[0],
            IamInstanceProfile={"Name": ROLE},
            InstanceInitiatedShutdownBehavior="terminate",
            MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
            UserData=boot.user_data(errand, 1),
        )
        return self.bed.machine(answer["Instances"][0]["InstanceId"])

    def event(self, number: int) -> Event:
        key = f"drills/{DRILL}/events/{number:06d}.json"
        return Event.model_validate_json(b"".join(self.store.fetch(key)))


@pytest.fixture
def site(bed: Bed, machine_bundle: Built) -> Site:
    bucket = bed.cloud.bucket()
    name = f"arn:aws:s3:::{bucket}"
    allowed = {"Effect": "Allow", "Action": "s3:*", "Resource": [name, f"{name}/shop/*"]}
    bed.cloud.role(ROLE, {"vault": json.dumps({"Version": "2012-10-17", "Statement": [allowed]})})
    spec = VaultSpec(url=f"s3://{bucket}/shop", endpoint_url=bed.cloud.endpoint_url, region="us-east-1")
    store = open_store(spec, *ADMINISTRATOR)
    VaultBundles(store).publish(machine_bundle.path, machine_bundle.bundle)
    return Site(bed, bucket, store, machine_bundle)


@pytest.fixture
def backed_up(site: Site, source_server: Callable[[int], SourceServer], tmp_path: Path) -> None:
    """A backup in the vault."""
    source = source_server(17)
    request = BackupRequest(BACKUP, "shop", 1, FingerprintLevel.CONTENT, (), tmp_path / "spool")
    (tmp_path / "spool").mkdir()
    url = source.url(source.database(ORDERS))
    origin = PostgresSource(url, (source.tools,), Limits(lock_timeout_s=30), 10)
    backup.take(request, origin, VaultBackups(site.store), lambda *_: None)


@pytest.mark.usefixtures("backed_up")
def test_a_drill_on_a_machine_that_has_nothing(site: Site) -> None:
    errand = site.job(scratch="nvme")
    machine = site.launch(errand, "i4i.large")
    assert machine.wait_off(240) == "poweroff"
    said = machine.log
    report = next(VaultJournal(site.store).reports(DRILL), None)
    assert report is not None, said
    assert report.verdict is Verdict.PASSED, report.reasons
    assert report.machine.id == machine.id
    assert report.machine.type == "i4i.large"
    assert "(a timer, and a process)" in said
    assert "work goes to /dev/nvme1n1" in said
    assert said.index("powers off in") < said.index("work goes to") < said.index("Python 3.11")
    first = site.event(1).at
    booted_s = (first - errand.started_at).total_seconds()
    print(f"from RunInstances to the first event: {booted_s:.1f} s")  # for whoever runs it with -rP


def test_a_wrong_checksum_is_told_and_nothing_run(site: Site) -> None:
    errand = site.job()
    site.store.put(f"agents/{site.built.bundle.name}", [site.built.path.read_bytes()[:-1] + b"?"])
    machine = site.launch(errand)
    assert machine.wait_off(120) == "poweroff"
    assert "it is not run" in machine.log
    assert "it is not run" in site.event(99_999).message


def test_the_timer_ends_a_machine_on_which_all_hangs(site: Site) -> None:
    """Its vault is never reached, and what would power off in the end is frozen."""
    errand = site.job(lease_s=60.0)
    site.bed.unreachable = True
    began_s = time.monotonic()
    machine = site.launch(errand)
    machine.wait_for("trying again", 60)
    assert machine.freeze("fetch.py")
    assert machine.wait_off(180) == "poweroff"
    assert "the lease is over" in machine.log
    assert time.monotonic() - began_s < 150
