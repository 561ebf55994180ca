"""A host whose file drills and backs up on machines of the cloud, and machines that do as they are told."""

import hashlib
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from restoredrill import __version__
from restoredrill.model import Event, Job, MachineFacts, Manifest, Report, VaultSpec, Verdict
from restoredrill.outcome import BackupOutcome
from restoredrill.plan import AgentBundle
from restoredrill.vault.bundles import VaultBundles
from restoredrill.vault.errands import VaultErrands
from restoredrill.vault.journal import VaultJournal
from restoredrill.vault.opening import open_store
from restoredrill.vault.store import VaultStore
from tests.cloud.principal import ADMINISTRATOR
from tests.cloud.world import Cloud
from tests.stories.samples import NOW, manifest

FILE = """
vault: {{url: 's3://{bucket}/shop', endpoint_url: '{endpoint}', region: {region}}}
source: {{url: 'secretsmanager:shop/source'}}
backup: {{machine: ec2}}
drill: {{machine: ec2, deadline: 10m, cron: '0 0 1 1 *'}}
machines:
  ec2:
    region: {region}
    image: {image}
    subnets: [{subnets}]
    security_groups: [{group}]
    instance_profile: drill-machine
    boot_timeout: {boot_timeout}
    backup: {{subnets: [{subnets}], security_groups: [{group}], instance_profile: drill-machine}}
    {more}
"""


class Host:
    """Its directory, its vault and its account."""

    def __init__(self, folder: Path, cloud: Cloud) -> None:
        self.folder = folder
        self.cloud = cloud
        self.bucket = cloud.bucket()
        cloud.role("drill-machine", {})
        cloud.client("ec2").create_vpc_endpoint(  # to where the source's URL is
            VpcId=cloud.network.vpc,
            ServiceName=f"com.amazonaws.{cloud.region}.secretsmanager",
            VpcEndpointType="Interface",
            SubnetIds=list(cloud.network.subnets),
            PrivateDnsEnabled=True,
        )
        spec = VaultSpec(url=f"s3://{self.bucket}/shop", endpoint_url=cloud.endpoint_url, region=cloud.region)
        self.store: VaultStore = open_store(spec, *ADMINISTRATOR)
        self.journal = VaultJournal(self.store)
        self.errands = VaultErrands(self.store)
        (folder / "schedules").mkdir()
        self.write()

    def write(self, more: str = "", boot_timeout: str = "2m") -> None:
        """The file, with more below `machines.ec2`."""
        cloud = self.cloud
        text = FILE.format(
            bucket=self.bucket,
            endpoint=cloud.endpoint_url,
            region=cloud.region,
            image=cloud.image.id,
            subnets=", ".join(cloud.network.subnets),
            group=cloud.network.security_group,
            more=more,
            boot_timeout=boot_timeout,
        )
        (self.folder / "schedules" / "shop.yaml").write_text(text)

    @property
    def environment(self) -> dict[str, str]:
        return {**self.cloud.environment, "RESTOREDRILL_MACHINES": str(self.folder / "machines")}

    def put_backup(self) -> Manifest:
        """One that is nothing but its manifest."""
        made = manifest()
        self.publish(made.id)
        return made

    def publish(self, backup: str) -> None:
        text = manifest(backup, NOW).model_dump_json(by_alias=True)
        self.store.put(f"backups/{backup}/manifest.json", [text.encode()])

    def put_bundle(self) -> None:
        """A bundle that says of itself that it is one."""
        body = b"not really a bundle"
        path = self.folder / "bundle.pyz"
        path.write_bytes(body)
        document = AgentBundle(
            name="restoredrill-test-linux_x86_64-py311.pyz",
            version=__version__,
            sha256=hashlib.sha256(body).hexdigest(),
            size_bytes=len(body),
            platform="linux_x86_64",
            python="3.11",
            postgres="17.10",
        )
        VaultBundles(self.store).publish(path, document)

    def machines_do(self, work: Callable[["Host", str, str], None]) -> None:
        """`work(host, instance, errand)` is what a machine does from its start on, in a thread."""

        def begin(instance: str) -> None:
            threading.Thread(target=self._begin, args=(work, instance), daemon=True).start()

        self.cloud.on_run(begin)

    def _begin(self, work: Callable[["Host", str, str], None], instance: str) -> None:
        work(self, instance, self.cloud.instance(instance).tags["restoredrill:errand"])

    def say(self, drill: str, number: int, kind: str, message: str = "") -> None:
        made = {"at": datetime.now(UTC), "phase": "restore", "kind": kind, "message": message}
        self.journal.emit(drill, number, Event.model_validate(made))


def facts(host: Host, instance: str, attempt: int = 1) -> MachineFacts:
    seen = host.cloud.instance(instance)
    known: dict[str, Any] = {
        "type": seen.type,
        "region": seen.region,
        "zone": seen.zone,
        "market": seen.market,
    }
    return MachineFacts(provider="ec2", id=instance, attempts=attempt, **known)


def passes(host: Host, instance: str, errand: str) -> None:
    """A drill that passes, as the agent tells it; then the machine powers off."""
    attempt = int(host.cloud.instance(instance).tags["restoredrill:attempt"])
    host.say(errand, (attempt - 1) * 100_000 + 1, "started")
    job: Job = host.journal.job(errand)
    made = Report(
        drill=errand,
        database="shop",
        verdict=Verdict.PASSED,
        machine=facts(host, instance, attempt),
        started_at=job.started_at,
        finished_at=datetime.now(UTC),
    )
    host.journal.save(made, {})
    host.cloud.terminated(instance)


def takes_a_backup(host: Host, instance: str, errand: str) -> None:
    """A backup that is nothing but its manifest."""
    host.errands.emit(errand, 1, Event(at=datetime.now(UTC), phase="backup", kind="started"))
    host.publish(errand)
    outcome = BackupOutcome(
        backup=errand,
        database="shop",
        taken=True,
        machine=facts(host, instance),
        finished_at=datetime.now(UTC),
    )
    host.errands.finish(outcome)
    host.cloud.terminated(instance)
