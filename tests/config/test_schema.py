"""The JSON Schema accepts what we accept, and refuses what a schema can know to be wrong."""

import importlib
from functools import cache
from typing import Any

import pytest

from restoredrill import settings, yaml_lines
from tests.config.documents import ACCEPTED, REFUSED_BY_SHAPE
from tests.plugins.requirements import missing


@cache
def validator() -> Any:
    try:
        jsonschema = importlib.import_module("jsonschema")
    except ImportError:
        missing("jsonschema is not installed")
    return jsonschema.Draft202012Validator(settings.json_schema())


def test_is_a_schema_of_its_draft() -> None:
    schema = settings.json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    validator().check_schema(schema)


@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED)
def test_accepts_what_we_accept(text: str) -> None:
    assert [error.message for error in validator().iter_errors(yaml_lines.parse(text).data)] == []


@pytest.mark.parametrize("text", [text for text, _ in REFUSED_BY_SHAPE.values()], ids=REFUSED_BY_SHAPE)
def test_refuses_what_we_refuse(text: str) -> None:
    assert not validator().is_valid(yaml_lines.parse(text).data)
