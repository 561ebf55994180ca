"""A client is who it should be, and goes where it should."""

from pathlib import Path

import pytest

from restoredrill.aws.errors import translated
from restoredrill.aws.session import Reach, client, open_session
from restoredrill.errors import CloudDenied, CloudUnreachable
from tests.cloud.principal import ADMINISTRATOR
from tests.cloud.world import ELSEWHERE, Cloud

_MAY = {"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}
LOOK = {"Version": "2012-10-17", "Statement": [_MAY]}


@pytest.fixture
def account(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """The process is the administrator of the stand-in, and knows it from its environment alone."""
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    return cloud


def test_every_region_is_swept_once_and_home_first() -> None:
    assert Reach("b", ("a", "b", "c", "a")).swept == ("b", "a", "c")
    assert Reach("b").swept == ("b",)


def test_a_client_asks_the_endpoint_in_its_region(account: Cloud) -> None:
    reach = Reach(account.region, endpoint_url=account.endpoint_url)
    client("ec2", reach).describe_vpcs()
    client("ec2", reach, ELSEWHERE).describe_vpcs()
    assert [call.region for call in account.asked("ec2", "DescribeVpcs")] == [account.region, ELSEWHERE]


def test_no_proxy_is_in_the_way_to_this_host(account: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    arn = account.role("controller", {"look": LOOK}, service=None)
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    plain = Reach(account.region, endpoint_url=account.endpoint_url)
    for reach in (plain, Reach(account.region, role_arn=arn, endpoint_url=account.endpoint_url)):
        client("ec2", reach).describe_vpcs()


def test_a_role_is_taken_when_it_is_needed(account: Cloud) -> None:
    arn = account.role("controller", {"look": LOOK}, service=None)
    made = client("ec2", Reach(account.region, role_arn=arn, endpoint_url=account.endpoint_url))
    assert account.asked("sts", "AssumeRole") == []
    for _ in range(2):
        made.describe_vpcs()
    (taken,) = account.asked("sts", "AssumeRole")
    assert taken.params["RoleArn"] == arn
    assert {call.who for call in account.asked("ec2", "DescribeVpcs")}.isdisjoint(ADMINISTRATOR)


def test_a_profile_is_read_and_a_missing_one_told(
    account: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    keys = tmp_path / "credentials"
    key, secret = ADMINISTRATOR
    keys.write_text(f"[drills]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(keys))
    client("ec2", Reach(account.region, profile="drills", endpoint_url=account.endpoint_url)).describe_vpcs()
    with pytest.raises(CloudDenied, match="nobody"), translated("reach", "EC2"):
        client("ec2", Reach(account.region, profile="nobody"))
    with pytest.raises(CloudDenied), translated("reach", "EC2"):
        client("ec2", Reach(account.region, endpoint_url=account.endpoint_url)).describe_vpcs()


def test_nobody_there_is_told(account: Cloud) -> None:
    made = client("ec2", Reach(account.region, endpoint_url="http://127.0.0.1:9"), attempts=1)
    with pytest.raises(CloudUnreachable), translated("look at", "EC2"):
        made.describe_vpcs()


def test_what_is_known_of_a_service_is_read_once_for_all_clients() -> None:
    """Fifty drills at once have some hundred clients, and EC2's model alone is 22 MB."""
    first, second = (open_session(None, None, "us-east-1") for _ in range(2))
    assert first is not second
    loaders = [session.get_component("data_loader") for session in (first, second)]
    assert loaders[0] is loaders[1]
    assert loaders[0].load_service_model("ec2", "service-2") is loaders[1].load_service_model(
        "ec2", "service-2"
    )
