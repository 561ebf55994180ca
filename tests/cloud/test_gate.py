"""The gate closes each gap of moto, and leaves alone what it should."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoAnswer

from tests.cloud.catalog import ON_DEMAND, SPOT
from tests.cloud.world import ELSEWHERE, Cloud


def run(cloud: Cloud, **more: Any) -> str:
    """One instance, the plain way; returns its id."""
    asked: dict[str, Any] = {
        "ImageId": cloud.image.id,
        "InstanceType": "m7i.large",
        "MinCount": 1,
        "MaxCount": 1,
        "SubnetId": cloud.network.subnets[0],
        "SecurityGroupIds": [cloud.network.security_group],
    }
    asked |= more
    answer = cloud.client("ec2").run_instances(
        **{name: value for name, value in asked.items() if value is not None}
    )
    identity: str = answer["Instances"][0]["InstanceId"]
    return identity


def code(error: Any) -> str:
    """AWS's code of a `ClientError`."""
    found: str = error.value.response["Error"]["Code"]
    return found


def test_the_same_token_and_parameters_start_one_machine(cloud: Cloud) -> None:
    assert run(cloud, ClientToken="t") == run(cloud, ClientToken="t")
    assert len(cloud.instances()) == 1
    assert run(cloud, ClientToken="other") != cloud.instances()[0].id


def test_a_token_with_other_parameters_is_refused(cloud: Cloud) -> None:
    run(cloud, ClientToken="t")
    with pytest.raises(ClientError) as error:
        run(cloud, ClientToken="t", InstanceType="m7i.xlarge")
    assert code(error) == "IdempotentParameterMismatch"


def test_a_token_after_termination_is_refused(cloud: Cloud) -> None:
    identity = run(cloud, ClientToken="t")
    cloud.client("ec2").terminate_instances(InstanceIds=[identity])
    with pytest.raises(ClientError) as error:
        run(cloud, ClientToken="t")
    assert code(error) == "IdempotentInstanceTerminated"


def test_states_take_looks(cloud: Cloud) -> None:
    ec2 = cloud.client("ec2")
    cloud.pace.hidden = 1
    identity = run(cloud)
    with pytest.raises(ClientError) as error:
        ec2.describe_instances(InstanceIds=[identity])
    assert code(error) == "InvalidInstanceID.NotFound"

    def state() -> str:
        seen: str = ec2.describe_instances(InstanceIds=[identity])["Reservations"][0]["Instances"][0][
            "State"
        ]["Name"]
        return seen

    assert [state(), state()] == ["pending", "running"]
    ec2.terminate_instances(InstanceIds=[identity])
    assert [state(), state()] == ["shutting-down", "terminated"]


def test_capacity_is_refused_where_asked_and_granted_elsewhere(cloud: Cloud) -> None:
    cloud.refuse(type="m7i.*", zone=cloud.zones[0])
    with pytest.raises(ClientError) as error:
        run(cloud)
    assert code(error) == "InsufficientInstanceCapacity"
    assert run(cloud, SubnetId=cloud.network.subnets[1])


def test_a_lost_answer_leaves_a_machine(cloud: Cloud) -> None:
    cloud.fault("ec2", "RunInstances", "cut", after=True)
    with pytest.raises((NoAnswer, HTTPClientError)):
        run(cloud, ClientToken="t")
    (alive,) = cloud.instances()
    assert run(cloud, ClientToken="t") == alive.id


# What RunInstances keeps and refuses


def test_a_template_fills_in_what_the_call_leaves_out(cloud: Cloud) -> None:
    arn = cloud.role("machine", {})
    template = {
        "IamInstanceProfile": {"Name": "machine"},
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
        "InstanceInitiatedShutdownBehavior": "terminate",
        "InstanceMarketOptions": {"MarketType": "spot"},
        "InstanceType": "c7i.large",
        "TagSpecifications": [{"ResourceType": "volume", "Tags": [{"Key": "from", "Value": "template"}]}],
        "NetworkInterfaces": [
            {
                "DeviceIndex": 0,
                "SubnetId": cloud.network.subnets[1],
                "Groups": [cloud.network.security_group],
                "AssociatePublicIpAddress": False,
            }
        ],
    }
    cloud.client("ec2").create_launch_template(LaunchTemplateName="t", LaunchTemplateData=template)
    tags = [{"ResourceType": "network-interface", "Tags": [{"Key": "from", "Value": "call"}]}]
    identity = run(
        cloud,
        LaunchTemplate={"LaunchTemplateName": "t"},
        SubnetId=None,
        SecurityGroupIds=None,
        TagSpecifications=tags,
    )
    seen = cloud.instance(identity)
    assert arn.replace(":role/", ":instance-profile/") == seen.profile
    assert (seen.http_tokens, seen.hop_limit, seen.shutdown_behavior) == ("required", 1, "terminate")
    assert (seen.market, seen.type, seen.zone) == ("spot", "m7i.large", cloud.zones[1])
    assert (seen.groups, seen.public_ip) == ((cloud.network.security_group,), None)
    assert tags_of(cloud, seen.volumes[0]) == {"from": "template"}
    assert tags_of(cloud, seen.interfaces[0]) == {"from": "call"}
    assert seen.tags["aws:ec2launchtemplate:version"] == "1"


def tags_of(cloud: Cloud, identity: str) -> dict[str, str]:
    filters = [{"Name": "resource-id", "Values": [identity]}]
    return {tag["Key"]: tag["Value"] for tag in cloud.client("ec2").describe_tags(Filters=filters)["Tags"]}


def test_volumes_are_as_they_were_asked_for(cloud: Cloud) -> None:
    ebs = {"VolumeSize": 50, "VolumeType": "gp3", "Iops": 6000, "Throughput": 500, "Encrypted": True}
    key = cloud.kms_key()
    root = {"DeviceName": "/dev/xvda", "Ebs": ebs | {"KmsKeyId": key, "DeleteOnTermination": True}}
    identity = run(cloud, BlockDeviceMappings=[root], InstanceMarketOptions={"MarketType": "spot"})
    ec2 = cloud.client("ec2")
    (volume,) = ec2.describe_volumes(VolumeIds=list(cloud.instance(identity).volumes))["Volumes"]
    assert (volume["Size"], volume["Iops"], volume["Throughput"]) == (50, 6000, 500)
    assert (volume["Encrypted"], volume["KmsKeyId"]) == (True, key)
    (seen,) = ec2.describe_instances(InstanceIds=[identity])["Reservations"][0]["Instances"]
    assert seen["SpotInstanceRequestId"].startswith("sir-")
    assert len(cloud.instance(run(cloud)).volumes) == 1


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"ImageId": "ami-00000000000000000"}, "InvalidAMIID.NotFound"),
        ({"ImageId": "debian"}, "InvalidAMIID.Malformed"),
        ({"InstanceType": "m7i.tiny"}, "InvalidParameterValue"),
        ({"InstanceType": "m7g.large"}, "InvalidParameterValue"),  # arm64, and the image is not
        ({"SubnetId": "subnet-00000000000000000"}, "InvalidSubnetID.NotFound"),
        ({"SecurityGroupIds": ["sg-00000000000000000"]}, "InvalidGroup.NotFound"),
        ({"IamInstanceProfile": {"Name": "nobody"}}, "InvalidParameterValue"),
        ({"LaunchTemplate": {"LaunchTemplateName": "none"}}, "InvalidLaunchTemplateName.NotFoundException"),
        ({"UserData": "x" * 16385}, "InvalidParameterValue"),
        ({"NetworkInterfaces": [{"DeviceIndex": 0}]}, "InvalidParameterCombination"),
        ({"DryRun": True}, "DryRunOperation"),
        (
            {"TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "aws:x", "Value": ""}]}]},
            "InvalidParameterValue",
        ),
        (
            {"InstanceMarketOptions": {"MarketType": "spot", "SpotOptions": {"MaxPrice": "0.0001"}}},
            "SpotMaxPriceTooLow",
        ),
    ],
)
def test_what_aws_refuses_is_refused(cloud: Cloud, more: dict[str, Any], expected: str) -> None:
    with pytest.raises(ClientError) as error:
        run(cloud, **more)
    assert code(error) == expected
    assert cloud.instances() == []


def test_user_data_may_be_as_long_as_the_limit(cloud: Cloud) -> None:
    assert cloud.instance(run(cloud, UserData="x" * 16384)).user_data == b"x" * 16384


def test_a_tag_in_the_metadata_is_a_path(cloud: Cloud) -> None:
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "cost center", "Value": "1"}]}]
    with pytest.raises(ClientError):
        run(cloud, TagSpecifications=tags, MetadataOptions={"InstanceMetadataTags": "enabled"})
    assert run(cloud, TagSpecifications=tags)


def test_quotas_hold(cloud: Cloud) -> None:
    cloud.quota(ON_DEMAND, 3)
    cloud.quota(SPOT, 1)
    quota = cloud.client("service-quotas").get_service_quota(ServiceCode="ec2", QuotaCode=ON_DEMAND)
    assert quota["Quota"]["Value"] == 3.0
    first = run(cloud)
    for more, expected in (
        ({}, "VcpuLimitExceeded"),
        ({"InstanceMarketOptions": {"MarketType": "spot"}}, "MaxSpotInstanceCountExceeded"),
    ):
        with pytest.raises(ClientError) as error:
            run(cloud, **more)
        assert code(error) == expected
    cloud.client("ec2").terminate_instances(InstanceIds=[first])
    assert run(cloud)


def test_a_key_that_is_off_ends_the_machine_before_it_begins(cloud: Cloud) -> None:
    key = cloud.kms_key()
    started: list[str] = []
    cloud.on_run(started.append)
    root = [{"DeviceName": "/dev/xvda", "Ebs": {"Encrypted": True, "KmsKeyId": key}}]
    well = run(cloud, BlockDeviceMappings=root)
    cloud.client("kms").disable_key(KeyId=key.rpartition("/")[2])
    ill = run(cloud, BlockDeviceMappings=root)
    for _ in range(2):
        cloud.client("ec2").describe_instances()
    assert cloud.instance(well).state == "running"
    assert (cloud.instance(ill).state, cloud.instance(ill).reason) == (
        "terminated",
        "Client.InvalidKMSKey.InvalidState",
    )
    assert started == [well]


# Looking, and ending


def test_filters_that_moto_lacks(cloud: Cloud) -> None:
    ours = run(cloud, ClientToken="ours")
    run(cloud, ClientToken="theirs")

    def found(name: str, value: str) -> list[str]:
        pages = cloud.client("ec2").get_paginator("describe_instances")
        filters = [{"Name": name, "Values": [value]}]
        return [
            one["InstanceId"]
            for page in pages.paginate(Filters=filters)
            for reservation in page["Reservations"]
            for one in reservation["Instances"]
        ]

    assert found("client-token", "ours") == [ours]
    assert found("client-token", "nobody's") == []
    assert found("instance-lifecycle", "spot") == []


def test_answers_come_in_pages(cloud: Cloud) -> None:
    ec2 = cloud.client("ec2")
    ids = {run(cloud) for _ in range(7)}
    first = ec2.describe_instances(MaxResults=5)
    second = ec2.describe_instances(MaxResults=5, NextToken=first["NextToken"])
    assert "NextToken" not in second
    assert [len(first["Reservations"]), len(second["Reservations"])] == [5, 2]
    assert "NextToken" not in ec2.describe_volumes()
    cloud.page_size(2)
    volumes = [one for page in ec2.get_paginator("describe_volumes").paginate() for one in page["Volumes"]]
    assert {one["Attachments"][0]["InstanceId"] for one in volumes} == ids
    assert len(cloud.asked("ec2", "DescribeVolumes")) == 1 + 4
    for bad, expected in (
        ({"NextToken": "made up"}, "InvalidNextToken"),
        ({"MaxResults": 4}, "InvalidParameterValue"),
        ({"MaxResults": 5, "InstanceIds": list(ids)}, "InvalidParameterCombination"),
    ):
        with pytest.raises(ClientError) as error:
            ec2.describe_instances(**bad)
        assert code(error) == expected


def test_every_type_is_on_some_page(cloud: Cloud) -> None:
    pages = cloud.client("ec2").get_paginator("describe_instance_types").paginate()
    sizes = [len(page["InstanceTypes"]) for page in pages]
    assert len(sizes) > 2
    assert max(sizes) == 100


def test_what_an_end_leaves_behind(cloud: Cloud) -> None:
    ec2 = cloud.client("ec2")

    def left() -> tuple[int, int]:
        return len(ec2.describe_volumes()["Volumes"]), len(
            ec2.describe_network_interfaces()["NetworkInterfaces"]
        )

    cloud.pace.shutting_down = 0
    ec2.terminate_instances(InstanceIds=[run(cloud)])
    assert left() == (0, 0)
    cloud.linger("volume", "network-interface", looks=2)
    ec2.terminate_instances(InstanceIds=[run(cloud)])
    assert [left(), left(), left()] == [(1, 1), (1, 1), (0, 0)]
    cloud.linger("volume")
    ec2.terminate_instances(InstanceIds=[run(cloud)])
    assert [left() for _ in range(3)] == [(1, 0)] * 3
    (volume,) = ec2.describe_volumes()["Volumes"]
    assert volume["State"] == "available"
    ec2.delete_volume(VolumeId=volume["VolumeId"])
    assert left() == (0, 0)


def test_what_is_in_use_stays(cloud: Cloud) -> None:
    ec2 = cloud.client("ec2")
    seen = cloud.instance(run(cloud))
    calls: dict[str, Callable[[], Any]] = {
        "DependencyViolation": lambda: ec2.delete_security_group(GroupId=cloud.network.security_group),
        "InvalidParameterValue": lambda: ec2.delete_network_interface(NetworkInterfaceId=seen.interfaces[0]),
        "VolumeInUse": lambda: ec2.delete_volume(VolumeId=seen.volumes[0]),
    }
    for expected, call in calls.items():
        with pytest.raises(ClientError) as error:
            call()
        assert code(error) == expected
    with pytest.raises(ClientError) as error:
        ec2.delete_subnet(SubnetId=cloud.network.subnets[0])
    assert code(error) == "DependencyViolation"
    ec2.delete_subnet(SubnetId=cloud.network.subnets[1])


def test_a_console_is_empty_until_something_was_written(cloud: Cloud) -> None:
    ec2, identity = cloud.client("ec2"), run(cloud)
    assert not ec2.get_console_output(InstanceId=identity).get("Output")
    cloud.console(identity, "Kernel panic: grüße\n")
    assert ec2.get_console_output(InstanceId=identity)["Output"] == "Kernel panic: grüße\n"


@pytest.mark.parametrize("behavior", ["stop", "terminate"])
def test_a_machine_that_powers_off_does_as_it_was_told(cloud: Cloud, behavior: str) -> None:
    identity = run(cloud, InstanceInitiatedShutdownBehavior=behavior)
    cloud.terminated(identity)
    expected = {"stop": "stopped", "terminate": "terminated"}[behavior]
    seen = cloud.instance(identity)
    assert (seen.state, seen.reason) == (expected, "Client.InstanceInitiatedShutdown")


def test_a_machine_behind_an_instance_ends_it_when_it_is_off(cloud: Cloud) -> None:
    told: list[str] = []
    cloud.on_terminate(told.append)
    ec2, identity = cloud.client("ec2"), run(cloud)
    for _ in range(3):
        ec2.terminate_instances(InstanceIds=[identity])
        ec2.describe_instances()
    assert (told, cloud.instance(identity).state) == ([identity], "shutting-down")
    cloud.terminated(identity)
    seen = cloud.instance(identity)
    assert (seen.state, seen.reason) == ("terminated", "Client.UserInitiatedShutdown")


def test_an_instance_is_forgotten_in_the_end(cloud: Cloud) -> None:
    ec2, identity = cloud.client("ec2"), run(cloud, ClientToken="t")
    ec2.terminate_instances(InstanceIds=[identity])
    cloud.terminated(identity)
    cloud.forget(identity)
    for call in (ec2.describe_instances, ec2.terminate_instances):
        with pytest.raises(ClientError) as error:
            call(InstanceIds=[identity])
        assert code(error) == "InvalidInstanceID.NotFound"
    with pytest.raises(ClientError) as error:
        run(cloud, ClientToken="t")
    assert code(error) == "IdempotentInstanceTerminated"


# What fails on purpose


@pytest.mark.parametrize(
    ("service", "call"),
    [
        ("ec2", lambda it: it.describe_instances()),
        ("s3", lambda it: it.list_buckets()),
        ("secretsmanager", lambda it: it.list_secrets()),
        ("sts", lambda it: it.get_caller_identity()),
    ],
)
def test_a_call_fails_as_often_as_asked(cloud: Cloud, service: str, call: Callable[[Any], Any]) -> None:
    cloud.fault(service, "*", "ThrottlingException", 400, times=2)
    for _ in range(2):
        with pytest.raises(ClientError) as error:
            call(cloud.client(service))
        assert code(error) == "ThrottlingException"
    call(cloud.client(service))
    assert [asked.verdict for asked in cloud.requests] == ["ThrottlingException"] * 2 + ["allowed"]


def test_a_fault_is_for_what_it_names(cloud: Cloud) -> None:
    bucket, s3 = cloud.bucket(), cloud.client("s3")
    cloud.fault("s3", "PutObject", "SlowDown", 503, times=None, key="a/*")
    s3.put_object(Bucket=bucket, Key="b/x", Body=b"")
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="a/x", Body=b"")
    assert code(error) == "SlowDown"
    cloud.heal()
    s3.put_object(Bucket=bucket, Key="a/x", Body=b"")


def test_a_refusal_is_used_up(cloud: Cloud) -> None:
    refusal = cloud.refuse("MaxSpotInstanceCountExceeded", market="spot", times=1)
    spot = {"InstanceMarketOptions": {"MarketType": "spot"}}
    assert run(cloud)
    with pytest.raises(ClientError) as error:
        run(cloud, **spot)
    assert code(error) == "MaxSpotInstanceCountExceeded"
    assert run(cloud, **spot)
    assert refusal.seen == 1


# The account


def test_an_account_is_new_each_time(cloud: Cloud) -> None:
    bucket = cloud.bucket("once")
    run(cloud)
    network = cloud.network
    cloud.reset()
    assert cloud.instances() == []
    assert cloud.client("s3").list_buckets()["Buckets"] == []
    assert cloud.network != network
    assert cloud.requests[-1].action == "ListBuckets"
    assert cloud.bucket(bucket) == bucket


def test_regions_know_nothing_of_each_other(cloud: Cloud) -> None:
    network, image = cloud.make_network(ELSEWHERE), cloud.make_image(ELSEWHERE)
    ec2 = cloud.client("ec2", ELSEWHERE)
    ec2.run_instances(
        ImageId=image.id, InstanceType="m7i.large", MinCount=1, MaxCount=1, SubnetId=network.subnets[0]
    )
    assert cloud.client("ec2").describe_instances()["Reservations"] == []
    assert [one.region for one in cloud.instances()] == [ELSEWHERE]


def test_what_publishers_and_markets_say(cloud: Cloud) -> None:
    name = "/aws/service/debian/release/12/latest/amd64"
    found = cloud.client("ssm").get_parameter(Name=name)["Parameter"]
    assert found["Value"] == cloud.image.id
    with pytest.raises(ClientError) as error:
        cloud.client("ssm").get_parameter(Name=name.replace("12", "13"))
    assert code(error) == "ParameterNotFound"
    asked = {
        "InstanceTypes": ["m7i.large"],
        "ProductDescriptions": ["Linux/UNIX"],
        "Filters": [{"Name": "availability-zone", "Values": [cloud.zones[0]]}],
    }
    (price,) = cloud.client("ec2").describe_spot_price_history(**asked)["SpotPriceHistory"]
    assert 0.01 < float(price["SpotPrice"]) < 0.1


def test_a_child_process_is_whoever_it_is_told(cloud: Cloud) -> None:
    look = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}],
    }
    environment = cloud.user("looker", {"look": look})
    code_ = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
    said = subprocess.run([sys.executable, "-c", code_], env=environment, capture_output=True, check=True)
    assert said.stdout.decode().strip().endswith(":user/looker")
    assert {asked.who for asked in cloud.asked("sts", "GetCallerIdentity")} == {said.stdout.decode().strip()}
