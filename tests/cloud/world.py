"""The cloud as tests use it: an account with a network and an image, and all that can go wrong."""

import json
import socket
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from botocore.config import Config

from tests.cloud import compute, launch
from tests.cloud.compute import Compute
from tests.cloud.faults import Fault, Refusal
from tests.cloud.gate import Asked, Gate
from tests.cloud.imds import Imds
from tests.cloud.judge import Judge
from tests.cloud.lifecycle import SELF, SPOT, Pace
from tests.cloud.model import Image, Instance, Keys, Network
from tests.cloud.principal import ADMINISTRATOR
from tests.cloud.roles import Roles
from tests.cloud.seen import seen
from tests.cloud.server import Server

REGION = "us-east-1"
ELSEWHERE = "eu-central-1"


@dataclass
class Cloud:
    """One account on one server; `reset` makes it new."""

    server: Server
    region: str = REGION
    gate: Gate = field(init=False)
    judge: Judge = field(init=False)
    compute: Compute = field(init=False)
    network: Network = field(init=False)
    image: Image = field(init=False)
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reset()

    # The account ------------------------------------------------------------------------------------------

    @property
    def endpoint_url(self) -> str:
        return self.server.url

    @property
    def account(self) -> str:
        return launch.ACCOUNT

    @property
    def zones(self) -> tuple[str, ...]:
        return self.network.zones

    @property
    def environment(self) -> dict[str, str]:
        """What a child process needs to be the administrator here."""
        return self.environment_of(Keys(*ADMINISTRATOR))

    def environment_of(self, keys: Keys) -> dict[str, str]:
        """What a child process needs to be whoever has `keys`."""
        environment = {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys.secret_key,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }
        return environment | ({"AWS_SESSION_TOKEN": keys.token} if keys.token else {})

    def client(self, service: str, region: str | None = None, keys: Keys | None = None) -> Any:
        """A boto3 client without retries, of the administrator or of whoever has `keys`."""
        place = (service, region or self.region)
        if keys is None and place in self._clients:
            return self._clients[place]
        who = keys or Keys(*ADMINISTRATOR)
        made = boto3.session.Session().client(
            service,  # type: ignore[call-overload]
            region_name=region or self.region,
            endpoint_url=self.endpoint_url,
            aws_access_key_id=who.access_key,
            aws_secret_access_key=who.secret_key,
            aws_session_token=who.token,
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )
        if keys is None:
            self._clients[place] = made
        return made

    def reset(self) -> None:
        """A new account: nothing of what was is there any more."""
        self.server.reset()
        self.judge = Judge(self.account, ADMINISTRATOR[0])
        self.gate = Gate(self.server.behind, self.judge)
        self.gate.handlers |= self.judge.handlers(self.gate.moto)
        self.gate.handlers["sts", "AssumeRole"] = Roles(self.judge).assume
        self.compute = Compute(self.gate, lambda call, need: self.judge.may(call, self.judge.who(call), need))
        self.gate.handlers |= self.compute.handlers()
        self.server.application = self.gate
        self.network = self.make_network(self.region)
        self.judge.around |= {"aws:SourceVpc": self.network.vpc, "aws:SourceVpce": self.network.s3_endpoint}
        self.image = self.make_image(self.region)
        self.public_parameter("/aws/service/debian/release/12/latest/amd64", self.image.id)
        self.gate.requests.clear()

    def make_network(self, region: str) -> Network:
        """A VPC with two isolated subnets and a gateway endpoint to S3."""
        ec2 = self.client("ec2", region)
        vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        zones = (f"{region}a", f"{region}b")
        subnets = tuple(
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{n}.0/24", AvailabilityZone=zone)["Subnet"][
                "SubnetId"
            ]
            for n, zone in enumerate(zones)
        )
        table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        for subnet in subnets:
            ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
        group = ec2.create_security_group(GroupName="drill", Description="no way in", VpcId=vpc)["GroupId"]
        endpoint = ec2.create_vpc_endpoint(
            VpcId=vpc,
            ServiceName=f"com.amazonaws.{region}.s3",
            VpcEndpointType="Gateway",
            RouteTableIds=[table],
        )["VpcEndpoint"]["VpcEndpointId"]
        return Network(vpc, subnets, zones, group, table, endpoint)

    def make_image(self, region: str, architecture: str = "x86_64", name: str = "debian-12-amd64") -> Image:
        """An image in `region`, as Debian publishes them."""
        ec2 = self.client("ec2", region)
        answer = ec2.register_image(Name=name, Architecture=architecture, RootDeviceName="/dev/xvda")
        made = compute.backend(region).amis[answer["ImageId"]]
        made.name, made.architecture, made.root_device_name, made.root_device_type = (
            name,
            architecture,
            "/dev/xvda",
            "ebs",
        )
        made.virtualization_type = "hvm"
        return Image(made.id, name, "/dev/xvda", architecture)

    # Who there is -----------------------------------------------------------------------------------------

    def role(self, name: str, policies: Mapping[str, Any], service: str | None = "ec2.amazonaws.com") -> str:
        """A role that `service` may take, with an instance profile of the same name; returns its ARN.

        `service` None: the account itself.
        """
        whom = {"Service": service} if service else {"AWS": self.account}
        trust = {"Effect": "Allow", "Principal": whom, "Action": "sts:AssumeRole"}
        iam = self.client("iam")
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        for title, policy in policies.items():
            iam.put_role_policy(RoleName=name, PolicyName=title, PolicyDocument=_text(policy))
        iam.create_instance_profile(InstanceProfileName=name)
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
        return arn

    def user(self, name: str, policies: Mapping[str, Any]) -> dict[str, str]:
        """A user with a key; returns the environment of a process that is this user."""
        return self.environment_of(self.keys_of(name, policies))

    def keys_of(self, name: str, policies: Mapping[str, Any]) -> Keys:
        """A user with a key; returns the key."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        for title, policy in policies.items():
            iam.put_user_policy(UserName=name, PolicyName=title, PolicyDocument=_text(policy))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return Keys(key["AccessKeyId"], key["SecretAccessKey"])

    def session_of(
        self, profile: str, session: str = "i-00000000000000000", duration_s: int = 6 * 3600
    ) -> Keys:
        """The keys that a machine with this instance profile (name or ARN) gets.

        Straight from moto's STS: its AssumeRole fails on a trust policy that names a service.
        """
        from moto.iam.models import iam_backends
        from moto.sts.models import sts_backends

        name = profile.rsplit("/", 1)[-1]
        with self.gate.lock:
            (role,) = iam_backends[self.account]["aws"].get_instance_profile(name).roles
            made = sts_backends[self.account]["aws"].assume_role(
                self.region,
                role_session_name=session,
                role_arn=role.arn,
                policy="",
                duration=duration_s,
                external_id="",
            )
        expires_at = datetime.now(UTC) + timedelta(seconds=duration_s)
        return Keys(made.access_key_id, made.secret_access_key, made.session_token, expires_at, role.name)

    def imds(
        self, instance: str, listener: socket.socket | None = None, more: Mapping[str, str] | None = None
    ) -> Imds:
        """The metadata service of an instance, on the loopback or on a socket that listens already."""

        def keys() -> Keys | None:
            profile = self.instance(instance).profile
            return self.session_of(profile, instance) if profile else None

        return Imds(lambda: self.instance(instance), keys, lambda: self.notice(instance), listener, more)

    # What there is ----------------------------------------------------------------------------------------

    def bucket(self, name: str | None = None, policy: Any = None) -> str:
        """A bucket; returns its name."""
        name = name or f"vault-{uuid.uuid4().hex[:12]}"
        s3 = self.client("s3")
        where = (
            {}
            if self.region == "us-east-1"
            else {"CreateBucketConfiguration": {"LocationConstraint": self.region}}
        )
        s3.create_bucket(Bucket=name, **where)
        if policy is not None:
            s3.put_bucket_policy(Bucket=name, Policy=_text(policy))
        return name

    def secret(self, name: str, value: str) -> str:
        """A secret in Secrets Manager; returns its ARN."""
        arn: str = self.client("secretsmanager").create_secret(Name=name, SecretString=value)["ARN"]
        return arn

    def parameter(self, name: str, value: str) -> str:
        """A SecureString in Parameter Store; returns its ARN."""
        self.client("ssm").put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)
        return f"arn:aws:ssm:{self.region}:{self.account}:parameter/{name.lstrip('/')}"

    def kms_key(self, region: str | None = None) -> str:
        """A symmetric key; returns its ARN."""
        arn: str = self.client("kms", region).create_key()["KeyMetadata"]["Arn"]
        return arn

    def public_parameter(self, name: str, value: str) -> None:
        """A parameter of everybody's: the image that a publisher calls the latest."""
        self.compute.catalog.parameters[name] = value

    def quota(self, code: str, vcpus: int) -> None:
        """vCPUs that may run at once (`catalog.ON_DEMAND`, `catalog.SPOT`); RunInstances keeps to it."""
        self.compute.catalog.quotas[code] = vcpus

    # What goes wrong --------------------------------------------------------------------------------------

    def refuse(
        self,
        code: str = "InsufficientInstanceCapacity",
        type: str = "*",  # noqa: A002
        zone: str = "*",
        market: str = "*",
        times: int | None = None,
    ) -> Refusal:
        """RunInstances is told `code` where type, zone and market match (shell patterns)."""
        refusal = Refusal(code, type, zone, market, times)
        self.gate.trouble.refusals.append(refusal)
        return refusal

    def fault(
        self,
        service: str,
        action: str,
        code: str = "InternalError",
        status: int = 500,
        times: int | None = 1,
        after: bool = False,
        delay_s: float = 0.0,
        key: str = "*",
        region: str = "*",
    ) -> Fault:
        """The next `times` calls fail; see `faults.Fault`."""
        fault = Fault(service, action, code, status, times, after, delay_s, key, region)
        self.gate.trouble.faults.append(fault)
        return fault

    def heal(self) -> None:
        """Nothing fails on purpose any more."""
        self.gate.trouble.refusals.clear()
        self.gate.trouble.faults.clear()

    @property
    def requests(self) -> list[Asked]:
        """What was asked, in order. The list is a copy."""
        with self.gate.lock:
            return list(self.gate.requests)

    def asked(self, service: str, action: str) -> list[Asked]:
        """The calls of one action."""
        return [asked for asked in self.requests if (asked.service, asked.action) == (service, action)]

    # Instances --------------------------------------------------------------------------------------------

    def page_size(self, size: int | None) -> None:
        """No page of EC2's answers is longer, whatever was asked for."""
        self.compute.pages.size = size

    @property
    def pace(self) -> Pace:
        return self.compute.lifecycle.pace

    def on_run(self, hook: Callable[[str], None]) -> None:
        """`hook(id)` is called after RunInstances, before its answer; it must not wait for the machine."""
        self.compute.on_run.append(hook)

    def on_terminate(self, hook: Callable[[str], None]) -> None:
        """`hook(id)` is called when an instance is told to end. From then on an instance stays
        `shutting-down` until `terminated` says that its machine is off.
        """
        self.compute.on_terminate.append(hook)

    def linger(self, *kinds: str, looks: int | None = None) -> None:
        """What the next ends leave behind: "volume", "network-interface"; nothing given: nothing.

        With `looks` it is gone after so many looks at its kind.
        """
        self.compute.lifecycle.linger = set(kinds)
        self.compute.lifecycle.linger_looks = looks

    def terminated(self, instance: str, reason: str = SELF) -> None:
        """Its machine is off. By itself: its shutdown behaviour says whether it stops or terminates."""
        with self.gate.lock:
            found = compute.find(instance)
            if found.state != "shutting-down" and reason == SELF:
                if found.instance_initiated_shutdown_behavior == "stop":
                    return self.compute.lifecycle.stopped(found)
                return self.compute.lifecycle.over(found, reason)
            return self.compute.lifecycle.over(found, None if found.state == "shutting-down" else reason)

    def interrupt(self, instance: str, notice_s: float = 120.0) -> None:
        """The spot notice: in the machine's metadata from now on. `reclaim` takes the machine away."""
        at = datetime.now(UTC) + timedelta(seconds=notice_s)
        with self.gate.lock:
            phase = self.compute.lifecycle.phases[instance]
            phase.notice = {"action": "terminate", "time": f"{at:%Y-%m-%dT%H:%M:%SZ}"}

    def reclaim(self, instance: str) -> None:
        """A spot instance is taken away: it ends as it does after its notice."""
        with self.gate.lock:
            found = compute.find(instance)
            self.compute.lifecycle.phases[instance].held = bool(self.compute.on_terminate)
            alive = found.state not in ("terminated", "shutting-down")
            self.compute.lifecycle.end(found, SPOT)
        for hook in self.compute.on_terminate if alive else ():
            hook(instance)

    def notice(self, instance: str) -> dict[str, str] | None:
        """The spot notice of an instance, or None."""
        return self.compute.lifecycle.phases[instance].notice

    def console(self, instance: str, text: str) -> None:
        """What GetConsoleOutput shows from now on."""
        with self.gate.lock:
            self.compute.lifecycle.phases[instance].console = text

    def forget(self, instance: str) -> None:
        """A terminated instance is no longer listed, as it is after an hour."""
        with self.gate.lock:
            for ec2 in self._regions():
                for name, reservation in list(ec2.reservations.items()):
                    if any(one.id == instance for one in reservation.instances):
                        del ec2.reservations[name]

    def instances(self, alive: bool = False) -> list[Instance]:
        """Every instance of every region, as it is; `alive`: those only that are not ended or ending."""
        with self.gate.lock:
            found = [seen(ec2, one) for ec2 in self._regions() for one in ec2.all_instances()]
        return [one for one in found if one.alive or not alive]

    def instance(self, identity: str) -> Instance:
        """One instance, as it is."""
        (found,) = [one for one in self.instances() if one.id == identity]
        return found

    def _regions(self) -> Iterator[Any]:
        from moto.ec2.models import ec2_backends

        return iter(list(ec2_backends[self.account].values()))


def _text(policy: Any) -> str:
    return policy if isinstance(policy, str) else json.dumps(policy)
