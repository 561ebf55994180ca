"""A secret stays one, however it is printed."""

import copy
import json
import pickle
import traceback

import pytest
from pydantic import BaseModel

from restoredrill.secret import (
    Secret,
    check_references,
    has_literal_password,
    redact,
    remember,
    variables,
    without_password,
)


class Holder(BaseModel):
    key: Secret


def test_prints_as_redacted_everywhere() -> None:
    secret = Secret("planted-one")
    holder = Holder(key=secret)
    shown = f"{secret} {secret!r} {secret:>12} {[secret]} {holder} {holder!r} {holder.model_dump()}"
    assert "planted" not in shown
    assert holder.model_dump_json() == '{"key":"[redacted]"}'
    assert secret.reveal() == "planted-one"


def test_is_not_written_down_by_accident() -> None:
    secret = Secret("planted-two")
    for write_down in (pickle.dumps, copy.deepcopy, json.dumps):
        with pytest.raises(TypeError):
            write_down(secret)


def test_equals_by_value_only() -> None:
    assert Secret("same-value") == Secret("same-value")
    assert Secret("same-value") != Secret("other-value")
    assert Secret("same-value") != "same-value"
    assert len({Secret("same-value"), Secret("same-value")}) == 1


def test_redacts_what_somebody_else_printed() -> None:
    Secret("postgresql://app:pl%40nted-three@db/shop")
    Secret("# public key: age1abc\nAGE-SECRET-KEY-1PLANTED\n")
    said = "login as app:pl%40nted-three, pl@nted-three at postgresql://app@db/shop; AGE-SECRET-KEY-1PLANTED"
    assert redact(said) == "login as app:[redacted], [redacted] at postgresql://app@db/shop; [redacted]"


def test_redacts_the_longer_of_two_first() -> None:
    remember("planted-four")
    remember("planted-four-and-more")
    assert redact("x planted-four-and-more y") == "x [redacted] y"


def test_short_values_do_not_blot_out_words() -> None:
    remember("app")
    remember("")
    assert redact("the app starts") == "the app starts"


def test_redacted_traceback_holds_no_secret() -> None:
    secret = Secret("planted-five")
    try:
        raise ValueError(f"bad login {secret.reveal()}")
    except ValueError:
        assert "planted-five" not in redact(traceback.format_exc())


def test_names_variables_once() -> None:
    assert variables("postgresql://${USER}:${PW}@${HOST}/${USER}") == ("USER", "PW", "HOST")
    assert variables("nothing $HERE") == ()


@pytest.mark.parametrize(
    "text", ["${}", "${1X}", "${A-B}", "x${NAME", "${A:-default}", "file:relative", "file:"]
)
def test_refuses_what_only_looks_like_a_reference(text: str) -> None:
    with pytest.raises(ValueError, match="reference"):
        check_references(text)


@pytest.mark.parametrize(
    "text", ["${A}", "a${A}b${B_2}", "file:/run/secrets/a", "file:///var/backups", "plain"]
)
def test_accepts_references_and_plain_text(text: str) -> None:
    check_references(text)


@pytest.mark.parametrize(
    ("url", "literal"),
    [
        ("postgresql://app:hunter2@db/shop", True),
        ("postgresql://app:hunter2${PW}@db/shop", True),
        ("postgresql://app:p@ss/word@db/shop", True),
        ("postgresql://app:hunter2@h1:1,h2:2/shop", True),
        ("postgresql://db/shop?user=app&password=hunter2", True),
        ("postgresql://db/shop?PASSWORD=hunter2", True),
        ("postgresql://app:${PW}@db/shop", False),
        ("postgresql://app:${A}${B}@db:5432/shop", False),
        ("postgresql://app@db:5432/shop?sslmode=require", False),
        ("postgresql://db/shop?password=${PW}", False),
        ("postgresql://db/shop?options=-csearch_path%3Da@b", False),
        ("postgresql:///shop?host=/run/postgresql", False),
    ],
)
def test_finds_literal_passwords(url: str, literal: bool) -> None:
    assert has_literal_password(url) is literal


def test_shows_a_url_without_its_password() -> None:
    assert without_password("postgresql://app:x@db:5432/shop?password=y") == "postgresql://app@db:5432/shop"
    assert without_password("postgresql://h1:1,h2:2/shop") == "postgresql://h1:1,h2:2/shop"
