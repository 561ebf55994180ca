"""Imports point one way, and what is banned stays with its owner."""

import subprocess
import sys
import tomllib
from pathlib import Path
from textwrap import dedent

import pytest

from tests.house.layers import ARROWS, OWNERS, crossings, trespasses

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]


def package(root: Path, **files: str) -> Path:
    """A small package of the same name; `vault__s3` stands for vault/s3.py."""
    for name, text in files.items():
        path = root / "restoredrill" / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    return root


def test_imports_follow_the_arrows() -> None:
    assert list(crossings(ROOT)) == []


def test_what_is_banned_is_used_by_its_owners_only() -> None:
    assert list(trespasses(ROOT)) == []


@pytest.mark.parametrize(
    "statement",
    [
        "import restoredrill.drill",
        "from restoredrill import drill",
        "from restoredrill.drill import run",
        "from .. import drill",
        "from ..drill import run",
        "def later():\n    from restoredrill.engines.postgres import dump",
    ],
)
def test_an_adapter_that_imports_a_story_or_another_adapter_is_found(tmp_path: Path, statement: str) -> None:
    root = package(tmp_path, drill="", engines__postgres__dump="", vault__s3=statement)
    (found,) = crossings(root)
    assert found.startswith("restoredrill/vault/s3.py:")


@pytest.mark.parametrize(
    "statement",
    [
        "from restoredrill import __version__, clock, process",
        "from restoredrill.model import Manifest",
        "from restoredrill.vault import layout",
        "from . import layout",
        "import json",
    ],
)
def test_an_adapter_may_import_the_vocabulary_and_its_own_folder(tmp_path: Path, statement: str) -> None:
    root = package(tmp_path, clock="", process="", model="", vault__layout="", vault__s3=statement)
    assert list(crossings(root)) == []


def test_a_story_may_import_the_verdict_and_no_other_check(tmp_path: Path) -> None:
    root = package(
        tmp_path,
        checks__verdict="",
        checks__rows="",
        drill="from restoredrill.checks.verdict import verdict\nfrom restoredrill.checks import rows\n",
    )
    assert list(crossings(root)) == ["restoredrill/drill.py:2: drill may not import checks.rows"]


def test_a_module_without_a_layer_is_asked_for_one(tmp_path: Path) -> None:
    (found,) = crossings(package(tmp_path, helpers=""))
    assert "no layer for `helpers`" in found


@pytest.mark.parametrize(
    "text",
    [
        "import boto3",
        "from botocore.client import Config",
        "import subprocess",
        "import time\ntime.sleep(1)",
        "from time import sleep",
        "import time as t\nt.monotonic()",
        "from datetime import datetime\ndatetime.now()",
        "import datetime\ndatetime.datetime.now()",
        "import os\nos.environ['HOME']",
        "import sys\nsys.exit(1)",
    ],
)
def test_a_banned_name_outside_its_owner_is_found(tmp_path: Path, text: str) -> None:
    assert len(list(trespasses(package(tmp_path, backup=text)))) == 1


def test_an_owner_uses_its_own_and_nothing_else(tmp_path: Path) -> None:
    root = package(
        tmp_path, vault__s3_errors="import boto3\nimport psycopg\n", clock="import time\ntime.sleep(1)\n"
    )
    assert list(trespasses(root)) == [
        "restoredrill/vault/s3_errors.py:2: psycopg belongs to engines/postgres/",
    ]


def test_the_linter_bans_the_same_names_each_with_a_reason() -> None:
    bans = SETTINGS["flake8-tidy-imports"]["banned-api"]
    assert bans.keys() == OWNERS.keys()
    assert all(len(ban["msg"]) > 20 for ban in bans.values())


def test_the_linter_lifts_bans_for_owners_only() -> None:
    lifted = {name for name, rules in SETTINGS["per-file-ignores"].items() if "TID251" in rules} - {"tests/*"}
    owners = {owner for owned in OWNERS.values() for owner in owned}
    assert {name.removeprefix("restoredrill/").split("*")[0] for name in lifted} == owners


@pytest.mark.parametrize("name", sorted(OWNERS))
def test_the_linter_itself_finds_a_banned_name(name: str) -> None:
    parts = name.split(".")
    text = f"import {parts[0]}\n\nprint({name})\n" if len(parts) > 1 else f"import {name}\n"
    ruff = [sys.executable, "-m", "ruff", "check", "--output-format=concise", "--no-cache"]
    ruff += ["--stdin-filename", "restoredrill/backup.py", "-"]
    ran = subprocess.run(ruff, input=text, cwd=ROOT, capture_output=True, text=True, check=False)
    assert f"TID251 `{name}` is banned" in ran.stdout


def test_every_layer_named_in_the_table_exists_or_is_planned() -> None:
    grants = {grant.split(".")[0] for granted in ARROWS.values() for grant in granted if grant}
    assert grants <= ARROWS.keys()
