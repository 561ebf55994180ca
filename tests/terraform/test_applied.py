"""terraform/ applied to the emulated account: what is there, that it fits restoredrill, how it goes again."""

import fnmatch
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy
from ruamel.yaml import YAML

from restoredrill import config
from restoredrill.cli import COMMANDS, frame
from restoredrill.errors import CloudDenied
from restoredrill.machines.ec2 import on_lambda
from restoredrill.machines.ec2.machine import Ec2Machine
from restoredrill.vault import layout
from tests.cloud.model import Keys
from tests.cloud.server import Server
from tests.cloud.world import Cloud
from tests.machines.ec2.asked import DRILL, QUICK, job, plan, reach, rung
from tests.terraform import offline
from tests.terraform.offline import Working

pytestmark = pytest.mark.xdist_group("terraform")
PRODUCTION = "production"


@dataclass(frozen=True)
class Applied:
    """The account after an apply, and the variables it was applied with."""

    cloud: Cloud
    terraform: Working
    made: dict[str, list[str]]  # as `there` names it

    @property
    def handed(self) -> dict[str, Any]:
        value: dict[str, Any] = self.terraform.outputs()["restoredrill"]["value"]
        return value

    def session(self, role: str) -> Keys:
        """Keys of a role that was made."""
        iam = self.cloud.client("iam")
        profile = f"test-{role}"
        if not [
            one
            for one in iam.list_instance_profiles()["InstanceProfiles"]
            if one["InstanceProfileName"] == profile
        ]:
            iam.create_instance_profile(InstanceProfileName=profile)
            iam.add_role_to_instance_profile(InstanceProfileName=profile, RoleName=role)
        keys = self.cloud.session_of(profile)
        iam.remove_role_from_instance_profile(InstanceProfileName=profile, RoleName=role)
        iam.delete_instance_profile(InstanceProfileName=profile)
        return keys


@pytest.fixture(scope="module")
def applied(cloud_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Applied:
    """Everything switched on, in an account that has a network of its own already."""
    offline.program()
    cloud, folder = Cloud(cloud_server), tmp_path_factory.mktemp("terraform")
    with zipfile.ZipFile(folder / "reaper.zip", "w") as packed:
        packed.writestr("restoredrill/__init__.py", "")
    terraform = offline.working(folder / "terraform", cloud.endpoint_url, cloud.region, cloud.environment)
    before = there(cloud)
    terraform.apply(
        owner="dba@acme.example",
        databases={"shop": {}, "crm": {"backup_on_ec2": True, "huge_files": True, "proof_days": 7}},
        backup_network={
            "subnets": list(cloud.network.subnets),
            "security_groups": [cloud.network.security_group],
        },
        regions=["eu-west-1"],
        emails=["oncall@acme.example"],
        instance_types=["m7i.*"],
        reaper_zip=str(folder / "reaper.zip"),
        controller={
            "vpc_id": cloud.network.vpc,
            "subnet_id": cloud.network.subnets[0],
            "image": cloud.image.id,
            "schedules": {"shop.yaml": "vault: {}\n"},
        },
        force_destroy=True,
        secret_recovery_days=0,
    )
    made = {name: sorted(set(ids) - set(before[name])) for name, ids in there(cloud).items()}
    return Applied(cloud, terraform, made)


def there(cloud: Cloud) -> dict[str, list[str]]:
    """What an account holds of everything that terraform/ makes; a key on its way out counts as gone."""
    ec2, iam = cloud.client("ec2"), cloud.client("iam")
    kms = cloud.client("kms")
    keys = [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in kms.list_keys()["Keys"]]
    return {
        "alarms": _ids(cloud.client("cloudwatch").describe_alarms()["MetricAlarms"], "AlarmName"),
        "buckets": _ids(cloud.client("s3").list_buckets()["Buckets"], "Name"),
        "endpoints": [
            one["VpcEndpointId"]
            for one in ec2.describe_vpc_endpoints()["VpcEndpoints"]
            if one["State"].lower() != "deleted"
        ],
        "functions": _ids(cloud.client("lambda").list_functions()["Functions"], "FunctionName"),
        "groups": _ids(ec2.describe_security_groups()["SecurityGroups"], "GroupId"),
        "instances": [one.id for one in cloud.instances(alive=True)],
        "interfaces": _ids(ec2.describe_network_interfaces()["NetworkInterfaces"], "NetworkInterfaceId"),
        "keys": [
            one["KeyId"] for one in keys if one["KeyManager"] == "CUSTOMER" and one["KeyState"] == "Enabled"
        ],
        "logs": _ids(cloud.client("logs").describe_log_groups()["logGroups"], "logGroupName"),
        "networks": _ids(ec2.describe_vpcs()["Vpcs"], "VpcId"),
        "profiles": _ids(iam.list_instance_profiles()["InstanceProfiles"], "InstanceProfileName"),
        "roles": _ids(iam.list_roles()["Roles"], "RoleName"),
        "rules": _ids(cloud.client("events").list_rules()["Rules"], "Name"),
        "secrets": _ids(cloud.client("secretsmanager").list_secrets()["SecretList"], "Name"),
        "subnets": _ids(ec2.describe_subnets()["Subnets"], "SubnetId"),
        "templates": _ids(ec2.describe_launch_templates()["LaunchTemplates"], "LaunchTemplateId"),
        "topics": _ids(cloud.client("sns").list_topics()["Topics"], "TopicArn"),
    }


def _ids(found: list[dict[str, Any]], name: str) -> list[str]:
    return sorted(one[name] for one in found)


def become(keys: Keys, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is whoever has these keys."""
    for name, value in cloud.environment_of(keys).items():
        monkeypatch.setenv(name, value)


def test_a_second_plan_changes_nothing(applied: Applied) -> None:
    assert applied.terraform.planned() == ""


def test_the_vault_is_encrypted_locked_and_closed(applied: Applied) -> None:
    s3, bucket = applied.cloud.client("s3"), applied.handed["vault_url"].removeprefix("s3://")
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    rule = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"] == {
        "SSEAlgorithm": "aws:kms",
        "KMSMasterKeyID": applied.handed["kms_key_id"],
    }
    lock = s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
    retention = lock["Rule"]["DefaultRetention"]
    assert (retention["Mode"], retention["Days"]) == ("GOVERNANCE", 7)
    closed = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(closed.values()) == {True}
    sids = [one["Sid"] for one in json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]]
    assert sids == ["OnlyOverTls", "OnlyTodaysTls", "AManifestIsWrittenOnce"]
    current = [
        rule
        for rule in s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        if "Days" in rule.get("Expiration", {}) or "Transitions" in rule
    ]
    assert {rule["Filter"]["Prefix"] if "Filter" in rule else rule["Prefix"] for rule in current} == {
        "crm/scratch/",
        "shop/scratch/",
    }, "the bucket itself may only ever let go of scratch"


def test_the_network_has_no_way_out_but_the_endpoints(applied: Applied) -> None:
    ec2, subnets = applied.cloud.client("ec2"), applied.handed["subnets"]
    assert len({one["AvailabilityZone"] for one in ec2.describe_subnets(SubnetIds=subnets)["Subnets"]}) == 2
    where = [{"Name": "association.subnet-id", "Values": subnets}]
    (table,) = ec2.describe_route_tables(Filters=where)["RouteTables"]
    assert not [route for route in table["Routes"] if route.get("DestinationCidrBlock") == "0.0.0.0/0"]
    assert not [route for route in table["Routes"] if route.get("GatewayId", "").startswith(("igw-", "nat-"))]
    groups = ec2.describe_security_groups(GroupIds=applied.handed["security_groups"])["SecurityGroups"]
    for group in groups:
        assert group["IpPermissions"] == []
        out = group["IpPermissionsEgress"]
        assert {(one["IpProtocol"], one["FromPort"], one["ToPort"]) for one in out} == {("tcp", 443, 443)}
        assert not [one for one in out if one.get("IpRanges") or one.get("Ipv6Ranges")]
    services = {
        one["ServiceName"]: one["VpcEndpointType"]
        for one in ec2.describe_vpc_endpoints()["VpcEndpoints"]
        if one["VpcId"] != applied.cloud.network.vpc
    }
    region = applied.cloud.region
    assert services == {
        f"com.amazonaws.{region}.s3": "Gateway",
        f"com.amazonaws.{region}.secretsmanager": "Interface",
    }


def test_the_launch_template_says_what_holds_for_every_machine(applied: Applied) -> None:
    ec2, template = applied.cloud.client("ec2"), applied.handed["launch_template"]
    versions = ec2.describe_launch_template_versions(LaunchTemplateId=template, Versions=["$Latest"])
    data = versions["LaunchTemplateVersions"][0]["LaunchTemplateData"]
    assert data["MetadataOptions"] == {
        "HttpEndpoint": "enabled",
        "HttpTokens": "required",
        "HttpPutResponseHopLimit": 1,
    }
    assert data["InstanceInitiatedShutdownBehavior"] == "terminate"
    ebs = data["BlockDeviceMappings"][0]["Ebs"]
    assert (ebs["Encrypted"], ebs["VolumeType"], ebs["DeleteOnTermination"]) == (True, "gp3", True)
    assert data["NetworkInterfaces"][0]["AssociatePublicIpAddress"] is False
    assert "KeyName" not in data
    assert not [
        tag for one in data["TagSpecifications"] for tag in one["Tags"] if tag["Key"] == "restoredrill:errand"
    ]


def test_init_makes_valid_files_of_the_outputs(
    applied: Applied, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("outputs.json").write_text(json.dumps(applied.terraform.outputs()))
    argv = ["init", "--from-terraform", "outputs.json"]
    assert frame.run(COMMANDS, "restoredrill.cli", argv) == 0
    shop, crm = (config.load_one(Path("schedules"), name) for name in ("shop", "crm"))
    assert shop.vault.url == f"{applied.handed['vault_url']}/shop"
    assert shop.machines.ec2 is not None
    assert shop.machines.ec2.swept == (applied.cloud.region, "eu-west-1")
    assert shop.machines.ec2.launch_template == applied.handed["launch_template"]
    assert shop.machines.ec2.backup is None
    assert crm.backup is not None
    assert crm.backup.machine == "ec2"
    assert crm.machines.ec2 is not None
    assert crm.machines.ec2.backup is not None
    assert crm.machines.ec2.backup.source_url == "secretsmanager:restoredrill/crm/source"


def planned(applied: Applied, **more: Any) -> Any:
    """A machine where terraform/ said that it shall be."""
    handed, cloud = applied.handed, applied.cloud
    usual = {
        "instance_profile": handed["instance_profiles"]["shop"],
        "security_groups": tuple(handed["security_groups"]),
        "launch_template": handed["launch_template"],
        "kms_key_id": handed["kms_key_id"],
    }
    isolated = rung(cloud).model_copy(update={"subnet": handed["subnets"][0]})
    return plan(cloud, more.pop("rung", isolated), **{**usual, **more})


def test_the_controller_starts_and_ends_a_machine(applied: Applied, monkeypatch: pytest.MonkeyPatch) -> None:
    """The product's own call passes the controller's policy, all of its conditions included."""
    become(applied.cloud.session_of("restoredrill-controller"), applied.cloud, monkeypatch)
    machine = Ec2Machine(reach(applied.cloud), QUICK, fresh_s=0)
    identity = machine.launch(job(planned(applied)))
    assert machine.state(identity).running
    machine.terminate(identity)
    assert machine.leftovers(DRILL) == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"security_groups": ("sg-0production",)},
        {"instance_profile": PRODUCTION},
        {"public_address": True},
        {"rung": "subnet"},
        {"rung": "type"},
    ],
    ids=str,
)
def test_the_controller_starts_none_elsewhere(
    applied: Applied, wrong: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = applied.cloud
    if wrong.get("security_groups"):
        ec2 = cloud.client("ec2")
        found = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["default"]}])
        wrong = {"security_groups": (found["SecurityGroups"][0]["GroupId"],)}
    if wrong.get("instance_profile"):
        roles = [one["RoleName"] for one in cloud.client("iam").list_roles()["Roles"]]
        if PRODUCTION not in roles:
            cloud.role(PRODUCTION, {})
    isolated = rung(cloud).model_copy(update={"subnet": applied.handed["subnets"][0]})
    if wrong.get("rung") == "subnet":
        other = cloud.make_network(cloud.region).subnets[0]
        wrong = {"rung": isolated.model_copy(update={"subnet": other})}
    elif wrong.get("rung") == "type":
        wrong = {"rung": isolated.model_copy(update={"type": "p5.48xlarge"})}
    asked_for = planned(applied, **wrong)
    become(cloud.session_of("restoredrill-controller"), cloud, monkeypatch)
    before = len(cloud.instances())
    with pytest.raises(CloudDenied):
        Ec2Machine(reach(cloud), QUICK, fresh_s=0).launch(job(asked_for, "20261126T031500Z-0bad"))
    assert len(cloud.instances()) == before


def test_the_reaper_reaps_with_the_reapers_role(
    applied: Applied, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Handler, environment and role as terraform/ puts them together; what is printed fits the alarm."""
    cloud = applied.cloud
    become(cloud.session_of("restoredrill-controller"), cloud, monkeypatch)
    identity = Ec2Machine(reach(cloud), QUICK, fresh_s=0).launch(
        job(planned(applied), "20261126T031500Z-0dea")
    )
    function = cloud.client("lambda").get_function_configuration(FunctionName="restoredrill-reaper")
    assert function["Handler"] == f"{on_lambda.__name__}.{on_lambda.handler.__name__}"
    become(applied.session("restoredrill-reaper"), cloud, monkeypatch)
    variables = function["Environment"]["Variables"]
    assert variables == {"RESTOREDRILL_REGIONS": f"{cloud.region},eu-west-1"}
    monkeypatch.setenv("RESTOREDRILL_REGIONS", variables["RESTOREDRILL_REGIONS"])
    capsys.readouterr()
    summary = on_lambda.handler({}, None)
    assert identity in [one["machine"] for one in summary["reaped"]]
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == summary
    assert not summary["dry_run"]
    (found,) = cloud.client("logs").describe_metric_filters(logGroupName="/aws/lambda/restoredrill-reaper")[
        "metricFilters"
    ]
    assert found["filterPattern"] == '{ $.dry_run IS FALSE && $.reaped[0].machine = "*" }'


def test_a_drill_machine_reads_its_own_database_only(applied: Applied) -> None:
    cloud, bucket = applied.cloud, applied.handed["vault_url"].removeprefix("s3://")
    backup = "backups/20260923T031500Z-7f3a/manifest.json"
    for name in ("shop", "crm"):
        cloud.client("s3").put_object(Bucket=bucket, Key=f"{name}/{backup}", Body=b"{}", IfNoneMatch="*")
        cloud.client("secretsmanager").put_secret_value(SecretId=f"restoredrill/{name}/age", SecretString="x")
    keys = cloud.session_of(applied.handed["instance_profiles"]["shop"])
    s3, secrets = cloud.client("s3", keys=keys), cloud.client("secretsmanager", keys=keys)
    assert s3.get_object(Bucket=bucket, Key=f"shop/{backup}")["Body"].read() == b"{}"
    assert secrets.get_secret_value(SecretId="restoredrill/shop/age")["SecretString"] == "x"
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.get_object(Bucket=bucket, Key=f"crm/{backup}")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=bucket, Key=f"shop/{backup}")
    with pytest.raises(ClientError, match="AccessDenied"):
        secrets.get_secret_value(SecretId="restoredrill/crm/age")
    keys = cloud.session_of("restoredrill-backup-shop")
    writer = cloud.client("s3", keys=keys)
    writer.put_object(Bucket=bucket, Key="shop/backups/20260923T041500Z-7f3a/data/toc.dat", Body=b"x")
    with pytest.raises(ClientError, match="AccessDenied"):
        writer.get_object(Bucket=bucket, Key="shop/backups/20260923T041500Z-7f3a/data/toc.dat")
    with pytest.raises(ClientError, match="AccessDenied"):  # there is one: only a conditional write may try
        writer.put_object(Bucket=bucket, Key=f"shop/{backup}", Body=b"{}")


def test_the_key_is_for_spot_instances_and_for_nobody_else_by_itself(applied: Applied) -> None:
    """AWS starts them by a role of its own, which no policy of ours could give a right."""
    kms, key = applied.cloud.client("kms"), applied.handed["kms_key_id"]
    policy = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    us = f"arn:aws:iam::{applied.cloud.account}"
    spot = f"{us}:role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot"
    for_aws = {"kms:grantisforawsresource": "true"}

    def named(principal: str, action: str, **known: str) -> str:
        account = principal.split(":")[4]
        context = EvalContext(
            principal, "AssumedRole", account, f"kms:{action}", key, "us-east-1", service_context={**known}
        )
        return str(evaluate_resource_policy(policy, context, named_only=True).decision)

    assert named(spot, "GenerateDataKeyWithoutPlaintext") == "Allow"
    assert named(spot, "CreateGrant", **for_aws) == "Allow"
    assert named(spot, "CreateGrant") != "Allow"
    assert named(spot, "ScheduleKeyDeletion") != "Allow"
    for other in (f"{us}:role/somebody", spot.replace(applied.cloud.account, "999999999999")):
        assert named(other, "Decrypt") != "Allow"
        assert named(other, "CreateGrant", **for_aws) != "Allow"


def test_silence_is_an_alarm(applied: Applied) -> None:
    alarms = {
        one["AlarmName"]: one for one in applied.cloud.client("cloudwatch").describe_alarms()["MetricAlarms"]
    }
    assert set(alarms) == {
        *("restoredrill-no-proof-shop", "restoredrill-no-proof-crm"),
        *("restoredrill-overdue", "restoredrill-reaper-failed", "restoredrill-reaper-silent"),
    }
    for name, days in (("shop", 2), ("crm", 7)):
        alarm = alarms[f"restoredrill-no-proof-{name}"]
        assert (alarm["TreatMissingData"], alarm["EvaluationPeriods"], alarm["Period"]) == (
            "breaching",
            days,
            86400,
        )
        assert alarm["AlarmActions"]
        (dimension,) = alarm["Dimensions"]
        rule = applied.cloud.client("events").describe_rule(Name=dimension["Value"])
        detail = json.loads(rule["EventPattern"])["detail"]
        assert detail["bucket"]["name"] == [applied.handed["vault_url"].removeprefix("s3://")]
        (pattern,) = detail["object"]["key"]
        drill = "20260923T031500Z-7f3a"
        # Here `*` may stand for anything, as it does in fnmatch.
        assert fnmatch.fnmatchcase(f"{name}/{layout.proof_key(drill)}", pattern["wildcard"])
        assert not fnmatch.fnmatchcase(f"{name}/{layout.report_key(drill)}", pattern["wildcard"])


def test_the_controllers_user_data_is_what_cloud_init_takes(applied: Applied) -> None:
    (found,) = [
        one
        for one in applied.cloud.instances(alive=True)
        if one.tags.get("Name") == "restoredrill-controller"
    ]
    text = (found.user_data or b"").decode()
    assert text.startswith("#cloud-config\n")
    document = YAML(typ="safe").load(text)
    assert {one["path"] for one in document["write_files"]} == {
        "/etc/restoredrill/schedules/shop.yaml",
        "/etc/systemd/system/restoredrill.service",
    }
    assert found.http_tokens == "required"


def test_destroy_leaves_nothing(applied: Applied) -> None:
    """Last, as it takes the account from the others. The key stays for thirty days, on its way out."""
    assert {name for name, ids in applied.made.items() if not ids} <= {"interfaces"}, (
        "made, so that it can go"
    )
    applied.terraform.run("destroy", "-input=false", "-auto-approve")
    assert applied.terraform.kept() == []
    left = there(applied.cloud)
    assert {name: [one for one in ids if one in left[name]] for name, ids in applied.made.items()} == {
        name: [] for name in applied.made
    }
