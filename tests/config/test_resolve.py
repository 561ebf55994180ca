"""References are looked up when they are used, and what is missing is named."""

from pathlib import Path

import pytest

from restoredrill import config
from restoredrill.errors import ConfigError, Exit, SecretMissing
from restoredrill.model import VaultSpec
from restoredrill.secret import redact

WHERE = "source.url of shop"


def test_a_whole_value_from_the_environment() -> None:
    environment = {"URL": "postgresql://app:p%40ss@db/shop"}
    assert config.resolve("${URL}", WHERE, environment).reveal() == "postgresql://app:p%40ss@db/shop"


def test_parts_of_a_url_are_encoded_where_they_must_be() -> None:
    environment = {
        "USER_": "a:b",
        "PW": "p@ss/w:rd?#%",
        "HOST": "db.example:5432",
        "DB": "shop",
        "CA": "/x y",
    }
    url = config.resolve("postgresql://${USER_}:${PW}@${HOST}/${DB}?sslrootcert=${CA}", WHERE, environment)
    assert url.reveal() == (
        "postgresql://a%3Ab:p%40ss%2Fw%3Ard%3F%23%25@db.example:5432/shop?sslrootcert=%2Fx%20y"
    )
    assert (
        redact("login with p@ss/w:rd?#% or p%40ss%2Fw%3Ard%3F%23%25") == "login with [redacted] or [redacted]"
    )


def test_only_the_password_of_a_database_is_redacted() -> None:
    environment = {"WHO": "shop_reader", "PW": "planted-six", "DB": "warehouse"}
    config.resolve("postgresql://${WHO}:${PW}@db/${DB}", WHERE, environment)
    assert redact("shop_reader, warehouse, planted-six") == "shop_reader, warehouse, [redacted]"


def test_of_another_url_each_part_from_a_variable_is_redacted() -> None:
    config.resolve("https://chat.example/${TOKEN}", WHERE, {"TOKEN": "planted-seven"})
    assert redact("POST /planted-seven: 404") == "POST /[redacted]: 404"


def test_a_path_is_left_as_it_is() -> None:
    environment = {"TOKEN": "T00/B00/x"}
    assert config.resolve("https://chat.example/${TOKEN}", WHERE, environment).reveal().endswith("/T00/B00/x")


def test_a_value_is_not_looked_into_again() -> None:
    environment = {"A": "${B}", "B": "wrong"}
    assert config.resolve("${A}", WHERE, environment).reveal() == "${B}"


def test_a_text_without_reference_is_itself() -> None:
    assert config.resolve("postgresql://app@db/shop", WHERE, {}).reveal() == "postgresql://app@db/shop"


@pytest.mark.parametrize(("content", "value"), [("x\n", "x"), ("x\r\n", "x"), ("x\n\n", "x\n"), (" x", " x")])
def test_a_file_loses_one_newline(tmp_path: Path, content: str, value: str) -> None:
    (tmp_path / "secret").write_text(content, encoding="utf-8", newline="")
    assert config.resolve(f"file:{tmp_path}/secret", WHERE, {}).reveal() == value


def test_names_every_variable_that_is_missing() -> None:
    with pytest.raises(SecretMissing) as caught:
        config.resolve("postgresql://${A}:${B}@${C}/x", WHERE, {"A": "a", "C": ""})
    assert caught.value.problems == (
        "environment variable B is not set",
        "environment variable C is not set",
    )
    assert str(caught.value).startswith("read source.url of shop: environment variable B is not set")
    assert caught.value.hint == "set B, C for this process"
    assert caught.value.exit_code is Exit.USAGE


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no such file or directory"),
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\xff", "is not text"),
        (b"x" * 70_000, "is too large"),
    ],
)
def test_names_the_file_that_is_missing(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SecretMissing, match=reason) as caught:
        config.resolve(f"file:{path}", WHERE, {})
    assert str(path) in caught.value.problems[0]


def test_tells_what_is_unset_without_reading_it(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    assert config.unset("${A}${B}", {"A": "x"}) == ("B",)
    assert config.unset(f"file:{tmp_path}/there", {}) == ()
    assert config.unset(f"file:{tmp_path}/gone", {}) == (f"file:{tmp_path}/gone",)
    assert config.unset("postgresql://db/shop", {}) == ()


def test_tells_what_everybody_here_could_read(short_path: Path) -> None:
    file = short_path / "secret"
    file.touch()
    for mode, folder_mode, expected in ((0o644, 0o711, True), (0o640, 0o711, False), (0o644, 0o700, False)):
        file.chmod(mode)
        short_path.chmod(folder_mode)
        assert config.exposed(f"file:{file}") is expected
    assert not config.exposed("${A}")
    assert not config.exposed(f"file:{short_path}/gone")


def test_a_vaults_place_may_come_from_the_environment() -> None:
    spec = VaultSpec(url="${URL}/shop", endpoint_url="${ENDPOINT}", access_key_id="${KEY}")
    located = config.locate(spec, "shop", {"URL": "s3://bucket", "ENDPOINT": "http://127.0.0.1:9000"})
    assert (located.url, located.endpoint_url) == ("s3://bucket/shop", "http://127.0.0.1:9000")
    assert located.access_key_id == "${KEY}", "keys stay references"
    assert redact(located.url) == located.url, "a place is no secret"


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"URL": "ftp://bucket", "ENDPOINT": "http://x"}, "must start with s3://"),
        ({"URL": "s3://bucket", "ENDPOINT": "x"}, "must start with https://"),
        ({"URL": "s3://bucket"}, "ENDPOINT is not set"),
    ],
)
def test_a_place_from_the_environment_is_checked_too(environment: dict[str, str], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        config.locate(VaultSpec(url="${URL}/shop", endpoint_url="${ENDPOINT}"), "shop", environment)


def test_the_name_of_a_stored_secret_is_not_taken_for_its_value() -> None:
    with pytest.raises(SecretMissing, match="secret store"):
        config.resolve("secretsmanager:shop/key", "drill.decrypt_with of shop", {})
