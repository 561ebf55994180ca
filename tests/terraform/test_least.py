"""The policies grant the least: nothing in them is for nothing, and what is not ours is out of reach.

The rows are those of `test_policies`, and a few more. A policy is changed in each place that makes it wider
or narrower, one at a time: a change that no row notices is a right that nobody needs, or a limit that nobody
tries.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from botocore.session import get_session
from ministack.core.iam_evaluator import parse_policy_document, validate_policy_document

from tests.terraform import policies
from tests.terraform.questions import ACCOUNT, HERE, ROLES, THERE, Question, verdict
from tests.terraform.test_policies import (
    ALLOWED,
    BACKUP,
    BUCKET,
    DENIED,
    DRILL,
    IN_SECRET,
    JOB,
    KEY,
    OTHER_BUCKET,
    OURS,
    PROFILE,
    RUN,
    SECRET,
    TAGGED,
    VAULT,
    ec2,
    instance,
    through,
)

Q = Question
TYPES = ("m7i.*", "c7i.*")  # narrower than the example's, so that the limit can be seen
LOG = f"{policies.EXAMPLE['log_group_arn']}:log-stream:2026/11/26/a"
OTHER_KEY = KEY.replace("0001", "0002")
ENDED = (
    ("CancelSpotInstanceRequests", "spot-instances-request"),
    ("DeleteNetworkInterface", "network-interface"),
    ("DeleteSnapshot", "snapshot"),
    ("DeleteVolume", "volume"),
    ("ReleaseAddress", "elastic-ip"),
    ("TerminateInstances", "instance"),
)
REAPER_LOOKS = (
    *("Addresses", "Instances", "NetworkInterfaces", "Regions", "Snapshots", "SpotInstanceRequests"),
    "Volumes",
)
CONTROLLER_LOOKS = (
    *("AvailabilityZones", "Images", "InstanceStatus", "InstanceTypeOfferings", "InstanceTypes"),
    *("LaunchTemplates", "LaunchTemplateVersions", "NetworkAcls", "RouteTables", "SecurityGroupRules"),
    *("SecurityGroups", "SpotPriceHistory", "Subnets", "Tags", "VpcEndpoints", *REAPER_LOOKS),
)
_IN_EC2 = ("Decrypt", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo")
_CREATED = {"ec2:CreateAction": "RunInstances"}

MORE_ALLOWED: dict[str, tuple[Question, ...]] = {
    "backup": (
        Q("s3:AbortMultipartUpload", f"{JOB}/agent-1.log"),
        Q("s3:ListMultipartUploadParts", f"{BACKUP}/data/1.dat.zst"),
    ),
    "drill": (),
    "controller": (
        *(Q(f"ec2:Describe{name}") for name in CONTROLLER_LOOKS),
        *(Q(f"ec2:{action}", ec2(kind, "x"), context=TAGGED) for action, kind in ENDED),
        *(Q("ec2:CreateTags", ec2(kind), OURS, _CREATED) for kind in ("network-interface", "volume")),
        Q("ec2:CreateTags", ec2("spot-instances-request"), OURS, _CREATED),
        Q(RUN, ec2("subnet", "subnet-0b")),
        Q(RUN, ec2("instance"), OURS, instance(InstanceType="c7i.large")),
        Q("servicequotas:GetAWSDefaultServiceQuota"),
        Q("servicequotas:ListServiceQuotas"),
        Q("ssm:GetParameters", f"arn:aws:ssm:{HERE}::parameter/aws/service/debian/release/12/latest/amd64"),
        Q("s3:PutObject", f"{BUCKET}/shop/scratch/conditional-0a"),
        Q("s3:AbortMultipartUpload", f"{BUCKET}/shop/agents/x.pyz"),
        *(Q(f"kms:{action}", KEY, context=through("ec2")) for action in _IN_EC2),
    ),
    "reaper": (
        *(Q(f"ec2:Describe{name}") for name in REAPER_LOOKS),
        *(Q(f"ec2:{action}", ec2(kind, "x"), context=TAGGED) for action, kind in ENDED),
        Q("logs:CreateLogStream", LOG),
    ),
    "pruner": (
        Q("s3:GetObjectLegalHold", f"{BACKUP}/data/toc.dat"),
        Q("s3:ListMultipartUploadParts", f"{BACKUP}/data/toc.dat"),
    ),
}

_NO_KEY = (
    Q("kms:Decrypt", KEY, context={"kms:EncryptionContext:aws:s3:arn": BUCKET}),
    Q("kms:Decrypt", KEY, context=OTHER_BUCKET),
    Q("kms:Decrypt", OTHER_KEY, context=VAULT),
)
_NO_SECRET = (
    Q("secretsmanager:GetSecretValue", SECRET.replace("shop", "crm")),
    Q("kms:Decrypt", KEY, context={"kms:EncryptionContext:SecretARN": SECRET}),
    Q("kms:Decrypt", OTHER_KEY, context=IN_SECRET),
    Q(
        "kms:Decrypt",
        KEY,
        context=through(
            "secretsmanager", **{"kms:EncryptionContext:SecretARN": SECRET.replace("shop", "crm")}
        ),
    ),
)
_NOT_OURS = tuple(
    Q(f"ec2:{action}", arn, context=context)
    for action, kind in ENDED
    for arn, context in (
        (ec2(kind, "x"), {"aws:ResourceTag/Name": "restoredrill:errand"}),
        (f"arn:aws:ec2:{HERE}:999999999999:{kind}/x", TAGGED),
    )
)
MORE_DENIED: dict[str, tuple[Question, ...]] = {
    "backup": (
        *_NO_KEY,
        *_NO_SECRET,
        Q("s3:ListBucketMultipartUploads", f"{BUCKET}2"),
        Q("s3:ListBucket", f"{BUCKET}2", context={"s3:prefix": "shop/backups/"}),
        Q("s3:GetObject", f"{BUCKET}/crm/jobs/20260923T051500Z-7f3a/job.json"),
        Q("s3:DeleteObject", f"{BUCKET}/crm/backups/20260923T051500Z-7f3a/data/1.dat.~0001"),
    ),
    "drill": (*_NO_KEY, *_NO_SECRET),
    "controller": (
        *_NO_KEY,
        *_NOT_OURS,
        *(
            Q(RUN, ec2(kind), {name: "x" for name in OURS if name != lacking}, {"ec2:Encrypted": "true"})
            for kind in ("volume", "network-interface", "spot-instances-request")
            for lacking in OURS
        ),
        *(Q(RUN, ec2("instance"), {name: "x"}, instance()) for name in OURS),
        *(
            Q(RUN, ec2(kind, region=THERE), OURS, {"ec2:Encrypted": "true"}, region=THERE)
            for kind in ("volume", "network-interface")
        ),
        Q(RUN, ec2("instance"), OURS, instance(InstanceType="p5.48xlarge")),
        Q(RUN, ec2("image", "ami-0a", THERE), context={"ec2:Owner": "amazon"}, region=THERE),
        Q("iam:GetInstanceProfile", PROFILE.replace("machines/", "")),
        Q("ec2:GetConsoleOutput", ec2("instance", "x")),
        Q("s3:ListBucket", f"{BUCKET}2"),
        Q("s3:GetObject", f"{BUCKET}2/shop/drills/x/report.json"),
        Q("s3:PutObject", f"{BUCKET}2/shop/drills/x/report.json"),
        Q("kms:DescribeKey", OTHER_KEY),
        Q("kms:ReEncryptTo", KEY),
        Q("kms:ReEncryptTo", OTHER_KEY, context=through("ec2")),
        Q("kms:CreateGrant", OTHER_KEY, context=through("ec2", **{"kms:GrantIsForAWSResource": "true"})),
    ),
    "reaper": _NOT_OURS,
    "pruner": (
        *_NO_KEY,
        Q("s3:ListBucket", f"{BUCKET}2"),
        Q("s3:GetObject", f"{BUCKET}2/shop/drills/x/report.json"),
        Q("s3:DeleteObject", f"{BUCKET}2/shop/backups/x/manifest.json"),
    ),
}

NEEDED = {role: (*ALLOWED[role], *MORE_ALLOWED[role]) for role in ROLES}
FORBIDDEN = {role: (*DENIED[role], *MORE_DENIED[role]) for role in ROLES}
Body = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Statement:
    """One statement of a role's policies."""

    role: str
    body: Body

    def __str__(self) -> str:
        return f"{self.role}-{self.body['Sid']}"

    @property
    def grants(self) -> bool:
        return bool(self.body["Effect"] == "Allow")


HELD = {
    role: tuple(
        Statement(role, body)
        for module, name in ROLES[role]
        for body in policies.policy(name, module, instance_types=TYPES)["Statement"]
    )
    for role in ROLES
}
EVERY = [one for held in HELD.values() for one in held]
GRANTS = [one for one in EVERY if one.grants]


def parsed(*bodies: Body) -> list[Any]:
    return list(parse_policy_document({"Statement": [dict(one) for one in bodies]}))


def instead(statement: Statement, *bodies: Body) -> list[Any]:
    """What the role holds, with others in the place of one."""
    return parsed(*(one.body for one in HELD[statement.role] if one is not statement), *bodies)


def lost(role: str, left: list[Any]) -> bool:
    """Is anything refused that the role has to do?"""
    return any(verdict(left, question) != "Allow" for question in NEEDED[role])


def opened(role: str, left: list[Any]) -> bool:
    """Is anything allowed that must not be?"""
    return any(verdict(left, question) == "Allow" for question in FORBIDDEN[role])


def listed(value: str | Sequence[str]) -> tuple[str, ...]:
    """`Action` and `Resource` are a word or several."""
    return (value,) if isinstance(value, str) else tuple(value)


def forgetting(body: Body) -> Iterator[tuple[str, Body]]:
    """The statement, again and again, each time without another one of its conditions."""
    conditions: Mapping[str, Mapping[str, Any]] = body.get("Condition", {})
    for operator, keys in conditions.items():
        for key in keys:
            left = {name: dict(of) for name, of in conditions.items()}
            del left[operator][key]
            yield f"{operator} {key}", {**body, "Condition": {k: v for k, v in left.items() if v}}


@pytest.mark.parametrize("role", ROLES)
def test_the_rows_hold(role: str) -> None:
    held = parsed(*(one.body for one in HELD[role]))
    assert [question for question in NEEDED[role] if verdict(held, question) != "Allow"] == []
    assert [question for question in FORBIDDEN[role] if verdict(held, question) == "Allow"] == []


@pytest.mark.parametrize("statement", GRANTS, ids=str)
@pytest.mark.parametrize("part", ["Action", "Resource"])
def test_no_word_is_idle(statement: Statement, part: str) -> None:
    words = listed(statement.body[part])
    for word in words:
        fewer = [other for other in words if other != word]
        left = instead(statement, {**statement.body, part: fewer}) if fewer else instead(statement)
        assert lost(statement.role, left), f"no row needs {word}"


@pytest.mark.parametrize("statement", EVERY, ids=str)
def test_no_condition_is_idle(statement: Statement) -> None:
    # A grant without its condition grants more; a denial without it denies more.
    harm = opened if statement.grants else lost
    for what, body in forgetting(statement.body):
        assert harm(statement.role, instead(statement, body)), f"no row is about {what}"


@pytest.mark.parametrize("statement", [one for one in GRANTS if one.body["Resource"] != "*"], ids=str)
def test_no_limit_is_idle(statement: Statement) -> None:
    left = instead(statement, {**statement.body, "Resource": "*"})
    assert opened(statement.role, left), "no row is about another resource"


# Everything that AWS can do, to what is not ours ------------------------------------------------------------

_SERVICES = (
    *("autoscaling", "cloudtrail", "cloudwatch", "ec2", "events", "iam", "kms", "lambda", "logs"),
    *("organizations", "rds", "secretsmanager", "sns", "ssm", "sts"),
)
_READING = ("Describe", "Get", "List", "Search", "Lookup", "Filter", "Tail", "Test", "Simulate", "Validate")
_FOREIGN = (
    *("*", ec2("instance", "i-0f"), ec2("volume", "vol-0f"), ec2("snapshot", "snap-0f")),
    ec2("subnet", "subnet-0f"),
    f"arn:aws:ec2:{HERE}:999999999999:instance/i-0f",
    f"arn:aws:iam::{ACCOUNT}:role/administrator",
    OTHER_KEY,
    f"arn:aws:secretsmanager:{HERE}:{ACCOUNT}:secret:theirs-AbCdEf",
    f"arn:aws:rds:{HERE}:{ACCOUNT}:db:production",
)


@cache
def operations(service: str) -> tuple[str, ...]:
    """What a service can be called for."""
    return tuple(get_session().get_service_model(service).operation_names)


@pytest.mark.parametrize("role", ROLES)
def test_no_call_changes_what_is_not_ours(role: str) -> None:
    """Not even one that says our tags, or describes a machine like ours."""
    held = parsed(*(one.body for one in HELD[role]))
    changing = [
        f"{service}:{name}"
        for service in _SERVICES
        for name in operations(service)
        if not name.startswith(_READING)
    ]
    may = {
        (action, arn)
        for action in changing
        for arn in _FOREIGN
        if verdict(held, Q(action, arn, OURS, instance())) == "Allow"
    }
    # (Which machine is run is said by its type, image and place: it is none that is there.)
    assert may - {(RUN, ec2("instance", "i-0f"))} == set()


# As documents -----------------------------------------------------------------------------------------------

DOCUMENTS = [
    (module, name) for module in ("roles", "reaper", "vault", "network") for name in policies.names(module)
]
# What a policy calls otherwise than the API, or what is judged within another call.
_NO_OPERATIONS = frozenset(
    {f"s3:{name}" for name in ("*", "ListBucket", "ListBucketMultipartUploads", "ListMultipartUploadParts")}
    | {"s3:GetBucketObjectLockConfiguration", "iam:PassRole", "kms:ReEncryptFrom", "kms:ReEncryptTo"}
)
_CLIENTS = {"servicequotas": "service-quotas"}


@pytest.mark.parametrize(("module", "name"), DOCUMENTS)
def test_a_document_is_one_that_iam_takes(module: str, name: str) -> None:
    document = policies.policy(name, module)
    assert validate_policy_document(document) is None
    assert (set(document), document["Version"]) == ({"Version", "Statement"}, "2012-10-17")
    sids = [one["Sid"] for one in document["Statement"]]
    assert len(set(sids)) == len(sids)
    assert all(sid.isalnum() for sid in sids)


@pytest.mark.parametrize(("module", "name"), DOCUMENTS)
def test_an_action_is_one_that_exists(module: str, name: str) -> None:
    for statement in policies.policy(name, module)["Statement"]:
        for action in listed(statement["Action"]):
            service, _, verb = action.partition(":")
            assert verb in operations(_CLIENTS.get(service, service)) or action in _NO_OPERATIONS, action


@pytest.mark.parametrize("role", ROLES)
def test_policies_fit_into_a_role(role: str) -> None:
    """IAM takes 10,240 characters of inline policies a role, white space aside."""
    size = sum(len("".join(str(policies.policy(name, module)).split())) for module, name in ROLES[role])
    assert size < 9_000


def test_the_bucket_denies_and_never_grants() -> None:
    assert {one["Effect"] for one in policies.policy("bucket", "vault")["Statement"]} == {"Deny"}


def test_a_proof_is_the_machines_word_or_the_controllers() -> None:
    may = {
        role
        for role in ROLES
        if verdict(parsed(*(one.body for one in HELD[role])), Q("s3:PutObject", f"{DRILL}/passed")) == "Allow"
    }
    assert may == {"drill", "controller"}
