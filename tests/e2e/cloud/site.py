"""A site: a host with a file, an account of the emulated cloud with the roles of terraform/, real machines.

Whoever acts here has the rights that terraform/modules/roles gives them, and no more: the host decides with
the controller's keys and takes backups with the writer's, a machine has the role of its instance profile.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from restoredrill.model import Job, Report, VaultSpec
from restoredrill.vault.bundles import VaultBundles
from restoredrill.vault.journal import VaultJournal
from restoredrill.vault.opening import open_store
from restoredrill.vault.store import VaultStore
from tests.cloud.bed import Bed
from tests.cloud.machine import Machine
from tests.cloud.model import Instance
from tests.cloud.principal import ADMINISTRATOR
from tests.e2e.host import Command, Ended, Host, eventually
from tests.machines.ec2.wanted import no_price_list
from tests.plugins.bundle import Built
from tests.terraform.policies import policy

NAME = "shop"
KEY = f"restoredrill/{NAME}/age"
DRILLER = f"restoredrill-drill-{NAME}"
WRITER = f"restoredrill-backup-{NAME}"
SOURCE = f"restoredrill/{NAME}/source"
LIMIT_S = 240.0


@dataclass(frozen=True)
class Sealed:
    """A sealed backup by key, what opens it, and all that may be told nowhere."""

    id: str
    objects: Mapping[str, bytes]
    recipient: str
    identity: str
    source_url: str
    planted: tuple[str, ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        return self.identity, *self.planted


class Site:
    """See above. `host` runs commands, `bed` has the machines; `finish` is what every test ends with."""

    def __init__(self, bed: Bed, host: Host, built: Built, sealed: Sealed) -> None:
        self.bed, self.host, self.built, self.sealed = bed, host, built, sealed
        self.cloud = bed.cloud
        self._network()
        self.bucket = self.cloud.bucket()
        spec = VaultSpec(
            url=f"s3://{self.bucket}/{NAME}", endpoint_url=self.cloud.endpoint_url, region=self.cloud.region
        )
        self.store: VaultStore = open_store(spec, *ADMINISTRATOR)
        self.journal = VaultJournal(self.store)
        host.secrets |= set(sealed.secrets)
        self._grant()
        VaultBundles(self.store).publish(built.path, built.bundle)
        for key in sorted(sealed.objects, key=lambda key: key.endswith("manifest.json")):
            self.store.put_once(key, sealed.objects[key])
        self.protect()

    # Rights -------------------------------------------------------------------------------------------------

    def _network(self) -> None:
        """Isolated, but for S3 and for the secrets that machines read."""
        no_price_list(self.cloud)
        network = self.cloud.network
        self.cloud.client("ec2").create_vpc_endpoint(
            VpcId=network.vpc,
            ServiceName=f"com.amazonaws.{self.cloud.region}.secretsmanager",
            VpcEndpointType="Interface",
            SubnetIds=list(network.subnets),
            PrivateDnsEnabled=True,
        )

    def _grant(self) -> None:
        cloud, values = self.cloud, self._values()
        s3 = cloud.client("s3")
        s3.put_bucket_policy(Bucket=self.bucket, Policy=json.dumps(policy("bucket", "vault", **values)))
        versions = {"Status": "Enabled"}
        s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration=versions)
        key = cloud.secret(KEY, self.sealed.identity)
        source = cloud.secret(SOURCE, self.sealed.source_url)
        cloud.role(DRILLER, {"drill-machine": policy("drill-machine", **values, secret_arn=key)})
        writer = {"backup-writer": policy("backup-writer", **values)}
        cloud.role(WRITER, {**writer, "machine": policy("backup-machine", **values, secret_arn=source)})
        self.writer = cloud.user("writer", writer)
        self.controller = cloud.user("controller", {"controller": policy("controller", **values)})
        self.reaper = cloud.user("reaper", {"reaper": policy("reaper", **values)})

    def _values(self) -> dict[str, Any]:
        cloud, account = self.cloud, self.cloud.account
        ec2 = f"arn:aws:ec2:{cloud.region}:{account}"
        places = [f"{ec2}:subnet/{subnet}" for subnet in cloud.network.subnets]
        return {
            "partition": "aws",
            "region": cloud.region,
            "account": account,
            "bucket_arn": f"arn:aws:s3:::{self.bucket}",
            "prefix": f"{NAME}/",
            "key_arn": cloud.kms_key(),
            "machine_roles": f"arn:aws:iam::{account}:role/restoredrill-*",
            "machine_profiles": f"arn:aws:iam::{account}:instance-profile/restoredrill-*",
            "places": [*places, f"{ec2}:security-group/{cloud.network.security_group}"],
            "image_owners": [account],
            "instance_types": ["*"],
        }

    # The file -----------------------------------------------------------------------------------------------

    def protect(self, *, drill: Any = None, backup: Any = None, **ec2: Any) -> None:
        """Write the file; what is given is laid over its usual sections."""
        network = self.cloud.network
        where = {"subnets": list(network.subnets), "security_groups": [network.security_group]}
        machines = {
            **where,
            "region": self.cloud.region,
            "image": self.cloud.image.id,
            "instance_profile": DRILLER,
            "decrypt_with": f"secretsmanager:{KEY}",
            "boot_timeout": "90s",
            "silence": "60s",
            "backup": {
                **where,
                "instance_profile": WRITER,
                "source_url": f"secretsmanager:{SOURCE}",
            },
            **ec2,
        }
        document = {
            "source": {"url": "${SHOP_DATABASE_URL}"},
            "vault": {"url": f"s3://{self.bucket}/{NAME}"},
            "backup": {"encrypt_to": [self.sealed.recipient], **(backup or {})},
            "drill": {"machine": "ec2", "deadline": "5m", "decrypt_with": f"secretsmanager:{KEY}"}
            | {"checks": [{"name": "orders", "rows": {"table": "shop.orders", "min": 1000}}]}
            | (drill or {}),
            "machines": {"ec2": machines},
        }
        self.host.schedules.mkdir(exist_ok=True)
        text = json.dumps(document, indent=2)  # JSON's values are YAML's, too
        (self.host.schedules / f"{NAME}.yaml").write_text(text, encoding="utf-8")

    # Commands -----------------------------------------------------------------------------------------------

    def be(self, keys: dict[str, str]) -> None:
        """Whoever has these keys runs the commands from now on."""
        self.host.environment |= keys

    def start(self, *words: str) -> Command:
        """`restoredrill drill shop`, as the controller, with `words` behind it."""
        self.be(self.controller)
        return self.host.start("drill", NAME, "--json", *words)

    def drill(self, *words: str) -> Ended:
        """The same, to its end."""
        return self.start(*words).end(LIMIT_S)

    # Looking ------------------------------------------------------------------------------------------------

    def instance(self, number: int = 1) -> Instance:
        """The so-maniest instance that was asked for, once it is there."""
        return eventually(lambda: self.cloud.instances()[number - 1 : number], f"instance {number}", LIMIT_S)[
            0
        ]

    def machine(self, number: int = 1) -> Machine:
        """Its machine, once it is on."""
        return self.bed.machine(self.instance(number).id)

    def job(self) -> Job:
        """The only job of the vault, once it is there."""
        (drill,) = eventually(self.drills, "a job", LIMIT_S)
        return self.journal.job(drill)

    def drills(self) -> list[str]:
        return sorted(
            {entry.key.split("/")[1] for entry in self.store.list("drills/") if "job.json" in entry.key}
        )

    def files(self, drill: str) -> set[str]:
        """What lies beside a drill's report."""
        return {entry.key.rpartition("/")[2] for entry in self.store.list(f"drills/{drill}/")}

    def versions(self) -> list[str]:
        """Every version of every object of the vault: whether anything was written."""
        listed = self.cloud.client("s3").list_object_versions(Bucket=self.bucket)
        found = [*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())]
        return sorted(f"{one['Key']} {one['VersionId']}" for one in found)

    def said(self, drill: str, attempt: int = 1) -> list[str]:
        """What the agent of an attempt has said so far, one `phase kind` each."""
        first = (attempt - 1) * 100_000
        found = self.journal.events(drill, first)
        return [f"{event.phase} {event.kind}" for number, event in found if number <= first + 100_000]

    def await_word(self, word: str, attempt: int = 1) -> str:
        """Wait until the agent has said `phase kind`; the drill's id."""
        drill = self.job().drill
        eventually(lambda: word in self.said(drill, attempt), f"the agent says {word!r}", LIMIT_S)
        return drill

    # The proof that every test ends with --------------------------------------------------------------------

    def finish(self, report: Report | None = None) -> None:
        """Nothing is left: not in the report, not in the account, not in the bed; and no secret was told."""
        if report is not None:
            assert report.machine.leftovers == (), report.machine.leftovers
            assert report.machine.swept_at is not None
        eventually(lambda: self.left() == [], f"nothing is left: {self.left()}", 60)
        assert self.told() == []

    def told(self, *more: str) -> list[str]:
        """Where a secret (or one of `more`) can be read that has no place there: objects that are no backup,
        boot data, consoles. What commands said is looked at by `host`.
        """
        secrets = [secret.encode() for secret in (*self.sealed.secrets, *more)]
        places = {f"console of {one.id}": one.log.encode() for one in self.bed.machines()}
        places |= {f"user data of {one.id}": one.user_data or b"" for one in self.cloud.instances()}
        for entry in self.store.list(""):
            if not entry.key.startswith(("backups/", "agents/")):
                places[entry.key] = b"".join(self.store.fetch(entry.key))
        return [where for where, body in places.items() for one in secrets if one in body]

    def left(self) -> list[str]:
        """Whatever of it lives or takes room."""
        ec2 = self.cloud.client("ec2")
        tagged = [{"Name": "tag-key", "Values": ["restoredrill:errand"]}]
        volumes = [one["VolumeId"] for one in ec2.describe_volumes(Filters=tagged)["Volumes"]]
        interfaces = ec2.describe_network_interfaces(Filters=tagged)["NetworkInterfaces"]
        ours = {one.id: one.alive for one in self.cloud.instances() if "restoredrill:errand" in one.tags}
        return [
            *(name for name, alive in ours.items() if alive),
            *volumes,
            *(one["NetworkInterfaceId"] for one in interfaces),
            *(f"machine {one.id}" for one in self.bed.alive() if one.id in ours),
        ]


def report_of(ended: Ended, code: int, verdict: str) -> Report:
    """The report that a command printed, which must have ended so."""
    assert ended.code == code, str(ended)
    assert ended.report.verdict.value == verdict, str(ended)
    return ended.report
