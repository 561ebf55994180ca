"""Secrets of a secret store, as a role reads them."""

from collections.abc import Callable
from typing import Any

import pytest

from restoredrill.aws import secrets
from restoredrill.aws.session import Reach
from restoredrill.errors import CloudDenied, CloudError, CloudMissing, CloudUnreachable
from restoredrill.secret import Secret
from tests.cloud.world import Cloud

WHERE = "drill.decrypt_with of shop"
KEY = "AGE-SECRET-" + "KEY-1MADEUP\n"


@pytest.fixture
def fetch(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Secret]:
    """`fetch(reference)` as the administrator of the account."""
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)

    def call(reference: str, **more: Any) -> Secret:
        return secrets.fetch(reference, WHERE, Reach(cloud.region), pause=lambda _: None, **more)

    return call


@pytest.mark.parametrize("name", ["restoredrill/shop", "odd name/\u00fc+=.@-"])
def test_a_managed_secret(cloud: Cloud, fetch: Callable[..., Secret], name: str) -> None:
    cloud.secret(name, KEY)
    assert fetch(f"secretsmanager:{name}").reveal() == KEY.strip()


def test_a_secret_by_its_arn(cloud: Cloud, fetch: Callable[..., Secret]) -> None:
    arn = cloud.secret("restoredrill/shop", "one\ntwo\n")
    assert fetch(f"secretsmanager:{arn}").reveal() == "one\ntwo"


def test_a_parameter(cloud: Cloud, fetch: Callable[..., Secret]) -> None:
    cloud.parameter("/restoredrill/shop/key", KEY)
    assert fetch("ssm:/restoredrill/shop/key").reveal() == KEY.strip()


@pytest.mark.parametrize("reference", ["secretsmanager:none", "ssm:/none"])
def test_none_of_that_name(fetch: Callable[..., Secret], reference: str) -> None:
    with pytest.raises(CloudMissing, match=f"read {reference} for {WHERE}: "):
        fetch(reference)


def test_a_binary_secret(cloud: Cloud, fetch: Callable[..., Secret]) -> None:
    cloud.client("secretsmanager").create_secret(Name="bytes", SecretBinary=b"\x00\x01")
    with pytest.raises(CloudError, match="it is binary") as raised:
        fetch("secretsmanager:bytes")
    assert "SecretString" in raised.value.hint


def test_an_empty_secret(cloud: Cloud, fetch: Callable[..., Secret]) -> None:
    cloud.secret("void", "\n")
    with pytest.raises(CloudError, match="it is empty"):
        fetch("secretsmanager:void")


@pytest.mark.parametrize(
    ("reference", "action", "grant"),
    [
        ("secretsmanager:shop", "GetSecretValue", "secretsmanager:GetSecretValue"),
        ("ssm:/shop", "GetParameter", "ssm:GetParameter"),
    ],
)
def test_who_may_not_read_is_told_what_to_grant(
    cloud: Cloud, fetch: Callable[..., Secret], reference: str, action: str, grant: str
) -> None:
    cloud.fault(reference.partition(":")[0], action, "AccessDeniedException", 400, times=None)
    with pytest.raises(CloudDenied) as raised:
        fetch(reference)
    assert grant in raised.value.hint


@pytest.mark.parametrize(
    ("reference", "action", "code"),
    [
        ("secretsmanager:shop", "GetSecretValue", "DecryptionFailure"),
        ("ssm:/shop", "GetParameter", "KMSInvalidStateException"),
    ],
)
def test_a_key_that_is_refused_is_not_taken_for_the_secret(
    cloud: Cloud, fetch: Callable[..., Secret], reference: str, action: str, code: str
) -> None:
    cloud.fault(reference.partition(":")[0], action, code, 400, times=None)
    with pytest.raises(CloudDenied) as raised:
        fetch(reference)
    assert "kms:Decrypt" in raised.value.hint


def test_trouble_that_passes_is_outlasted(cloud: Cloud, fetch: Callable[..., Secret]) -> None:
    cloud.secret("shop", "sesame")
    cloud.fault("secretsmanager", "GetSecretValue", "ThrottlingException", 400, times=3)
    assert fetch("secretsmanager:shop").reveal() == "sesame"


def test_nobody_answers(fetch: Callable[..., Secret], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(CloudUnreachable):
        fetch("secretsmanager:shop", attempts=2)


def test_it_does_not_show_itself(cloud: Cloud, fetch: Callable[..., Secret]) -> None:
    cloud.secret("shop", "sesame-open")
    assert "sesame" not in f"{fetch('secretsmanager:shop')!r}"
