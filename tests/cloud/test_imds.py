"""The metadata service: its rules, and what cloud-init and botocore read."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
import urllib3
from botocore.utils import InstanceMetadataFetcher

from tests.cloud.imds import TOKEN, TTL, Imds
from tests.cloud.world import Cloud

ASKED: dict[str, Any] = {"MinCount": 1, "MaxCount": 1, "InstanceType": "m7i.large"}
LATEST = "/latest/meta-data"


@contextmanager
def served(cloud: Cloud, **more: Any) -> Iterator[tuple[str, Imds]]:
    """An instance and its metadata service."""
    where = {"ImageId": cloud.image.id, "SubnetId": cloud.network.subnets[0]}
    asked = ASKED | where | {"MetadataOptions": {"HttpTokens": "required"}} | more
    identity = cloud.client("ec2").run_instances(**asked)["Instances"][0]["InstanceId"]
    imds = cloud.imds(identity)
    try:
        yield identity, imds
    finally:
        imds.close()


def ask(
    imds: Imds, path: str, token: str | None = None, method: str = "GET", **headers: str
) -> tuple[int, str]:
    """Status and text."""
    said = {name.replace("_", "-"): value for name, value in headers.items()} | (
        {TOKEN: token} if token else {}
    )
    with urllib3.PoolManager(retries=False) as pool:
        answer = pool.request(method, imds.url + path, headers=said)
        return answer.status, answer.data.decode()


def token(imds: Imds) -> str:
    """A token, asked for as the rules say."""
    status, text = ask(imds, "/latest/api/token", method="PUT", **{TTL: "60"})
    assert status == 200
    return text


def test_nothing_without_a_good_token(cloud: Cloud) -> None:
    with served(cloud) as (identity, imds):
        good = token(imds)
        assert ask(imds, f"{LATEST}/instance-id", good) == (200, identity)
        assert ask(imds, f"{LATEST}/instance-id")[0] == 401
        assert ask(imds, f"{LATEST}/instance-id", "made-up")[0] == 401
        imds.expire()
        assert ask(imds, f"{LATEST}/instance-id", good)[0] == 401


@pytest.mark.parametrize("ttl", ["", "0", "21601", "-1", "a", "²"])
def test_a_token_needs_a_sensible_age(cloud: Cloud, ttl: str) -> None:
    with served(cloud) as (_, imds):
        headers = {TTL: ttl.encode("latin-1").decode("latin-1")} if ttl else {}
        assert ask(imds, "/latest/api/token", method="PUT", **headers)[0] == 400


def test_no_token_through_a_proxy(cloud: Cloud) -> None:
    with served(cloud) as (_, imds):
        assert (
            ask(imds, "/latest/api/token", method="PUT", X_Forwarded_For="10.0.0.1", **{TTL: "60"})[0] == 403
        )


def test_no_token_needed_where_the_instance_says_so(cloud: Cloud) -> None:
    with served(cloud, MetadataOptions={"HttpTokens": "optional"}) as (identity, imds):
        assert ask(imds, f"{LATEST}/instance-id") == (200, identity)


def test_user_data_comes_as_it_went(cloud: Cloud) -> None:
    with served(cloud, UserData="#!/bin/sh\necho grüße\n") as (_, imds):
        assert ask(imds, "/2021-03-23/user-data", token(imds)) == (200, "#!/bin/sh\necho grüße\n")
    with served(cloud) as (_, imds):
        assert ask(imds, "/latest/user-data", token(imds))[0] == 404


def test_the_tree_can_be_walked(cloud: Cloud) -> None:
    with served(cloud) as (identity, imds):
        good = token(imds)

        def walk(path: str) -> Iterator[str]:
            for name in ask(imds, path, good)[1].splitlines():
                if name.endswith("/"):
                    yield from walk(path + name)
                else:
                    yield path + name

        found = list(walk(f"{LATEST}/"))
        mac = cloud.instance(identity).mac
        assert f"{LATEST}/network/interfaces/macs/{mac}/subnet-id" in found
        assert all(ask(imds, path, good)[0] == 200 for path in found)


def test_the_spot_notice(cloud: Cloud) -> None:
    with served(cloud, InstanceMarketOptions={"MarketType": "spot"}) as (identity, imds):
        good = token(imds)
        assert ask(imds, f"{LATEST}/spot/instance-action", good)[0] == 404
        cloud.interrupt(identity)
        status, text = ask(imds, f"{LATEST}/spot/instance-action", good)
        assert (status, json.loads(text)["action"]) == (200, "terminate")
        cloud.reclaim(identity)
        assert cloud.instance(identity).reason == "Server.SpotInstanceTermination"


def test_botocore_finds_the_roles_keys(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.role("machine", {})
    with served(cloud, IamInstanceProfile={"Name": "machine"}) as (_, imds):
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", imds.url)
        found = InstanceMetadataFetcher(base_url=imds.url).retrieve_iam_role_credentials()
        assert found["role_name"] == "machine"
        keys = {"aws_access_key_id": found["access_key"], "aws_secret_access_key": found["secret_key"]}
        session = boto3.session.Session(aws_session_token=found["token"], region_name=cloud.region, **keys)
        who = session.client("sts", endpoint_url=cloud.endpoint_url).get_caller_identity()
        assert ":assumed-role/machine/i-" in who["Arn"]
    with served(cloud) as (_, imds):
        assert ask(imds, f"{LATEST}/iam/security-credentials/", token(imds))[0] == 404


def test_tags_only_where_the_instance_says_so(cloud: Cloud) -> None:
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "restoredrill:errand", "Value": "x"}]}]
    on = {"HttpTokens": "required", "InstanceMetadataTags": "enabled"}
    with served(cloud, TagSpecifications=tags, MetadataOptions=on) as (_, imds):
        assert ask(imds, f"{LATEST}/tags/instance/restoredrill:errand", token(imds)) == (200, "x")
    with served(cloud, TagSpecifications=tags) as (_, imds):
        assert ask(imds, f"{LATEST}/tags/instance/restoredrill:errand", token(imds))[0] == 404


def test_the_identity_document(cloud: Cloud) -> None:
    with served(cloud) as (identity, imds):
        document = json.loads(ask(imds, "/latest/dynamic/instance-identity/document", token(imds))[1])
        assert (document["instanceId"], document["region"]) == (identity, cloud.region)


def test_it_answers_on_a_socket_that_listens_already(cloud: Cloud) -> None:
    with served(cloud) as (identity, _), socket.create_server(("127.0.0.1", 0)) as listener:
        imds = cloud.imds(identity, listener, {"local-ipv4": "10.77.0.2", "mac": "0a:00:00:00:00:01"})
        try:
            assert imds.url.endswith(str(listener.getsockname()[1]))
            assert ask(imds, f"{LATEST}/local-ipv4", token(imds)) == (200, "10.77.0.2")
            assert ask(imds, f"{LATEST}/network/interfaces/macs/", token(imds)) == (200, "0a:00:00:00:00:01/")
        finally:
            imds.close()
