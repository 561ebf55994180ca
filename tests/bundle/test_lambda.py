"""The reaper as a Lambda function: its zip, run on a Python that has nothing else, against an account."""

import json
import os
import subprocess
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from restoredrill import bundle
from restoredrill.bundle import Kind
from tests.cloud.world import Cloud
from tests.plugins.bundle import PYTHON

BARE = getattr(sys, "_base_executable", sys.executable)
CALL = (
    "import sys, json; sys.path.insert(0, sys.argv[1]); "
    "from restoredrill.machines.ec2.on_lambda import handler; handler(json.loads(sys.argv[2]), None)"
)


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip as AWS unpacks it."""
    folder = tmp_path_factory.mktemp("lambda")
    kind = Kind(PYTHON, f"linux_{os.uname().machine}")
    path, told = bundle.build_for_lambda(kind, folder, dict(os.environ), lambda _: None)
    assert f"lambda-py{PYTHON.replace('.', '')}" in told.name
    assert told.size_bytes < 20_000_000
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder / "task")
    return folder / "task"


def call(unpacked: Path, cloud: Cloud, regions: str, **event: Any) -> "subprocess.CompletedProcess[str]":
    argv = [BARE, "-I", "-c", CALL, str(unpacked), json.dumps(event)]
    env = {**cloud.environment, "RESTOREDRILL_REGIONS": regions, "PATH": "/usr/bin:/bin"}
    return subprocess.run(argv, env=env, cwd="/", capture_output=True, text=True, timeout=240, check=False)


def machine(cloud: Cloud, number: int, expires_at: datetime, *, ours: bool = True) -> str:
    ec2 = cloud.client("ec2")
    tags = {
        "restoredrill:errand": f"20261126T031500Z-7f3{number}",
        "restoredrill:kind": "drill",
        "restoredrill:database": "shop",
        "restoredrill:expires-at": f"{expires_at:%Y-%m-%dT%H:%M:%SZ}",
    }
    made = ec2.run_instances(
        ImageId=cloud.image.id,
        InstanceType="m5.large",
        MinCount=1,
        MaxCount=1,
        SubnetId=cloud.network.subnets[0],
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}
        ]
        if ours
        else [],
    )
    return str(made["Instances"][0]["InstanceId"])


def state(cloud: Cloud, instance: str) -> str:
    found = cloud.client("ec2").describe_instances(InstanceIds=[instance])
    return str(found["Reservations"][0]["Instances"][0]["State"]["Name"])


def summary(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def test_what_outlived_its_lease_is_ended_and_nothing_else(unpacked: Path, cloud: Cloud) -> None:
    now = datetime.now(UTC)
    over = machine(cloud, 1, now - timedelta(minutes=5))
    alive = machine(cloud, 2, now + timedelta(hours=1))
    foreign = machine(cloud, 3, now - timedelta(minutes=5), ours=False)
    looked = call(unpacked, cloud, cloud.region, dry_run=True)
    assert looked.returncode == 0, looked.stderr
    assert [one["machine"] for one in summary(looked)["reaped"]] == [over]
    assert state(cloud, over) not in ("terminated", "shutting-down")
    done = call(unpacked, cloud, f"{cloud.region}, {cloud.region}")
    assert done.returncode == 0, done.stderr
    assert summary(done)["regions"] == [cloud.region]
    assert state(cloud, over) == "terminated"
    assert state(cloud, alive) != "terminated"
    assert state(cloud, foreign) != "terminated"
    assert summary(call(unpacked, cloud, cloud.region))["reaped"] == []


def test_an_account_that_can_not_be_looked_at_is_an_error(unpacked: Path, cloud: Cloud) -> None:
    nowhere = {
        **cloud.environment,
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "RESTOREDRILL_REGIONS": "us-east-1",
    }
    argv = [BARE, "-I", "-c", CALL, str(unpacked), "{}"]
    done = subprocess.run(
        argv, env=nowhere, cwd="/", capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 1
    assert "CloudError" in done.stderr
    assert summary(done)["problems"]
