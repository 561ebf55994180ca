"""The majors that `make env` puts beside the demo's PostgreSQL are there, as locked, and run on their own."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugins.requirements import missing
from tests.postgres_majors import TREES, provision, runs

LOCKS = sorted((Path(__file__).parents[2] / ".locks").glob("postgres-*.txt"))


@pytest.fixture(params=LOCKS, ids=lambda lock: lock.stem)
def lock(request: pytest.FixtureRequest) -> Path:
    """One lock file."""
    path: Path = request.param
    return path


@pytest.fixture
def tree(lock: Path) -> Path:
    """The installation that was made from it."""
    place = TREES / lock.stem.removeprefix("postgres-")
    if not place.is_dir():
        missing(f"no PostgreSQL in .venv/postgres/{place.name}; make env")
    return place


def test_a_major_is_the_one_that_is_locked(lock: Path, tree: Path) -> None:
    told = subprocess.run(
        [tree / "bin" / "postgres", "--version"], capture_output=True, text=True, check=True
    )
    locked = re.search(r"==(\d+\.\d+)\.", lock.read_text())
    assert locked
    assert told.stdout.split()[-1] == locked[1]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only there libraries are brought along")
def test_a_major_takes_libraries_from_its_own_folder(tree: Path) -> None:
    """Also where the host has them, so that a bare container gets what was tested."""
    linked = subprocess.run(["ldd", tree / "bin" / "psql"], capture_output=True, text=True, check=True).stdout
    places = dict(re.findall(r"(libpq|libssl|libreadline)\.so\.\d+ => (.+) \(0x", linked))
    assert places.keys() == {"libpq", "libssl", "libreadline"}
    assert {Path(place).resolve().parent for place in places.values()} == {(tree / "lib").resolve()}


def test_a_lock_that_pip_refuses_leaves_nothing(tmp_path: Path) -> None:
    lock = tmp_path / "postgres-99.txt"
    lock.write_text("not a requirement!\n")
    assert not provision(lock, tmp_path / "trees")
    assert list((tmp_path / "trees").iterdir()) == []


def test_a_program_that_crashes_is_no_major(tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("postgres", "pg_dump", "psql"):
        (folder / name).write_text(f"#!/bin/sh\nexit {name == 'psql':d}\n")
        (folder / name).chmod(0o755)
    assert not runs(tmp_path)
