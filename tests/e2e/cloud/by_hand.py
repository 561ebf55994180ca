"""What somebody would try who got onto a machine: with its own programs, its network, and its role's keys."""

import json
from collections.abc import Sequence
from typing import Any

from tests.cloud.machine import Machine
from tests.cloud.rootfs import ENDPOINT_URL

UNPACKED = "/var/lib/restoredrill/unpacked"
TRY = """
import json, sys
import boto3
from botocore.exceptions import ClientError
region, calls = json.loads(sys.argv[1])
for service, call, asked in calls:
    try:
        getattr(boto3.client(service, region_name=region), call)(**asked)
        print("done")
    except ClientError as error:
        print(error.response["Error"]["Code"])
"""


def attempts(machine: Machine, region: str, calls: Sequence[tuple[str, str, dict[str, Any]]]) -> list[str]:
    """Make these calls of the AWS API on the machine; for each `done`, or the code of its refusal."""
    (packages,) = machine.path(UNPACKED).glob("*/site-packages")
    inside = f"{UNPACKED}/{packages.parent.name}/site-packages"
    where = [f"PYTHONPATH={inside}", f"AWS_ENDPOINT_URL={ENDPOINT_URL}"]
    program = ["env", *where, "python3", "-c", TRY, json.dumps([region, calls])]
    done = machine.exec(program, timeout_s=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def count_orders(machine: Machine, url: str) -> int:
    """How many orders the kept server has, asked on its machine."""
    psql = f'"$(find {UNPACKED} -path "*/bin/psql" | head -1)"'
    done = machine.exec(["sh", "-c", f'{psql} -XAtc "SELECT count(*) FROM shop.orders" "$1"', "sh", url])
    assert done.returncode == 0, done.stderr
    return int(done.stdout)
