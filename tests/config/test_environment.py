"""What an agent may know of our environment, and where our own notes live."""

import multiprocessing
import os
from pathlib import Path

import pytest

from restoredrill import config
from restoredrill.model import VaultSpec

OURS = {
    "SHOP_DATABASE_URL": "postgresql://production",
    "PGPASSWORD": "x",
    "RESTORE_KEY": "id",
    "RESTORE_SECRET": "secret",
    "AGE_KEY": "AGE-SECRET-KEY-1",
    "AWS_ACCESS_KEY_ID": "writer",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "token",
    "AWS_REGION": "eu-central-1",
    "https_proxy": "http://proxy",
    "http_proxy": "http://proxy",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        monkeypatch.delenv(name)
    for name, value in OURS.items():
        monkeypatch.setenv(name, value)


def test_an_agent_knows_what_its_vault_and_its_key_need() -> None:
    """Promise 5."""
    given = config.agent_environment(VaultSpec(url="s3://b/p"), "${AGE_KEY}")
    assert given.keys() == {
        "AGE_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_REGION",
        "https_proxy",
        "http_proxy",
    }


def test_where_restoring_has_keys_of_its_own_the_writers_stay_here() -> None:
    """Promise 6."""
    spec = VaultSpec(
        url="s3://b/p", access_key_id="${RESTORE_KEY}", secret_access_key="file:/run/secrets/restore"
    )
    given = config.agent_environment(spec, None)
    assert given.keys() == {"RESTORE_KEY", "AWS_REGION", "https_proxy", "http_proxy"}


def as_a_number() -> None:
    os.setuid(987654)
    place = config.state_directory()
    assert place.is_absolute()
    assert "987654" in place.name


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_user_without_a_home_has_a_place_for_notes() -> None:
    """In a container a user may be nothing but a number."""
    child = multiprocessing.get_context("fork").Process(target=as_a_number)
    child.start()
    child.join(60)
    assert child.exitcode == 0


def test_a_place_that_is_given_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RESTOREDRILL_STATE", str(tmp_path))
    assert config.state_directory() == tmp_path
