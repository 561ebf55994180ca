"""The bed boots what EC2 was asked for, and can do to it what happens to machines."""

import json
import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.cloud import container
from tests.cloud.bed import Bed
from tests.cloud.machine import Machine, wait_until
from tests.cloud.rootfs import ENDPOINT_URL

# What the product does as well, in the shortest way: token, role, keys; then S3, signed by curl.
ROLE = """#!/bin/bash
exec >/dev/console 2>&1
echo started with $AWS_ENDPOINT_URL
md=http://169.254.169.254/latest
echo without a token: $(curl -s -o /dev/null -w '%{http_code}' $md/meta-data/instance-id)
token=$(curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 600' $md/api/token)
get() { curl -sf -H "X-aws-ec2-metadata-token: $token" "$md/$1"; }
role=$(get meta-data/iam/security-credentials/)
get "meta-data/iam/security-credentials/$role" >/run/keys.json
key() { python3 -c "import json; print(json.load(open('/run/keys.json'))['$1'])"; }
region=$(get meta-data/placement/region)
s3() {
  curl -s -m 60 -w ' %{http_code}' --aws-sigv4 "aws:amz:$region:s3" \\
    --user "$(key AccessKeyId):$(key SecretAccessKey)" -H "x-amz-security-token: $(key Token)" \\
    "$AWS_ENDPOINT_URL/$1"
}
"""
OFF = "systemctl poweroff\n"
STAY = "echo staying; exec sleep 1234567\n"


@pytest.fixture
def launch(bed: Bed) -> Callable[..., Machine]:
    """`launch(script)`: run an instance with that user data; its machine."""

    def run(script: str, **more: Any) -> Machine:
        return bed.machine(run_instance(bed, script, **more))

    return run


def run_instance(bed: Bed, script: str, **more: Any) -> str:
    """An instance as the product asks for one; its id."""
    asked: dict[str, Any] = {
        "ImageId": bed.cloud.image.id,
        "InstanceType": "m7i.large",
        "MinCount": 1,
        "MaxCount": 1,
        "SubnetId": bed.cloud.network.subnets[0],
        "SecurityGroupIds": [bed.cloud.network.security_group],
        "InstanceInitiatedShutdownBehavior": "terminate",
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
        "UserData": script,
    }
    answer = bed.cloud.client("ec2").run_instances(**asked | more)
    identity: str = answer["Instances"][0]["InstanceId"]
    return identity


def state(bed: Bed, machine: Machine) -> str:
    """As anybody sees it who asks EC2."""
    found = bed.cloud.client("ec2").describe_instances(InstanceIds=[machine.id])
    name: str = found["Reservations"][0]["Instances"][0]["State"]["Name"]
    return name


def becomes(bed: Bed, machine: Machine, wanted: str) -> None:
    """Until EC2 says so."""
    wait_until(lambda: state(bed, machine) == wanted, 60, lambda: f"not {wanted}: {machine}")


def reading(bed: Bed, launch: Callable[..., Machine]) -> Machine:
    """A machine that read one object it may read and one it may not, and has powered off."""
    bucket = bed.cloud.bucket("vault-of-the-bed")
    for key, body in {"mine/word": b"sesame", "others/word": b"secret"}.items():
        bed.cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
    allowed = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/mine/*"}
    bed.cloud.role("drill", {"read": {"Version": "2012-10-17", "Statement": [allowed]}})
    script = f"{ROLE}echo mine: $(s3 {bucket}/mine/word)\necho others: $(s3 {bucket}/others/word)\n{OFF}"
    machine = launch(script, IamInstanceProfile={"Name": "drill"})
    assert machine.wait_off() == "poweroff"
    return machine


def test_a_machine_boots_its_user_data_reads_by_its_role_and_powers_off(
    bed: Bed, launch: Callable[..., Machine]
) -> None:
    machine = reading(bed, launch)
    assert "started with http://10.77.0.1" in machine.log
    assert "without a token: 401" in machine.log
    assert "mine: sesame 200" in machine.log
    # Only the script asked without a token: cloud-init did not even try.
    assert [status for _, _, status in machine.metadata.requests].count(401) == 1
    becomes(bed, machine, "terminated")
    assert machine.processes() == []
    output = bed.cloud.client("ec2").get_console_output(InstanceId=machine.id)["Output"]
    assert "mine: sesame 200" in output


def test_a_machine_may_do_what_its_role_may_and_no_more(bed: Bed, launch: Callable[..., Machine]) -> None:
    said = reading(bed, launch).log
    assert "mine: sesame 200" in said
    assert "others: " in said
    assert "AccessDenied" in said
    assert "secret" not in said


def test_a_machine_that_is_killed_says_nothing_and_ec2_goes_on_saying_running(
    bed: Bed, launch: Callable[..., Machine]
) -> None:
    machine = launch(f"#!/bin/sh\nexec >/dev/console\n{STAY}")
    machine.wait_for("staying")
    assert any("sleep 1234567" in process.command for process in machine.processes())
    machine.kill()
    assert machine.ended == "killed"
    assert machine.processes() == []
    becomes(bed, machine, "running")
    bed.cloud.client("ec2").terminate_instances(InstanceIds=[machine.id])
    becomes(bed, machine, "terminated")


def test_a_cut_is_silent_and_heals(bed: Bed, launch: Callable[..., Machine]) -> None:
    bucket = bed.cloud.bucket()
    bed.cloud.client("s3").put_object(Bucket=bucket, Key="word", Body=b"sesame")
    machine = launch(f"#!/bin/sh\nexec >/dev/console\n{STAY}")
    machine.wait_for("staying")
    ask = [
        "curl",
        "-s",
        "-m",
        "3",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        f"http://10.77.0.1/{bucket}/word",
    ]
    assert machine.exec(ask).stdout == "403"
    machine.cut()
    assert machine.exec(ask).returncode == 28  # timed out, and not refused
    metadata = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://169.254.169.254/latest/"]
    assert machine.exec(metadata).stdout == "401"
    machine.heal()
    assert machine.exec(ask).stdout == "403"


def test_a_transfer_goes_on_after_a_cut(bed: Bed, launch: Callable[..., Machine]) -> None:
    bucket = bed.cloud.bucket()
    bed.cloud.client("s3").put_object(Bucket=bucket, Key="big", Body=bytes(3_000_000))
    bed.rate_mb_s = 1.0
    machine = launch(
        f"#!/bin/sh\nexec >/dev/console\ncurl -sf '{shared(bed, bucket, 'big')}' | wc -c\n{STAY}"
    )
    wait_until(lambda: machine.link.bytes_down > 500_000, 60, lambda: f"it does not load: {machine}")
    machine.cut()
    # What is on its way already still arrives; then nothing does.
    wait_until(lambda: _still(machine), 20, lambda: "bytes arrive in spite of the cut")
    assert "3000000" not in machine.log
    machine.heal()
    machine.wait_for("staying")
    assert "3000000" in machine.log


def shared(bed: Bed, bucket: str, key: str) -> str:
    """An address that anybody in a machine may read an object from."""
    keys = bed.cloud.environment
    s3 = boto3.client(
        "s3",
        endpoint_url=ENDPOINT_URL,
        region_name=bed.cloud.region,
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        config=Config(s3={"addressing_style": "path"}, signature_version="s3v4"),
    )
    return s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key})


def _still(machine: Machine) -> bool:
    before = machine.link.bytes_down
    time.sleep(1.0)  # a second of the link's rate is a third of all there is
    return machine.link.bytes_down == before


@pytest.mark.parametrize("how", ["no endpoint", "told so"])
def test_there_may_be_no_way_to_the_bucket(bed: Bed, launch: Callable[..., Machine], how: str) -> None:
    if how == "no endpoint":
        endpoint = bed.cloud.network.s3_endpoint
        bed.cloud.client("ec2").delete_vpc_endpoints(VpcEndpointIds=[endpoint])
    else:
        bed.unreachable = True
    machine = launch(
        "#!/bin/sh\nexec >/dev/console\ncurl -s -m 2 http://10.77.0.1/; echo curl says $?\npoweroff\n"
    )
    machine.wait_off()
    assert "curl says 28" in machine.log


def test_processes_freeze_and_a_disk_fills(bed: Bed, launch: Callable[..., Machine]) -> None:
    bed.disk = "200m"
    script = (
        "#!/bin/sh\nexec >/dev/console\necho ticking\nwhile :; do date +%s%N >/run/tick; sleep 0.05; done\n"
    )
    machine = launch(script)
    machine.wait_for("ticking")
    tick = machine.path("/run/tick")
    before = tick.read_text()
    wait_until(lambda: tick.read_text() != before, 20, lambda: "it does not tick")
    assert machine.freeze("part-001")
    stopped = [machine.exec(["ps", "-o", "stat=", "-C", "part-001"]).stdout]
    assert all("T" in line for line in stopped)
    machine.thaw()
    before = tick.read_text()
    wait_until(lambda: tick.read_text() != before, 20, lambda: "it does not tick again")
    assert 0 < machine.fill() <= 200 << 20
    assert "No space left" in machine.exec(["sh", "-c", "cp /etc/passwd /var/tmp/word"]).stderr
    machine.empty()
    assert machine.exec(["sh", "-c", "cp /etc/passwd /var/tmp/word"]).returncode == 0


def test_a_type_with_a_local_disk_has_one(bed: Bed, launch: Callable[..., Machine]) -> None:
    use = "mkfs.ext4 -q /dev/nvme1n1 && mount /dev/nvme1n1 /mnt && cp /etc/passwd /mnt && echo used\n"
    script = f"#!/bin/sh\nexec >/dev/console 2>&1\ncat /sys/block/nvme1n1/device/model\n{use}{OFF}"
    machine = launch(script, InstanceType="m6id.large")
    machine.wait_off()
    assert "Amazon EC2 NVMe Instance Storage" in machine.log
    assert "used" in machine.log.splitlines()
    without = launch(script)
    without.wait_off()
    assert "used" not in without.log.splitlines()


def test_a_spot_notice_is_seen_inside_and_the_machine_is_taken_away(
    bed: Bed, launch: Callable[..., Machine]
) -> None:
    script = f"{ROLE}until get meta-data/spot/instance-action; do sleep 0.2; done\n{STAY}"
    machine = launch(script, InstanceMarketOptions={"MarketType": "spot"})
    machine.wait_for("started")
    bed.interrupt(machine.id, notice_s=3)
    machine.wait_for("staying")
    said = next(line for line in machine.log.splitlines() if '"action"' in line)
    assert json.loads(said[said.index("{") : said.index("}") + 1])["action"] == "terminate"
    becomes(bed, machine, "terminated")
    assert machine.processes() == []
    assert bed.cloud.instance(machine.id).reason == "Server.SpotInstanceTermination"


def test_an_instance_that_stops_instead_is_told_as_stopped(bed: Bed, launch: Callable[..., Machine]) -> None:
    machine = launch(f"#!/bin/sh\n{OFF}", InstanceInitiatedShutdownBehavior="stop")
    assert machine.wait_off() == "poweroff"
    becomes(bed, machine, "stopped")


def test_more_machines_than_fit_wait_their_turn(bed: Bed) -> None:
    bed.at_once = 2
    ids = [run_instance(bed, f"#!/bin/sh\n{OFF}") for _ in range(3)]
    bed.machine(ids[1])
    assert len(bed.alive()) <= 2
    for identity in ids:
        assert bed.machine(identity).wait_off() == "poweroff"
    ended = run_instance(bed, f"#!/bin/sh\n{STAY}")
    bed.cloud.client("ec2").terminate_instances(InstanceIds=[ended])
    wait_until(lambda: bed.cloud.instance(ended).state == "terminated", 60, lambda: "it never ended")


def test_nothing_is_left_of_a_bed(bed: Bed, launch: Callable[..., Machine]) -> None:
    machine = launch(f"#!/bin/sh\nexec >/dev/console\n{STAY}")
    machine.wait_for("Welcome")
    assert list(container.GROUPS.glob(f"*{machine.id.removeprefix('i-')}"))
    bed.close()
    assert machine.ended == "killed"
    assert machine.processes() == []
    assert not list(container.GROUPS.glob(f"*{machine.id.removeprefix('i-')}"))


def test_an_unknown_instance_is_an_error(bed: Bed) -> None:
    with pytest.raises(ClientError):
        bed.cloud.client("ec2").terminate_instances(InstanceIds=["i-0123456789abcdef0"])
