"""The gate closes each gap of moto, and leaves alone what it should."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoAnswer

from tests.cloud.world import Cloud


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
