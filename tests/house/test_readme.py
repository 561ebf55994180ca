"""README says what the code does: commands, exit statuses, keys."""

import re
from typing import Any

from restoredrill import service_settings
from restoredrill.cli import COMMANDS
from restoredrill.cli.rules import as_markdown
from restoredrill.errors import Exit
from restoredrill.settings import json_schema
from tests.plugins.requirements import REPOSITORY

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def table(heading: str) -> list[list[str]]:
    """The rows of the table whose first heading is this."""
    lines = README.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(f"| {heading} |")) + 2
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def test_every_command_is_there_and_no_other() -> None:
    told = [re.findall(r"[a-z]+", row[0])[0] for row in table("command")]
    assert sorted(told) == sorted(name for name, words in COMMANDS.items() if words)


def test_every_exit_status_is_there_with_its_meaning() -> None:
    assert sorted(int(row[0]) for row in table("exit")) == sorted(Exit)


def test_the_rules_are_those_of_the_code() -> None:
    """`restoredrill rules --markdown` makes the table."""
    assert as_markdown() in README


def keys(schema: dict[str, Any], definitions: dict[str, Any], depth: int = 2) -> set[str]:
    """Paths of a file's keys, two deep: below that README shows an example."""
    found = set()
    for name, field in schema.get("properties", {}).items():
        inner = resolved(field, definitions)
        below = keys(inner, definitions, depth - 1) if depth > 1 else set()
        found |= {f"{name}.{key}" for key in below} or {name}
    return found


def resolved(field: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    options = [field, *field.get("anyOf", []), *field.get("allOf", [])]
    reference = next((option["$ref"] for option in options if "$ref" in option), None)
    return {} if reference is None else definitions[reference.rsplit("/", 1)[-1]]


def test_every_setting_of_the_service_is_there_and_no_other() -> None:
    schema = service_settings.json_schema()
    told = {row[0].strip("`") for row in table("setting")}
    assert told == keys(schema, schema["$defs"])


def test_every_key_of_a_file_is_there_and_no_other() -> None:
    schema = json_schema()
    told = {row[0].strip("`") for row in table("key")}
    assert told == keys(schema, schema["$defs"])
