"""IAM in front of moto: what a policy says holds, with its conditions."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.model import Keys
from tests.cloud.principal import ADMINISTRATOR
from tests.cloud.world import Cloud

OURS = "restoredrill:errand"


def allow(*actions: str, on: Any = "*", **condition: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": on}
    more = {"Condition": condition} if condition else {}
    return {"Version": "2012-10-17", "Statement": [statement | more]}


def code(error: Any) -> str:
    found: str = error.value.response["Error"]["Code"]
    return found


def client(cloud: Cloud, service: str, **policies: Any) -> Any:
    return cloud.client(service, keys=cloud.keys_of("somebody", policies))


def run(cloud: Cloud, ec2: Any, tags: dict[str, str], **more: Any) -> str:
    said = [{"Key": key, "Value": value} for key, value in tags.items()]
    kinds = ("instance", "volume") if tags else ()
    answer = ec2.run_instances(
        ImageId=cloud.image.id,
        InstanceType="m7i.large",
        MinCount=1,
        MaxCount=1,
        SubnetId=cloud.network.subnets[0],
        SecurityGroupIds=[cloud.network.security_group],
        TagSpecifications=[{"ResourceType": kind, "Tags": said} for kind in kinds],
        **more,
    )
    identity: str = answer["Instances"][0]["InstanceId"]
    return identity


TAGGED = {"Null": {f"aws:RequestTag/{OURS}": "false"}}
RUN = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["ec2:RunInstances"],
            "Resource": ["arn:aws:ec2:*:*:instance/*", "arn:aws:ec2:*:*:volume/*"],
            "Condition": TAGGED,
        },
        {
            "Effect": "Allow",
            "Action": ["ec2:RunInstances"],
            "Resource": [
                "arn:aws:ec2:*:*:network-interface/*",
                "arn:aws:ec2:*:*:subnet/*",
                "arn:aws:ec2:*:*:security-group/*",
                "arn:aws:ec2:*::image/*",
            ],
        },
        {
            "Effect": "Allow",
            "Action": "ec2:CreateTags",
            "Resource": "*",
            "Condition": {"StringEquals": {"ec2:CreateAction": "RunInstances"}},
        },
    ],
}


def test_who_has_no_policy_may_nothing(cloud: Cloud) -> None:
    calls: tuple[tuple[str, Callable[[Any], Any]], ...] = (
        ("ec2", lambda it: it.describe_instances()),
        ("s3", lambda it: it.list_buckets()),
        ("secretsmanager", lambda it: it.list_secrets()),
    )
    for service, call in calls:
        with pytest.raises(ClientError) as refused:
            call(cloud.client(service, keys=cloud.keys_of(f"nobody-{service}", {})))
        assert code(refused) in ("UnauthorizedOperation", "AccessDenied", "AccessDeniedException")
    assert {asked.verdict for asked in cloud.requests[-1:]} == {"AccessDeniedException"}


def test_run_needs_the_tag_that_the_policy_wants(cloud: Cloud) -> None:
    ec2 = client(cloud, "ec2", run=RUN)
    with pytest.raises(ClientError) as refused:
        run(cloud, ec2, {})
    assert code(refused) == "UnauthorizedOperation"
    assert run(cloud, ec2, {OURS: "x"}).startswith("i-")


def test_tags_are_set_in_the_creating_call_only(cloud: Cloud) -> None:
    ec2 = client(cloud, "ec2", run=RUN)
    foreign = run(cloud, cloud.client("ec2"), {"Name": "theirs"})
    with pytest.raises(ClientError) as refused:
        ec2.create_tags(Resources=[foreign], Tags=[{"Key": OURS, "Value": "x"}])
    assert code(refused) == "UnauthorizedOperation"


def test_ends_only_what_carries_the_tag(cloud: Cloud) -> None:
    end = allow("ec2:TerminateInstances", Null={f"aws:ResourceTag/{OURS}": "false"})
    ec2 = client(cloud, "ec2", end=end)
    ours = run(cloud, cloud.client("ec2"), {OURS: "x"})
    theirs = run(cloud, cloud.client("ec2"), {"Name": "theirs"})
    ec2.terminate_instances(InstanceIds=[ours])
    with pytest.raises(ClientError) as refused:
        ec2.terminate_instances(InstanceIds=[theirs])
    assert code(refused) == "UnauthorizedOperation"
    assert cloud.instance(theirs).alive


def test_a_role_is_passed_by_whoever_may(cloud: Cloud) -> None:
    arn = cloud.role("drill", {})
    ec2 = client(cloud, "ec2", run=RUN)
    with pytest.raises(ClientError) as refused:
        run(cloud, ec2, {OURS: "x"}, IamInstanceProfile={"Name": "drill"})
    assert "iam:PassRole" in str(refused.value)
    service = {"iam:PassedToService": "ec2.amazonaws.com"}
    may = cloud.keys_of("other", {"run": RUN, "pass": allow("iam:PassRole", on=arn, StringEquals=service)})
    assert run(cloud, cloud.client("ec2", keys=may), {OURS: "x"}, IamInstanceProfile={"Name": "drill"})


def test_lists_only_below_a_prefix_and_reads_only_there(cloud: Cloud) -> None:
    bucket = cloud.bucket()
    for key in ("mine/x", "yours/x"):
        cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=b"1")
    listing = allow("s3:ListBucket", on=f"arn:aws:s3:::{bucket}", StringLike={"s3:prefix": "mine/*"})
    s3 = client(cloud, "s3", list=listing, get=allow("s3:GetObject", on=f"arn:aws:s3:::{bucket}/mine/*"))
    assert s3.list_objects_v2(Bucket=bucket, Prefix="mine/")["KeyCount"] == 1
    assert s3.get_object(Bucket=bucket, Key="mine/x")["Body"].read() == b"1"
    calls: tuple[Callable[[], Any], ...] = (
        lambda: s3.list_objects_v2(Bucket=bucket, Prefix="yours/"),
        lambda: s3.get_object(Bucket=bucket, Key="yours/x"),
        lambda: s3.put_object(Bucket=bucket, Key="mine/x", Body=b"2"),
    )
    for refused_call in calls:
        with pytest.raises(ClientError) as refused:
            refused_call()
        assert code(refused) == "AccessDenied"


@pytest.mark.parametrize(
    ("action", "expected"), [("s3:ListBucket", "NoSuchKey"), ("s3:Nothing", "AccessDenied")]
)
def test_that_an_object_is_missing_is_told_to_who_may_list(cloud: Cloud, action: str, expected: str) -> None:
    bucket = cloud.bucket()
    s3 = client(cloud, "s3", get=allow("s3:GetObject"), list=allow(action))
    with pytest.raises(ClientError) as refused:
        s3.get_object(Bucket=bucket, Key="nothing")
    assert code(refused) == expected


def test_a_buckets_own_policy_denies(cloud: Cloud) -> None:
    bucket = cloud.bucket()
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{bucket}/*"}
    tls = deny | {"Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    once = deny | {"Action": "s3:PutObject", "Condition": {"Null": {"s3:if-none-match": "true"}}}
    s3 = client(cloud, "s3", all=allow("s3:*"))
    cloud.client("s3").put_bucket_policy(
        Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [tls, once]})
    )
    s3.put_object(Bucket=bucket, Key="x", Body=b"1", IfNoneMatch="*")
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=bucket, Key="y", Body=b"1")
    assert code(refused) == "AccessDenied"
    cloud.judge.secure = False
    with pytest.raises(ClientError):
        s3.get_object(Bucket=bucket, Key="x")


def test_a_secret_is_read_by_whoever_may(cloud: Cloud) -> None:
    mine, yours = cloud.secret("shop/key", "1"), cloud.secret("other/key", "2")
    may = client(cloud, "secretsmanager", get=allow("secretsmanager:GetSecretValue", on=mine))
    assert may.get_secret_value(SecretId="shop/key")["SecretString"] == "1"
    for name in ("other/key", yours):
        with pytest.raises(ClientError) as refused:
            may.get_secret_value(SecretId=name)
        assert code(refused) == "AccessDeniedException"


def test_the_session_of_a_machine_has_its_roles_rights(cloud: Cloud) -> None:
    bucket = cloud.bucket()
    cloud.role("drill", {"list": allow("s3:ListBucket")})
    s3 = cloud.client("s3", keys=cloud.session_of("drill"))
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=bucket, Key="x", Body=b"")
    assert code(refused) == "AccessDenied"


def test_a_wrong_secret_and_an_unknown_key_are_refused(cloud: Cloud) -> None:
    bucket, keys = cloud.bucket(), cloud.keys_of("somebody", {"all": allow("s3:*", "ec2:*")})
    awkward = "a b/ä+c=(1)~'.txt"
    cloud.client("s3", keys=keys).put_object(Bucket=bucket, Key=awkward, Body=b"1")
    assert cloud.client("s3", keys=keys).list_objects_v2(Bucket=bucket, Prefix="a b/ä+")["KeyCount"] == 1
    cloud.client("ec2", keys=keys).describe_instances()
    wrong = Keys(keys.access_key, "not the secret")
    calls: tuple[tuple[str, Callable[[Any], Any]], ...] = (
        ("s3", lambda it: it.get_object(Bucket=bucket, Key=awkward)),
        ("ec2", lambda it: it.describe_instances()),
    )
    for service, call in calls:
        with pytest.raises(ClientError) as refused:
            call(cloud.client(service, keys=wrong))
        assert code(refused) == ("AuthFailure" if service == "ec2" else "SignatureDoesNotMatch")
    with pytest.raises(ClientError) as refused:
        cloud.client("ec2", keys=Keys("AKIANOBODY0000000000", "x")).describe_instances()
    assert code(refused) == "AuthFailure"


def test_the_administrator_may_everything(cloud: Cloud) -> None:
    assert cloud.client("ec2").describe_instances()["Reservations"] == []
    assert cloud.requests[-1].who == ADMINISTRATOR[0]


def test_a_template_is_judged_as_what_it_makes(cloud: Cloud) -> None:
    once = {"StringEquals": {"ec2:MetadataHttpTokens": "required"}}
    policy = allow("ec2:RunInstances", on="arn:aws:ec2:*:*:instance/*", **once)
    rest = ("volume", "network-interface", "subnet", "security-group", "launch-template")
    policy["Statement"] += allow(
        "ec2:RunInstances", on=[*(f"arn:aws:ec2:*:*:{kind}/*" for kind in rest), "arn:aws:ec2:*::image/*"]
    )["Statement"]
    ec2 = client(cloud, "ec2", run=policy)
    with pytest.raises(ClientError) as refused:
        run(cloud, ec2, {})
    assert code(refused) == "UnauthorizedOperation"
    strict = {"MetadataOptions": {"HttpTokens": "required"}}
    cloud.client("ec2").create_launch_template(LaunchTemplateName="strict", LaunchTemplateData=strict)
    found = run(cloud, ec2, {}, LaunchTemplate={"LaunchTemplateName": "strict"})
    assert cloud.instance(found).http_tokens == "required"


def test_every_volume_is_judged(cloud: Cloud) -> None:
    sealed = allow("ec2:RunInstances", on="arn:aws:ec2:*:*:volume/*", Bool={"ec2:Encrypted": "true"})
    rest = {"Effect": "Allow", "Action": "ec2:RunInstances", "NotResource": "arn:aws:ec2:*:*:volume/*"}
    sealed["Statement"].append(rest)
    ec2 = client(cloud, "ec2", run=sealed)
    one = {"DeviceName": "/dev/xvda", "Ebs": {"Encrypted": True, "VolumeSize": 8}}
    two = {"DeviceName": "/dev/sdf", "Ebs": {"Encrypted": False, "VolumeSize": 8}}
    assert run(cloud, ec2, {}, BlockDeviceMappings=[one])
    for mappings in ([one, two], []):
        with pytest.raises(ClientError) as refused:
            run(cloud, ec2, {}, BlockDeviceMappings=mappings)
        assert code(refused) == "UnauthorizedOperation"


def test_a_sealed_object_needs_its_key(cloud: Cloud) -> None:
    bucket, key = cloud.bucket(), cloud.kms_key()
    how = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    cloud.client("s3").put_object(Bucket=bucket, Key="x", Body=b"1", **how)
    through = {"kms:ViaService": f"s3.{cloud.region}.amazonaws.com"}
    reads = {"get": allow("s3:GetObject")}
    cloud.role("without", reads)
    cloud.role("with", reads | {"key": allow("kms:Decrypt", on=key, StringEquals=through)})
    may = cloud.client("s3", keys=cloud.session_of("with"))
    assert may.get_object(Bucket=bucket, Key="x")["Body"].read() == b"1"
    with pytest.raises(ClientError) as refused:
        cloud.client("s3", keys=cloud.session_of("without")).get_object(Bucket=bucket, Key="x")
    assert code(refused) == "AccessDenied"
    assert "kms:Decrypt" in str(refused.value)


def test_a_bucket_may_know_its_machines(cloud: Cloud) -> None:
    """A bucket that is open to one role, through one endpoint."""
    bucket = cloud.bucket()
    arn = cloud.role("drill", {"list": allow("s3:ListBucket")})
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:ListBucket",
        "Resource": f"arn:aws:s3:::{bucket}",
        "Condition": {"StringNotEquals": {"aws:SourceVpce": cloud.network.s3_endpoint}},
    }
    only = deny | {"Condition": {"ArnNotEquals": {"aws:PrincipalArn": arn}}}
    cloud.client("s3").put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Statement": [deny, only]}))
    machine = cloud.client("s3", keys=cloud.session_of("drill"))
    assert machine.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    with pytest.raises(ClientError) as refused:
        client(cloud, "s3", all=allow("s3:*")).list_objects_v2(Bucket=bucket)
    assert code(refused) == "AccessDenied"


def test_a_policy_may_say_whose_it_is(cloud: Cloud) -> None:
    """Policy variables."""
    bucket = cloud.bucket()
    s3 = client(cloud, "s3", put=allow("s3:PutObject", on=f"arn:aws:s3:::{bucket}/${{aws:username}}/*"))
    s3.put_object(Bucket=bucket, Key="somebody/x", Body=b"")
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=bucket, Key="anybody/x", Body=b"")
    assert code(refused) == "AccessDenied"


def test_a_session_ends(cloud: Cloud) -> None:
    cloud.role("drill", {"all": allow("*")})
    keys = cloud.session_of("drill", duration_s=-1)
    expected = {"ec2": "RequestExpired", "s3": "ExpiredToken", "ssm": "ExpiredTokenException"}
    calls: dict[str, Callable[[Any], Any]] = {
        "ec2": lambda it: it.describe_instances(),
        "s3": lambda it: it.list_buckets(),
        "ssm": lambda it: it.get_parameter(Name="x"),
    }
    for service, call in calls.items():
        with pytest.raises(ClientError) as refused:
            call(cloud.client(service, keys=keys))
        assert code(refused) == expected[service]


def test_a_role_is_taken_by_whom_it_trusts(cloud: Cloud) -> None:
    cloud.role("drill", {"list": allow("s3:ListAllMyBuckets")})
    trust = {"Effect": "Allow", "Principal": {"AWS": cloud.account}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam = cloud.client("iam")
    arn = iam.create_role(RoleName="controller", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    iam.put_role_policy(
        RoleName="controller", PolicyName="list", PolicyDocument=json.dumps(allow("s3:ListAllMyBuckets"))
    )
    keys = cloud.keys_of("somebody", {"take": allow("sts:AssumeRole")})
    sts = cloud.client("sts", keys=keys)
    taken = sts.assume_role(RoleArn=arn, RoleSessionName="it")["Credentials"]
    session = Keys(taken["AccessKeyId"], taken["SecretAccessKey"], taken["SessionToken"])
    cloud.client("s3", keys=session).list_buckets()
    for role, who in ((arn.replace("controller", "drill"), sts), (arn, client_of_nobody(cloud))):
        with pytest.raises(ClientError) as refused:
            who.assume_role(RoleArn=role, RoleSessionName="it")
        assert code(refused) == "AccessDenied"


def client_of_nobody(cloud: Cloud) -> Any:
    return cloud.client("sts", keys=cloud.keys_of("nobody", {}))
