"""No traces of a machine, hashed locks, short code, and tests that patch nothing."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.house.contents import (
    foreign,
    patching,
    strangers,
    too_long,
    tracked,
    unlocked,
    without_docstring,
)
from tests.plugins.requirements import missing

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / ".locks").glob("*.txt"))

# A module over 400 lines or a function over 40 explains itself here: `path` or `path:function`, and why.
LONG: dict[str, str] = {
    "restoredrill/checks/rules.py": "the table of rules: one after another, and nothing else",
    "restoredrill/model.py": "the vocabulary, one document after another: whoever looks one up looks there",
}

HASH = f"--hash=sha256:{'0a' * 32}"


@pytest.fixture(scope="module")
def files() -> list[str]:
    """What git tracks."""
    if not (ROOT / ".git").exists():
        missing("not a git repository")
    return tracked(ROOT)


def test_only_known_names_are_at_the_top(files: list[str]) -> None:
    assert list(strangers(files)) == []


def test_another_name_at_the_top_is_found() -> None:
    assert list(strangers(["restoredrill/model.py", ".ci/run", "docs/index.md", "notes.txt"])) == [
        "docs",
        "notes.txt",
    ]


def test_nothing_belongs_to_a_machine_or_a_person(files: list[str]) -> None:
    assert list(foreign(ROOT, files)) == []


@pytest.mark.parametrize(
    "line",
    [
        "cd /wo" + "rk/main",
        "key = '/ro" + "ot/.ssh/id'",
        "--index-" + "url https://example.org",
        "extra-index-" + "url = file:///srv",
        "--find-" + "links wheels",
        "https://pypi.example.org/sim" + "ple/",
        '"resol' + 'ved": "https://example.org/left-pad.tgz"',
        "AGE-SECRET-K" + "EY-1QQQQQQQQQQQQQQQQQQQQQQQQ",
    ],
)
def test_a_trace_of_a_machine_is_found(tmp_path: Path, line: str) -> None:
    (tmp_path / "notes.md").write_text(f"fine\n{line}\n")
    (found,) = foreign(tmp_path, ["notes.md"])
    assert found.startswith("notes.md:2: ")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_holds_pinned_and_hashed_requirements_only(lock: Path) -> None:
    assert list(unlocked(lock.read_text())) == []


@pytest.mark.parametrize(
    "line",
    [
        "rich==15.0.0",
        f"rich>=15 {HASH}",
        "rich==15.0.0 --hash=md5:0a0a",
        f"--extra-index {HASH}",
        f"rich @ https://example.org/rich.whl {HASH}",
        "-r other.txt",
    ],
)
def test_a_requirement_that_is_not_locked_is_found(line: str) -> None:
    fine = f"click==8.1 ; python_version < '3.12' \\\n    {HASH} \\\n    {HASH}\n"
    assert len(list(unlocked(fine + line))) == 1


def test_the_lock_covers_everything_that_pyproject_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [
        *project["dependencies"],
        *(it for group in project["optional-dependencies"].values() for it in group),
    ]
    names = {re.split(r"[\[<>=]", it)[0].replace(".", "-") for it in asked} - {"restoredrill"}
    locked = re.findall(r"^([a-z0-9-]+)==", (ROOT / ".locks" / "dev.txt").read_text(), re.MULTILINE)
    assert names - set(locked) == set()


def test_every_module_says_what_it_is_for(files: list[str]) -> None:
    assert list(without_docstring(ROOT, files)) == []


def test_a_module_that_says_nothing_is_found(tmp_path: Path) -> None:
    (tmp_path / "quiet.py").write_text("# a comment is not a docstring\nX = 1\n")
    (tmp_path / "clear.py").write_text('"""Holds X."""\n')
    (tmp_path / "__init__.py").write_text("")
    names = ["quiet.py", "clear.py", "__init__.py", "notes.md"]
    assert list(without_docstring(tmp_path, names)) == ["quiet.py"]


def test_modules_and_functions_are_short_or_explained() -> None:
    assert list(too_long(ROOT, LONG)) == []
    assert all(len(why) > 20 for why in LONG.values())


def test_what_is_too_long_is_found_unless_explained(tmp_path: Path) -> None:
    folder = tmp_path / "restoredrill"
    folder.mkdir()
    (folder / "model.py").write_text("X = 1\n" * 401)
    (folder / "drill.py").write_text(
        "def short():\n" + "    pass\n" * 39 + "def long():\n" + "    pass\n" * 40
    )
    module, function = too_long(tmp_path, {})
    assert module.startswith("restoredrill/drill.py:long: 41 lines")
    assert function.startswith("restoredrill/model.py: 401 lines")
    explained = {"restoredrill/model.py": "one table", "restoredrill/drill.py:long": "one query"}
    assert list(too_long(tmp_path, explained)) == []
    (stale,) = too_long(tmp_path, explained | {"restoredrill/drill.py:short": "was long"})
    assert "remove its explanation" in stale


def test_tests_patch_nothing_inside_the_package(files: list[str]) -> None:
    tests = [name for name in files if name.startswith("tests/") and name.endswith(".py")]
    assert [f"{name}:{found}" for name in tests for found in patching((ROOT / name).read_text())] == []


@pytest.mark.parametrize(
    "text",
    [
        "from unittest import mock",
        "from unittest.mock import Mock",
        "import unittest.mock",
        "def test_x(mocker): ...",
        "def test_x(monkeypatch):\n    monkeypatch.setattr('restoredrill.clock.sleep', print)",
        "from restoredrill import clock\nclock.sleep = print",
        "import restoredrill.clock\nrestoredrill.clock.sleep = print",
        "from restoredrill.drill import Drill\nDrill.run = print",
    ],
)
def test_a_test_that_patches_is_found(text: str) -> None:
    assert len(list(patching(text))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "def test_x(monkeypatch):\n    monkeypatch.setenv('SHOP_URL', 'x')\n    monkeypatch.chdir('/')",
        "from restoredrill import clock\nnow = clock.utcnow()",
        "class Stand:\n    def __init__(self):\n        self.calls = []",
    ],
)
def test_a_test_that_passes_a_stand_in_is_left_alone(text: str) -> None:
    assert list(patching(text)) == []
