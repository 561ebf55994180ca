"""Real throwaway machines behind the emulated EC2. Needs root on Linux; skipped loudly elsewhere."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud import abilities, container, rootfs
from tests.cloud.bed import Bed
from tests.cloud.world import Cloud
from tests.plugins.requirements import missing


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All that boots machines runs in one worker, or in the other one that a module asks for: a machine wants
    a processor of its own.
    """
    for item in items:
        if "bed" in getattr(item, "fixturenames", ()) and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group("bed"))


@pytest.fixture(scope="session")
def machine_tree() -> Path:
    """The root file system of a machine, built if need be."""

    if why := abilities.lacking():
        missing(why)
    container.sweep()
    try:
        return rootfs.cached()
    except subprocess.CalledProcessError as error:
        missing(f"no root file system for throwaway machines: {error.stderr.strip()[-500:]}")


@pytest.fixture
def bed(cloud: Cloud, machine_tree: Path, tmp_path: Path) -> Iterator[Bed]:
    """Boots a machine for each instance of `cloud`; see `tests/cloud/bed.py` for what can be done to it."""
    folder = tmp_path / "machines"
    folder.mkdir()
    made = Bed(cloud, machine_tree, folder)
    try:
        yield made
    finally:
        for machine in made.machines():
            print(machine)  # seen where the test fails
        made.close()
