"""The policies as policies: who may do what to what, judged by an evaluator that knows conditions."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.terraform import policies
from tests.terraform.questions import (
    ACCOUNT,
    HERE,
    ROLES,
    THERE,
    Question,
    bucket_verdict,
    of_role,
    sids,
    verdict,
    without,
)

Q = Question
BUCKET = "arn:aws:s3:::acme-backups"
BACKUP = f"{BUCKET}/shop/backups/20260923T031500Z-7f3a"
DRILL = f"{BUCKET}/shop/drills/20260923T041500Z-7f3a"
JOB = f"{BUCKET}/shop/jobs/20260923T051500Z-7f3a"
OTHER = f"{BUCKET}/crm/backups/20260923T031500Z-7f3a"
KEY = str(policies.EXAMPLE["key_arn"])
SECRET = str(policies.EXAMPLE["secret_arn"])
OURS = {"restoredrill:errand": "20260923T041500Z-7f3a", "restoredrill:expires-at": "2026-09-23T06:15:00Z"}
TAGGED = {"aws:ResourceTag/restoredrill:errand": "20260923T041500Z-7f3a"}
FOREIGN = {"aws:ResourceTag/Name": "production"}
PROFILE = f"arn:aws:iam::{ACCOUNT}:instance-profile/restoredrill/machines/restoredrill-drill-shop"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/restoredrill/machines/restoredrill-drill-shop"


def ec2(kind: str, identity: str = "*", region: str = HERE) -> str:
    return f"arn:aws:ec2:{region}:{'' if kind in ('image', 'snapshot') else ACCOUNT}:{kind}/{identity}"


def instance(**other: Any) -> Mapping[str, Any]:
    """What RunInstances shows of the instance it asks for, as the product asks."""
    usual = {
        "ec2:InstanceType": "m7i.large",
        "ec2:MetadataHttpTokens": "required",
        "ec2:MetadataHttpPutResponseHopLimit": "1",
        "ec2:InstanceProfile": PROFILE,
    }
    return {**usual, **{f"ec2:{name}": value for name, value in other.items()}}


def through(service: str, **context: str) -> Mapping[str, str]:
    """A call to KMS that another service makes in somebody's name."""
    return {"kms:ViaService": f"{service}.{HERE}.amazonaws.com", **context}


VAULT = through("s3", **{"kms:EncryptionContext:aws:s3:arn": BUCKET})
OTHER_BUCKET = through("s3", **{"kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::another"})
IN_SECRET = through("secretsmanager", **{"kms:EncryptionContext:SecretARN": SECRET})
RUN = "ec2:RunInstances"

ALLOWED: dict[str, tuple[Question, ...]] = {
    "backup": (
        Q("s3:PutObject", f"{BACKUP}/data/3412.dat.zst.age"),
        Q("s3:PutObject", f"{BACKUP}/manifest.json", context={"s3:if-none-match": "*"}),
        Q("s3:PutObject", f"{BUCKET}/shop/scratch/conditional-0a"),
        Q("s3:AbortMultipartUpload", f"{BACKUP}/data/3412.dat.zst.age"),
        Q("s3:ListMultipartUploadParts", f"{BACKUP}/data/3412.dat.zst.age"),
        Q("s3:ListBucketMultipartUploads", BUCKET),
        Q("s3:ListBucket", BUCKET, context={"s3:prefix": "shop/backups/20260923T031500Z-7f3a/"}),
        Q("kms:GenerateDataKey", KEY, context=VAULT),
        Q("kms:Decrypt", KEY, context=VAULT),  # S3 wants it of whoever uploads in parts
        # a machine that takes them
        Q("s3:GetObject", f"{JOB}/job.json"),
        Q("s3:GetObject", f"{BUCKET}/shop/agents/restoredrill-0.3.0-linux_x86_64-py311-0a.pyz"),
        Q("s3:PutObject", f"{JOB}/events/000001.json"),
        Q("s3:PutObject", f"{JOB}/outcome.json"),
        Q("s3:PutObject", f"{JOB}/agent-1.log"),
        Q("secretsmanager:GetSecretValue", SECRET),
        Q("kms:Decrypt", KEY, context=IN_SECRET),
        # sections of a file over 173 GiB
        Q("s3:GetObject", f"{BACKUP}/data/3412.dat.zst.age.~7300"),
        Q("s3:DeleteObject", f"{BACKUP}/data/3412.dat.zst.age.~7300"),
    ),
    "drill": (
        Q("s3:GetObject", f"{BACKUP}/manifest.json"),
        Q("s3:GetObject", f"{BACKUP}/data/3412.dat.zst.age"),
        Q("s3:GetObject", f"{DRILL}/job.json"),
        Q("s3:GetObject", f"{BUCKET}/shop/agents/restoredrill-0.3.0-linux_x86_64-py311-0a.pyz"),
        Q("s3:PutObject", f"{DRILL}/events/000001.json"),
        Q("s3:PutObject", f"{DRILL}/report.json"),
        Q("s3:PutObject", f"{DRILL}/report.html"),
        Q("s3:PutObject", f"{DRILL}/passed"),
        Q("s3:PutObject", f"{DRILL}/measured.json"),
        Q("s3:PutObject", f"{DRILL}/agent-1.log"),
        Q("s3:AbortMultipartUpload", f"{DRILL}/agent-1.log"),
        Q("kms:Decrypt", KEY, context=VAULT),
        Q("kms:GenerateDataKey", KEY, context=VAULT),
        Q("secretsmanager:GetSecretValue", SECRET),
        Q("kms:Decrypt", KEY, context=IN_SECRET),
    ),
    "controller": (
        Q(RUN, ec2("instance"), OURS, instance()),
        Q(RUN, ec2("volume"), OURS, {"ec2:Encrypted": "true"}),
        Q(RUN, ec2("network-interface"), OURS, {"ec2:AssociatePublicIpAddress": "false"}),
        Q(RUN, ec2("spot-instances-request"), OURS),
        Q(RUN, ec2("subnet", "subnet-0a")),
        Q(RUN, ec2("security-group", "sg-0a")),
        Q(RUN, ec2("launch-template", "lt-0a")),
        Q(RUN, ec2("image", "ami-0a"), context={"ec2:Owner": "136693071363"}),
        Q("ec2:CreateTags", ec2("instance"), OURS, {"ec2:CreateAction": "RunInstances"}),
        Q("ec2:CreateTags", ec2("volume"), OURS, {"ec2:CreateAction": "RunInstances"}),
        Q("iam:PassRole", ROLE, context={"iam:PassedToService": "ec2.amazonaws.com"}),
        Q("iam:GetInstanceProfile", PROFILE),
        Q("ec2:TerminateInstances", ec2("instance", "i-0a"), context=TAGGED),
        Q("ec2:TerminateInstances", ec2("instance", "i-0a", THERE), context=TAGGED, region=THERE),
        Q("ec2:GetConsoleOutput", ec2("instance", "i-0a"), context=TAGGED),
        Q("ec2:DeleteVolume", ec2("volume", "vol-0a"), context=TAGGED),
        Q("ec2:DeleteNetworkInterface", ec2("network-interface", "eni-0a"), context=TAGGED),
        Q("ec2:DeleteSnapshot", ec2("snapshot", "snap-0a"), context=TAGGED),
        Q("ec2:ReleaseAddress", ec2("elastic-ip", "eipalloc-0a"), context=TAGGED),
        Q("ec2:CancelSpotInstanceRequests", ec2("spot-instances-request", "sir-0a"), context=TAGGED),
        Q("ec2:DescribeInstances"),
        Q("ec2:DescribeVpcEndpoints"),
        Q("pricing:GetProducts"),
        Q("servicequotas:GetServiceQuota"),
        Q("ssm:GetParameter", f"arn:aws:ssm:{HERE}::parameter/aws/service/debian/release/12/latest/amd64"),
        Q("s3:ListBucket", BUCKET, context={"s3:prefix": "shop/drills/"}),
        Q("s3:GetObject", f"{BACKUP}/manifest.json"),
        Q("s3:GetObject", f"{DRILL}/report.json"),
        Q("s3:GetObject", f"{JOB}/outcome.json"),
        Q("s3:GetObject", f"{BUCKET}/shop/agents/x.pyz.json"),
        Q("s3:PutObject", f"{DRILL}/job.json"),
        Q("s3:PutObject", f"{DRILL}/console-1.txt"),
        Q("s3:PutObject", f"{JOB}/job.json"),
        Q("s3:GetObject", f"{BUCKET}/shop/tasks/x.json"),
        Q("s3:PutObject", f"{BUCKET}/shop/tasks/x.json"),
        Q("s3:PutObject", f"{BUCKET}/shop/agents/x.pyz"),
        Q("kms:Decrypt", KEY, context=VAULT),
        Q("kms:GenerateDataKey", KEY, context=VAULT),
        Q("kms:DescribeKey", KEY),
        Q("kms:GenerateDataKeyWithoutPlaintext", KEY, context=through("ec2")),
        Q("kms:CreateGrant", KEY, context=through("ec2", **{"kms:GrantIsForAWSResource": "true"})),
    ),
    "reaper": (
        Q("ec2:DescribeInstances", region=THERE),
        Q("ec2:TerminateInstances", ec2("instance", "i-0a", THERE), context=TAGGED, region=THERE),
        Q("ec2:DeleteVolume", ec2("volume", "vol-0a"), context=TAGGED),
        Q("ec2:DeleteSnapshot", ec2("snapshot", "snap-0a"), context=TAGGED),
        Q("logs:PutLogEvents", f"{policies.EXAMPLE['log_group_arn']}:log-stream:2026/11/26/x"),
    ),
    "pruner": (
        Q("s3:ListBucket", BUCKET),
        Q("s3:ListBucketMultipartUploads", BUCKET),
        Q("s3:GetBucketObjectLockConfiguration", BUCKET),
        Q("s3:GetObject", f"{BACKUP}/manifest.json"),
        Q("s3:GetObject", f"{DRILL}/report.json"),
        Q("s3:GetObjectRetention", f"{BACKUP}/data/toc.dat"),
        Q("s3:DeleteObject", f"{BACKUP}/data/toc.dat"),
        Q("s3:DeleteObject", f"{BUCKET}/shop/scratch/conditional-0a"),
        Q("s3:GetObjectRetention", f"{BUCKET}/shop/jobs/x/job.json"),
        Q("s3:DeleteObject", f"{BUCKET}/shop/jobs/x/job.json"),
        Q("s3:AbortMultipartUpload", f"{BACKUP}/data/toc.dat"),
        Q("kms:Decrypt", KEY, context=VAULT),
    ),
}

DENIED: dict[str, tuple[Question, ...]] = {
    "backup": (
        Q("s3:GetObject", f"{BACKUP}/data/3412.dat.zst.age"),
        Q("s3:GetObject", f"{BACKUP}/manifest.json"),
        Q("s3:GetObject", f"{DRILL}/report.json"),
        Q("s3:DeleteObject", f"{BACKUP}/data/3412.dat.zst.age"),
        Q("s3:DeleteObject", f"{BACKUP}/manifest.json"),
        Q("s3:PutObject", f"{DRILL}/report.json"),
        Q("s3:PutObject", f"{DRILL}/passed"),
        Q("s3:PutObject", f"{DRILL}/measured.json"),
        Q("s3:PutObject", f"{JOB}/job.json"),
        Q("s3:PutObject", f"{BUCKET}/shop/agents/x.pyz"),  # else it could have a drill read for it
        Q("s3:PutObject", f"{OTHER}/manifest.json"),
        Q("s3:PutObject", f"{BUCKET}/shop2/backups/x"),
        Q("s3:ListBucket", BUCKET, context={"s3:prefix": "crm/backups/"}),
        Q("s3:ListBucket", BUCKET),
        Q("kms:Decrypt", KEY),
        Q("kms:Decrypt", KEY, context=OTHER_BUCKET),
        Q("kms:Decrypt", KEY, context=through("ec2")),
        Q("secretsmanager:GetSecretValue", SECRET.replace("shop/age", "crm/age")),
    ),
    "drill": (
        Q("s3:GetObject", f"{OTHER}/manifest.json"),
        Q("s3:GetObject", f"{BUCKET}/shop2/backups/x/manifest.json"),
        Q("s3:PutObject", f"{BACKUP}/manifest.json"),
        Q("s3:PutObject", f"{BACKUP}/data/3412.dat.zst.age"),
        Q("s3:PutObject", f"{DRILL}/job.json"),
        Q("s3:PutObject", f"{BUCKET}/shop/agents/x.pyz"),
        Q("s3:DeleteObject", f"{BACKUP}/manifest.json"),
        Q("s3:DeleteObject", f"{DRILL}/report.json"),
        Q("s3:PutObject", f"{BUCKET}/crm/drills/20260923T041500Z-7f3a/passed"),
        Q("secretsmanager:GetSecretValue", SECRET.replace("shop/age", "shop/source")),
        Q("kms:Decrypt", KEY),
        Q("kms:Decrypt", KEY, context=OTHER_BUCKET),
        Q("kms:Decrypt", KEY.replace("0001", "0002"), context=VAULT),
        Q("ec2:DescribeInstances"),
        Q("ec2:TerminateInstances", ec2("instance", "i-0a"), context=TAGGED),
        Q("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/restoredrill/restoredrill-controller"),
    ),
    "controller": (
        Q(RUN, ec2("instance"), context=instance()),  # untagged
        Q(RUN, ec2("instance"), {"restoredrill:errand": "x"}, instance()),  # for ever
        Q(RUN, ec2("instance"), OURS, instance(MetadataHttpTokens="optional")),
        Q(RUN, ec2("instance"), OURS, instance(MetadataHttpPutResponseHopLimit="2")),
        Q(RUN, ec2("instance"), OURS, instance(InstanceProfile=PROFILE.replace("/restoredrill/", "/"))),
        Q(RUN, ec2("instance", region=THERE), OURS, instance(), region=THERE),
        Q(RUN, ec2("volume"), OURS, {"ec2:Encrypted": "false"}),
        Q(RUN, ec2("volume"), context={"ec2:Encrypted": "true"}),
        Q(RUN, ec2("network-interface"), OURS, {"ec2:AssociatePublicIpAddress": "true"}),
        Q(RUN, ec2("network-interface")),
        Q(RUN, ec2("spot-instances-request")),
        Q(RUN, ec2("subnet", "subnet-0production")),
        Q(RUN, ec2("security-group", "sg-0production")),
        Q(RUN, ec2("launch-template", "lt-0other")),
        Q(RUN, ec2("image", "ami-0a"), context={"ec2:Owner": "666666666666"}),
        Q(RUN, f"arn:aws:ec2:{HERE}:{ACCOUNT}:key-pair/admin"),
        Q("ec2:CreateTags", ec2("instance", "i-0a"), OURS),  # else it could make its own what is not
        Q("ec2:CreateTags", ec2("instance", "i-0a"), OURS, {"ec2:CreateAction": "CreateVolume"}),
        Q("ec2:CreateTags", ec2("subnet", "subnet-0a"), OURS, {"ec2:CreateAction": "RunInstances"}),
        Q("iam:PassRole", ROLE, context={"iam:PassedToService": "lambda.amazonaws.com"}),
        Q(
            "iam:PassRole",
            f"arn:aws:iam::{ACCOUNT}:role/restoredrill/restoredrill-controller",
            context={"iam:PassedToService": "ec2.amazonaws.com"},
        ),
        Q(
            "iam:PassRole",
            f"arn:aws:iam::{ACCOUNT}:role/administrator",
            context={"iam:PassedToService": "ec2.amazonaws.com"},
        ),
        Q("s3:GetObject", f"{BACKUP}/data/3412.dat.zst.age"),
        Q("s3:PutObject", f"{BACKUP}/manifest.json"),
        Q("s3:DeleteObject", f"{BACKUP}/manifest.json"),
        Q("s3:DeleteObject", f"{DRILL}/report.json"),
        Q("secretsmanager:GetSecretValue", SECRET),
        Q("ssm:GetParameter", f"arn:aws:ssm:{HERE}:{ACCOUNT}:parameter/production/password"),
        Q("kms:CreateGrant", KEY, context=through("ec2")),
        Q("kms:CreateGrant", KEY, context={"kms:GrantIsForAWSResource": "true"}),
        Q("kms:Decrypt", KEY),
    ),
    "reaper": (
        Q(RUN, ec2("instance"), OURS, instance()),
        Q("ec2:CreateTags", ec2("instance", "i-0a"), OURS, {"ec2:CreateAction": "RunInstances"}),
        Q("ec2:GetConsoleOutput", ec2("instance", "i-0a"), context=TAGGED),
        Q("s3:GetObject", f"{DRILL}/report.json"),
        Q("s3:ListBucket", BUCKET),
        Q("logs:PutLogEvents", f"arn:aws:logs:{HERE}:{ACCOUNT}:log-group:/aws/lambda/other:log-stream:x"),
        Q("iam:PassRole", ROLE, context={"iam:PassedToService": "ec2.amazonaws.com"}),
    ),
    "pruner": (
        Q("s3:DeleteObject", f"{DRILL}/report.json"),
        Q("s3:DeleteObject", f"{BUCKET}/shop/agents/x.pyz"),
        Q("s3:DeleteObjectVersion", f"{BACKUP}/manifest.json"),
        Q("s3:BypassGovernanceRetention", f"{BACKUP}/manifest.json"),
        Q("s3:PutObject", f"{BACKUP}/manifest.json"),
        Q("s3:PutObjectRetention", f"{BACKUP}/manifest.json"),
        Q("kms:Decrypt", KEY, context=OTHER_BUCKET),
        Q("ec2:TerminateInstances", ec2("instance", "i-0a"), context=TAGGED),
    ),
}

# Nobody of ours may do this to what is not ours, or at all.
DESTRUCTIVE = (
    *(
        Q(f"ec2:{action}", ec2(kind, f"{kind}-0production"), context=FOREIGN)
        for action, kind in (
            ("TerminateInstances", "instance"),
            ("StopInstances", "instance"),
            ("RebootInstances", "instance"),
            ("ModifyInstanceAttribute", "instance"),
            ("DeleteVolume", "volume"),
            ("DetachVolume", "volume"),
            ("DeleteSnapshot", "snapshot"),
            ("ModifySnapshotAttribute", "snapshot"),
            ("CreateSnapshot", "volume"),
            ("DeleteNetworkInterface", "network-interface"),
            ("ReleaseAddress", "elastic-ip"),
            ("CancelSpotInstanceRequests", "spot-instances-request"),
            ("CreateTags", "instance"),
            ("DeleteTags", "instance"),
            ("DeregisterImage", "image"),
            ("DeleteLaunchTemplate", "launch-template"),
            ("CreateLaunchTemplateVersion", "launch-template"),
            ("ModifyLaunchTemplate", "launch-template"),
            ("DeleteSubnet", "subnet"),
            ("DeleteSecurityGroup", "security-group"),
            ("AuthorizeSecurityGroupIngress", "security-group"),
            ("AuthorizeSecurityGroupEgress", "security-group"),
            ("CreateRoute", "route-table"),
        )
    ),
    *(
        Q(f"s3:{action}", f"{BUCKET}-of-production/x")
        for action in ("GetObject", "PutObject", "DeleteObject", "PutObjectAcl")
    ),
    *(
        Q(f"s3:{action}", BUCKET)
        for action in (
            *("DeleteBucket", "DeleteBucketPolicy", "PutBucketPolicy", "PutBucketVersioning"),
            *("PutLifecycleConfiguration", "PutEncryptionConfiguration", "PutBucketObjectLockConfiguration"),
            *("PutBucketNotification", "PutBucketPublicAccessBlock", "PutBucketAcl"),
        )
    ),
    *(
        Q(f"s3:{action}", f"{BACKUP}/manifest.json")
        for action in (
            *("DeleteObjectVersion", "BypassGovernanceRetention", "PutObjectRetention", "PutObjectLegalHold"),
            *("PutObjectAcl", "RestoreObject", "ReplicateObject"),
        )
    ),
    *(
        Q(f"kms:{action}", KEY)
        for action in ("ScheduleKeyDeletion", "DisableKey", "PutKeyPolicy", "CreateGrant", "Decrypt")
    ),
    *(
        Q(f"secretsmanager:{action}", SECRET)
        for action in ("DeleteSecret", "PutSecretValue", "UpdateSecret", "PutResourcePolicy")
    ),
    *(
        Q(f"iam:{action}", f"arn:aws:iam::{ACCOUNT}:role/restoredrill/restoredrill-controller")
        for action in (
            "PutRolePolicy",
            "AttachRolePolicy",
            "UpdateAssumeRolePolicy",
            "CreateRole",
            "PassRole",
        )
    ),
    Q("iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/x"),
    Q("iam:CreateAccessKey", f"arn:aws:iam::{ACCOUNT}:user/x"),
    Q("lambda:UpdateFunctionCode", f"arn:aws:lambda:{HERE}:{ACCOUNT}:function:restoredrill-reaper"),
    Q("lambda:InvokeFunction", f"arn:aws:lambda:{HERE}:{ACCOUNT}:function:restoredrill-reaper"),
    Q("events:DisableRule", f"arn:aws:events:{HERE}:{ACCOUNT}:rule/restoredrill-reaper"),
    Q("cloudwatch:DeleteAlarms", f"arn:aws:cloudwatch:{HERE}:{ACCOUNT}:alarm:restoredrill-no-proof-shop"),
    Q(
        "cloudwatch:DisableAlarmActions",
        f"arn:aws:cloudwatch:{HERE}:{ACCOUNT}:alarm:restoredrill-no-proof-shop",
    ),
    Q("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/administrator"),
    Q("ssm:SendCommand", ec2("instance", "i-0production")),
    Q("rds:DeleteDBInstance", f"arn:aws:rds:{HERE}:{ACCOUNT}:db:shop"),
)


def rows(table: Mapping[str, tuple[Question, ...]]) -> list[Any]:
    return [
        pytest.param(role, question, id=f"{role}-{question.action}-{number}")
        for role, questions in table.items()
        for number, question in enumerate(questions)
    ]


@pytest.mark.parametrize(("role", "question"), rows(ALLOWED))
def test_what_a_role_needs_is_allowed(role: str, question: Question) -> None:
    assert verdict(of_role(role), question) == "Allow"


@pytest.mark.parametrize(("role", "question"), rows(DENIED))
def test_what_a_role_must_not_is_denied(role: str, question: Question) -> None:
    assert verdict(of_role(role), question) != "Allow"


@pytest.mark.parametrize("role", ROLES)
def test_nobody_can_destroy_what_is_not_ours(role: str) -> None:
    statements = of_role(role)
    assert [question for question in DESTRUCTIVE if verdict(statements, question) == "Allow"] == []


@pytest.mark.parametrize("role", ROLES)
def test_every_statement_is_there_for_something(role: str) -> None:
    """Each is the only reason of at least one verdict: without it some row would be judged otherwise."""
    statements = of_role(role)
    asked = (*ALLOWED[role], *DENIED[role])
    before = [verdict(statements, question) == "Allow" for question in asked]
    idle = [
        sid
        for sid in sids(role)
        if [verdict(without(statements, sid), question) == "Allow" for question in asked] == before
    ]
    assert idle == []


@pytest.mark.parametrize("role", ROLES)
def test_every_action_is_asked_for(role: str) -> None:
    """An action that stands in a policy and in no row would be a right that nobody has thought about."""
    allowed = {action for one in of_role(role) if one.effect == "Allow" for action in one.actions}
    asked = {question.action for question in ALLOWED[role]}
    harmless = {action for action in allowed if ":Describe" in action}
    assert allowed - asked - harmless <= {
        *("kms:ReEncryptFrom", "kms:ReEncryptTo", "logs:CreateLogStream", "s3:GetObjectLegalHold"),
        *("servicequotas:GetAWSDefaultServiceQuota", "servicequotas:ListServiceQuotas", "ssm:GetParameters"),
        *("s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"),
        *("ec2:CancelSpotInstanceRequests", "ec2:DeleteNetworkInterface", "ec2:ReleaseAddress"),
    }
    assert not [action for action in allowed if "*" in action or "?" in action]


def test_every_policy_belongs_to_a_role() -> None:
    known = {place for places in ROLES.values() for place in places}
    assert {("roles", name) for name in policies.names()} | {("reaper", "log")} == known


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (Q("s3:GetObject", f"{BACKUP}/manifest.json", tls=False), "Deny"),
        (Q("s3:ListBucket", BUCKET, tls=False), "Deny"),
        (Q("s3:GetObject", f"{BACKUP}/manifest.json", context={"s3:TlsVersion": "1.1"}), "Deny"),
        (Q("s3:GetObject", f"{BACKUP}/manifest.json", context={"s3:TlsVersion": "1.3"}), "ImplicitDeny"),
        (Q("s3:PutObject", f"{BACKUP}/manifest.json"), "Deny"),
        (Q("s3:PutObject", f"{BACKUP}/manifest.json", context={"s3:if-none-match": "*"}), "ImplicitDeny"),
        (Q("s3:PutObject", f"{BACKUP}/data/toc.dat"), "ImplicitDeny"),
        (Q("s3:PutObject", f"{DRILL}/report.json"), "ImplicitDeny"),
    ],
)
def test_the_bucket_refuses_plain_connections_and_a_second_manifest(
    question: Question, expected: str
) -> None:
    assert bucket_verdict(policies.policy("bucket", "vault"), question) == expected


@pytest.mark.parametrize(
    ("resource", "account", "expected"),
    [
        (f"{BACKUP}/manifest.json", ACCOUNT, "Allow"),
        (f"{BACKUP}/manifest.json", "666666666666", "ImplicitDeny"),  # stolen keys of another account
        ("arn:aws:s3:::attackers-bucket/loot", ACCOUNT, "ImplicitDeny"),
    ],
)
def test_the_only_way_out_leads_to_the_vault(resource: str, account: str, expected: str) -> None:
    document = policies.policy("s3-endpoint", "network", account=account)
    assert bucket_verdict(document, Q("s3:PutObject", resource)) == expected
