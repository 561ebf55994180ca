"""What stands in the way of a machine is found before it is started: each thing, both ways."""

from collections.abc import Callable
from typing import Any

import pytest

from restoredrill import __version__
from restoredrill.errors import PlanUnmet
from restoredrill.machines.ec2 import images, planning
from restoredrill.machines.ec2.ask import Ask, Looked, Outcome
from restoredrill.machines.ec2.images import Image
from tests.cloud.world import Cloud
from tests.machines.ec2.asked import reach
from tests.machines.ec2.wanted import ask, bundle, manifest, no_price_list, of
from tests.terraform.policies import policy

pytestmark = pytest.mark.usefixtures("account")


@pytest.fixture(autouse=True)
def _without_price_list(cloud: Cloud) -> None:
    no_price_list(cloud)


def look(cloud: Cloud, **more: Any) -> tuple[Looked, ...]:
    return planning.look(ask(cloud, **more), reach(cloud))


def problems(cloud: Cloud, **more: Any) -> tuple[str, ...]:
    return planning.problems(ask(cloud, **more), reach(cloud))


def only(cloud: Cloud, **more: Any) -> str:
    """The one problem there is."""
    found = problems(cloud, **more)
    assert len(found) == 1, found
    return found[0]


def test_a_good_account_has_no_problem_and_each_thing_was_looked_at(cloud: Cloud) -> None:
    looked = look(cloud, bucket=cloud.bucket(), kms_key_id=cloud.kms_key())
    assert [one for one in looked if one.outcome is Outcome.FAILED] == []
    seen = {one.name for one in looked if one.outcome is Outcome.OK}
    assert seen >= {
        *("image", "agent", "postgresql", "subnets", "security groups", "routes"),
        *("instance profile", "kms key", "prices", "budget", "rights"),
    }
    assert cloud.instances() == []


def test_all_that_is_wrong_is_said_at_once_in_lower_case_and_with_what_to_do(cloud: Cloud) -> None:
    wrong = ask(
        cloud,
        subnets=("subnet-00000000",),
        bundles=(),
        instance_profile="nobody",
        kms_key_id="11111111-0000-4000-8000-000000000000",
        launch_template="lt-00000000000000000",
    )
    with pytest.raises(PlanUnmet) as caught:
        planning.plan(wrong, reach(cloud))
    said = caught.value.problems
    for words in (
        "no subnet",
        "no agent bundle",
        "PostgreSQL 17",
        "no instance profile",
        "no KMS key",
        "no launch",
    ):
        assert any(words in line for line in said), (words, said)
    assert all(": " in line and not line[0].isupper() and not line.endswith(".") for line in said), said
    assert cloud.asked("ec2", "RunInstances") == []


# The image


def test_an_image_by_the_name_of_a_parameter(cloud: Cloud) -> None:
    wanted = ask(cloud, image="ssm:/mine/latest")
    assert any("image ssm:/mine/latest" in line for line in planning.problems(wanted, reach(cloud)))
    cloud.client("ssm").put_parameter(Name="/mine/latest", Value=cloud.image.id, Type="String")
    assert planning.plan(wanted, reach(cloud)).image == cloud.image.id


def test_an_image_that_is_not_there(cloud: Cloud) -> None:
    assert "image ami-0123456789abcdef0" in only(cloud, image="ami-0123456789abcdef0")


def test_an_image_of_another_architecture(cloud: Cloud) -> None:
    other = cloud.make_image(cloud.region, "arm64", "debian-12-arm64")
    assert any("is for arm64, not x86_64" in line for line in problems(cloud, image=other.id))
    arm = bundle(platform="linux_aarch64")
    assert problems(cloud, image=other.id, architecture="arm64", bundles=(arm,)) == ()


def test_an_image_that_may_not_be_looked_at_is_a_problem(cloud: Cloud) -> None:
    cloud.fault("ec2", "DescribeImages", "UnauthorizedOperation", 403, times=None)
    assert "image" in only(cloud)


# The agent and PostgreSQL


@pytest.mark.parametrize("more", [{"platform": "linux_aarch64"}, {"python": "3.13"}])
def test_a_bundle_for_another_machine(cloud: Cloud, more: dict[str, str]) -> None:
    found = problems(cloud, bundles=(bundle(**more),))
    assert any("no agent bundle in the vault for linux_x86_64 and Python 3.11" in line for line in found)
    assert problems(cloud, bundles=(bundle(**more), bundle())) == ()


def test_an_image_that_says_nothing_of_its_python_takes_any_bundle_and_a_note(cloud: Cloud) -> None:
    odd = cloud.make_image(cloud.region, name="ours-2026-11")
    looked = look(cloud, image=odd.id, bundles=(bundle(python="3.13"),))
    assert [one for one in looked if one.outcome is Outcome.FAILED] == []
    assert [one.outcome for one in of(looked, "python")] == [Outcome.NOTE]
    _tag(cloud, odd.id, "restoredrill:python", "3.11")
    assert any(
        "no agent bundle" in line for line in problems(cloud, image=odd.id, bundles=(bundle(python="3.13"),))
    )
    assert of(look(cloud, image=odd.id), "python") == []


def test_amazon_linux_installs_a_python_as_it_boots(cloud: Cloud) -> None:
    amazon = cloud.make_image(cloud.region, name="al2023-ami-2023.9.20251117.1-kernel-6.1-x86_64")
    (told,) = of(look(cloud, image=amazon.id), "python")
    assert (told.outcome, "installed as the machine boots" in told.detail) == (Outcome.NOTE, True)


def test_a_postgresql_that_is_too_old(cloud: Cloud) -> None:
    assert "lacks PostgreSQL 18 or newer" in only(cloud, manifest=manifest(major=18))
    assert problems(cloud, manifest=manifest(major=16)) == ()


def test_an_extension_that_nobody_brings(cloud: Cloud) -> None:
    wanted = manifest(10**9, (1,), "postgis", "pg_trgm", "plpgsql")
    assert "lacks the extension postgis" in only(cloud, manifest=wanted)
    assert problems(cloud, manifest=manifest(10**9, (1,), "pg_trgm", "plpgsql")) == ()


def test_an_image_that_was_made_for_drills_brings_its_own(cloud: Cloud) -> None:
    bare = bundle(postgres=None, extensions=())
    assert "brings PostgreSQL 17" in only(cloud, bundles=(bare,))
    _tag(cloud, cloud.image.id, "restoredrill:postgres", "16,17.4")
    _tag(cloud, cloud.image.id, "restoredrill:extensions", "postgis vector")
    wanted = manifest(10**9, (1,), "postgis", "vector")
    made = planning.plan(ask(cloud, bundles=(bare,), manifest=wanted), reach(cloud))
    assert made.postgres_from == f"image {cloud.image.id}: 17.4"


def _tag(cloud: Cloud, thing: str, key: str, value: str) -> None:
    cloud.client("ec2").create_tags(Resources=[thing], Tags=[{"Key": key, "Value": value}])


def test_what_the_machine_would_not_take_is_not_counted_on() -> None:
    """It takes the first for its Python; the vault keeps those of years, and boot data hold few."""
    image = Image("ami-1", "debian-12-amd64", "x86_64", "/dev/xvda", 8)
    old = bundle(name="old", version="0.1.0", extensions=("vector",))
    kept = images.fitting_bundles((bundle(), *[old] * 200), image)
    assert [one.name for one in kept] == [bundle().name]
    assert not any("vector" in server.extensions for server in images.servers((bundle(), old), image))


def test_an_agent_of_another_version_is_worth_a_word(cloud: Cloud) -> None:
    said = [one.line for one in look(cloud, bundles=(bundle(version="0.0.9"),)) if one.name == "agent"]
    assert any("is restoredrill 0.0.9, this is" in line for line in said)
    said = [one.line for one in look(cloud, bundles=(bundle(version=__version__),)) if one.name == "agent"]
    assert len(said) == 1


# The network


def test_a_subnet_that_is_missing_beside_one_that_is_there(cloud: Cloud) -> None:
    assert "no subnet subnet-0123" in only(cloud, subnets=(cloud.network.subnets[0], "subnet-0123"))


def test_subnets_of_two_networks(cloud: Cloud) -> None:
    other = cloud.make_network(cloud.region)
    found = problems(cloud, subnets=(cloud.network.subnets[0], other.subnets[0]))
    assert any("different networks" in line for line in found)


def test_subnets_that_may_not_be_looked_at_are_a_problem(cloud: Cloud) -> None:
    cloud.fault("ec2", "DescribeSubnets", "UnauthorizedOperation", 403, times=None)
    assert "subnets can't be looked at" in only(cloud)


def test_a_group_of_another_network_or_of_none(cloud: Cloud) -> None:
    other = cloud.make_network(cloud.region)
    found = problems(cloud, security_groups=(other.security_group, "sg-0123"))
    assert any("belongs to" in line for line in found)
    assert any("no security group sg-0123" in line for line in found)


def test_a_group_that_lets_others_in_is_a_note(cloud: Cloud) -> None:
    def told() -> list[Looked]:
        return [one for one in of(look(cloud), "security groups") if one.outcome is Outcome.NOTE]

    assert told() == []
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    cloud.client("ec2").authorize_security_group_ingress(
        GroupId=cloud.network.security_group, IpPermissions=[rule]
    )
    (one,) = told()
    assert "lets others in" in one.detail
    assert problems(cloud) == ()


@pytest.mark.parametrize(
    ("protocol", "ports", "fine"),
    [
        ("tcp", (443, 443), True),
        ("tcp", (0, 65535), True),
        ("tcp", (5432, 5432), False),
        ("udp", (443, 443), False),
    ],
)
def test_a_group_has_to_let_https_out(
    cloud: Cloud, protocol: str, ports: tuple[int, int], fine: bool
) -> None:
    ec2, group = cloud.client("ec2"), cloud.network.security_group
    everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[everything])
    assert "lets HTTPS out" in only(cloud)
    rule = {
        "IpProtocol": protocol,
        "FromPort": ports[0],
        "ToPort": ports[1],
        "IpRanges": [{"CidrIp": "10.0.0.0/8"}],
    }
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[rule])
    assert (problems(cloud) == ()) is fine


# Routes


def _no_endpoint(cloud: Cloud) -> None:
    cloud.client("ec2").delete_vpc_endpoints(VpcEndpointIds=[cloud.network.s3_endpoint])


def _interface_endpoint(cloud: Cloud, service: str = "s3", private_dns: bool = True) -> None:
    cloud.client("ec2").create_vpc_endpoint(
        VpcId=cloud.network.vpc,
        ServiceName=f"com.amazonaws.{cloud.region}.{service}",
        VpcEndpointType="Interface",
        SubnetIds=list(cloud.network.subnets),
        PrivateDnsEnabled=private_dns,
    )


def _internet(cloud: Cloud) -> None:
    ec2 = cloud.client("ec2")
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=cloud.network.vpc)
    ec2.create_route(
        RouteTableId=cloud.network.route_table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway
    )


def _nat(cloud: Cloud) -> None:
    ec2 = cloud.client("ec2")
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    made = ec2.create_nat_gateway(SubnetId=cloud.network.subnets[0], AllocationId=address)
    ec2.create_route(
        RouteTableId=cloud.network.route_table,
        DestinationCidrBlock="0.0.0.0/0",
        NatGatewayId=made["NatGateway"]["NatGatewayId"],
    )


def test_a_subnet_without_a_way_to_the_bucket(cloud: Cloud) -> None:
    _no_endpoint(cloud)
    found = problems(cloud)
    assert len(found) == 2, found
    assert all("has no route to the bucket" in line for line in found)


@pytest.mark.parametrize("way", [_interface_endpoint, _nat])
def test_other_ways_to_the_bucket(cloud: Cloud, way: Callable[[Cloud], None]) -> None:
    _no_endpoint(cloud)
    way(cloud)
    assert problems(cloud) == ()


def test_an_internet_gateway_is_a_way_only_for_who_has_an_address(cloud: Cloud) -> None:
    _no_endpoint(cloud)
    _internet(cloud)
    assert all("gets no public address" in line for line in problems(cloud))
    assert problems(cloud, public_address=True) == ()


def test_an_interface_endpoint_that_the_usual_name_does_not_lead_to(cloud: Cloud) -> None:
    _no_endpoint(cloud)
    _interface_endpoint(cloud, private_dns=False)
    assert len(problems(cloud)) == 2


def test_a_bucket_in_another_region_is_behind_no_endpoint(cloud: Cloud) -> None:
    s3 = cloud.client("s3", "eu-central-1")
    where = {"LocationConstraint": "eu-central-1"}
    s3.create_bucket(Bucket="far-away", CreateBucketConfiguration=where)
    assert all("is in eu-central-1" in line for line in problems(cloud, bucket="far-away"))
    assert len(problems(cloud, bucket="far-away")) == 2
    _nat(cloud)
    assert problems(cloud, bucket="far-away") == ()


def test_the_secret_has_to_be_reached_too(cloud: Cloud) -> None:
    found = problems(cloud, services=("secretsmanager",))
    assert len(found) == 2, found
    assert all("no way to secretsmanager" in line for line in found)
    _interface_endpoint(cloud, "secretsmanager")
    assert problems(cloud, services=("secretsmanager",)) == ()


# Role, key, template, quota


def test_a_profile_without_a_role(cloud: Cloud) -> None:
    cloud.client("iam").create_instance_profile(InstanceProfileName="empty")
    assert any("has no role" in line for line in problems(cloud, instance_profile="empty"))


def test_a_profile_by_its_arn(cloud: Cloud) -> None:
    arn = cloud.client("iam").get_instance_profile(InstanceProfileName="drill-machine")["InstanceProfile"][
        "Arn"
    ]
    assert problems(cloud, instance_profile=arn) == ()


def test_a_key_that_is_disabled_or_on_its_way_out(cloud: Cloud) -> None:
    key, kms = cloud.kms_key(), cloud.client("kms")
    assert problems(cloud, kms_key_id=key) == ()
    name = key.rpartition("/")[2]
    kms.disable_key(KeyId=name)
    assert "is disabled" in only(cloud, kms_key_id=key)
    kms.enable_key(KeyId=name)
    kms.schedule_key_deletion(KeyId=name, PendingWindowInDays=7)
    assert "is pending deletion" in only(cloud, kms_key_id=key)


def test_a_key_that_is_made_for_something_else(cloud: Cloud) -> None:
    signing = cloud.client("kms").create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    assert "not for encrypting volumes" in only(cloud, kms_key_id=signing)


def test_a_launch_template_by_name_and_by_id(cloud: Cloud) -> None:
    made = cloud.client("ec2").create_launch_template(
        LaunchTemplateName="ours", LaunchTemplateData={"Monitoring": {"Enabled": False}}
    )["LaunchTemplate"]["LaunchTemplateId"]
    assert problems(cloud, launch_template="ours") == ()
    assert problems(cloud, launch_template=made) == ()
    assert any("no launch template theirs" in line for line in problems(cloud, launch_template="theirs"))


@pytest.mark.parametrize(
    ("service", "action", "name"),
    [
        ("iam", "GetInstanceProfile", "instance profile"),
        ("kms", "DescribeKey", "kms key"),
        ("servicequotas", "GetServiceQuota", "quota"),
        ("ec2", "DescribeInstanceTypes", "instance types"),
        ("ec2", "DescribeInstanceTypeOfferings", "offerings"),
        ("ec2", "DescribeRouteTables", "routes"),
        ("ec2", "DescribeSecurityGroups", "security groups"),
    ],
)
def test_what_may_not_be_looked_at_is_a_note_and_no_problem(
    cloud: Cloud, service: str, action: str, name: str
) -> None:
    code = "UnauthorizedOperation" if service == "ec2" else "AccessDeniedException"
    cloud.fault(service, action, code, 403, times=None)
    wanted = ask(cloud, kms_key_id=cloud.kms_key())
    looked = planning.look(wanted, reach(cloud))
    assert [one for one in looked if one.outcome is Outcome.FAILED] == []
    assert [one for one in of(looked, name) if one.outcome is Outcome.UNKNOWN]
    assert any("not looked at" in line for line in planning.plan(wanted, reach(cloud)).notes)


# May it be started


def test_who_may_not_start_a_machine_hears_it_before(cloud: Cloud) -> None:
    cloud.fault("ec2", "RunInstances", "UnauthorizedOperation", 403, times=None)
    found = problems(cloud)
    assert found
    assert all("may not be started" in line for line in found)


def test_no_answer_to_the_question_is_no_refusal(cloud: Cloud) -> None:
    cloud.fault("ec2", "RunInstances", "RequestLimitExceeded", 503, times=10)
    looked = look(cloud, market="on-demand")
    assert [one.outcome for one in of(looked, "rights")] == [Outcome.UNKNOWN]


def test_a_shortage_at_the_time_of_asking_is_a_note(cloud: Cloud) -> None:
    cloud.fault("ec2", "RunInstances", "VcpuLimitExceeded", 400, times=None)
    looked = look(cloud)
    assert {one.outcome for one in of(looked, "capacity")} == {Outcome.NOTE}
    assert [one for one in looked if one.outcome is Outcome.FAILED] == []


@pytest.mark.parametrize("kind", ["drill", "backup"])
def test_it_is_asked_for_as_it_will_be_launched(cloud: Cloud, kind: Any) -> None:
    planning.plan(ask(cloud, kind=kind, tags={"team": "données"}), reach(cloud))
    asked = cloud.asked("ec2", "RunInstances")
    assert [one.params["DryRun"] for one in asked] == [True, True]
    assert "InstanceMarketOptions" in asked[0].params
    assert "InstanceMarketOptions" not in asked[1].params
    for one in asked:
        assert not one.params["ClientToken"].startswith("2026"), "not that of any errand"
        for spec in one.params["TagSpecifications"]:
            tags = {tag["Key"]: tag["Value"] for tag in spec["Tags"]}
            assert tags["restoredrill:kind"] == kind
            assert tags["team"] == "données"
            assert {"restoredrill:errand", "restoredrill:expires-at"} <= set(tags)
    kinds = {spec["ResourceType"] for spec in asked[0].params["TagSpecifications"]}
    assert "spot-instances-request" in kinds
    assert cloud.instances() == []


def test_an_account_that_nobody_has_credentials_for_is_a_problem_and_no_crash(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody-has-this")
    where = reach(cloud)
    lost: Ask = ask(cloud)
    with pytest.raises(PlanUnmet) as caught:
        planning.plan(
            lost, type(where)(cloud.region, profile="nobody-has-this", endpoint_url=where.endpoint_url)
        )
    assert any("image" in line for line in caught.value.problems)


@pytest.mark.parametrize("kind", ["drill", "backup"])
def test_the_controllers_own_policy_lets_it_look_at_everything(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, kind: Any
) -> None:
    iam = f"arn:aws:iam::{cloud.account}"
    here = f"arn:aws:ec2:{cloud.region}:{cloud.account}"
    own = policy(
        "controller",
        region=cloud.region,
        account=cloud.account,
        machine_roles=f"{iam}:role/drill-machine",
        machine_profiles=f"{iam}:instance-profile/drill-machine",
        places=[
            *(f"{here}:subnet/{subnet}" for subnet in cloud.network.subnets),
            f"{here}:security-group/{cloud.network.security_group}",
        ],
    )
    wanted = ask(cloud, kind=kind)
    for name, value in cloud.user("controller", {"own": own}).items():
        monkeypatch.setenv(name, value)
    looked = planning.look(wanted, reach(cloud))
    assert [one for one in looked if one.outcome is Outcome.FAILED] == []
    assert [one.outcome for one in of(looked, "rights")] == [Outcome.OK, Outcome.OK]
    denied = [
        one.detail for one in looked if one.outcome is Outcome.UNKNOWN and "not authorized" in one.detail
    ]
    assert denied == []
    for name, value in cloud.user("another", {}).items():
        monkeypatch.setenv(name, value)
    assert problems(cloud, kind=kind) != ()
