"""`restoredrill rules`: the names that findings bear and that `ignore` takes."""

import json
from pathlib import Path

from restoredrill.checks.rules import RULES
from restoredrill.errors import Exit
from tests.cli.programs import REAL, run


def test_every_rule_is_listed_with_what_it_needs_to_be_ignored(tmp_path: Path) -> None:
    ended = run(REAL, "rules", "--json", cwd=tmp_path)
    assert ended.returncode == Exit.PASSED, ended.stderr
    listed = json.loads(ended.stdout)["rules"]
    assert [rule["name"] for rule in listed] == list(RULES)
    for rule in listed:
        assert rule["severity"] == RULES[rule["name"]].severity
        assert rule["fails"] == RULES[rule["name"]].severity.fails
        assert rule["means"]
        assert rule["hint"]


def test_for_people_and_for_a_page(tmp_path: Path) -> None:
    for options in ((), ("--markdown",)):
        text = run(REAL, "rules", *options, cwd=tmp_path).stdout
        assert [name for name in RULES if name not in text] == []
