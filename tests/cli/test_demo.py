"""`restoredrill demo`: what a killed one leaves, and where it may be kept."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from restoredrill import process
from restoredrill.machines import local
from tests.cli.programs import REAL, run, start


@pytest.fixture
def machines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A short path, that the server's user can reach."""
    folder = Path(tempfile.mkdtemp(prefix="rd-", dir="/var/tmp"))
    folder.chmod(0o711)
    monkeypatch.setenv("RESTOREDRILL_MACHINES", str(folder))
    yield folder
    for home in folder.iterdir():
        local.end_machine(home)
    shutil.rmtree(folder)


def test_what_a_killed_demo_leaves_is_reaped(machines: Path, tmp_path: Path) -> None:
    """Promise 4: its servers are no orphans that nobody ever finds."""
    child = start(REAL, "demo", "--requests", "1000", cwd=tmp_path)
    assert child.stdout is not None
    assert "SeaweedFS run in" in child.stdout.readline()
    child.kill()
    child.communicate()
    assert process.running_below(machines)
    done = run(REAL, "reap", "--json", cwd=tmp_path)
    assert done.returncode == 0
    assert [one["lease"]["database"] for one in json.loads(done.stdout)["reaped"]] == ["demo"]
    assert process.running_below(machines) == ()
    assert list(machines.iterdir()) == []


@pytest.mark.parametrize("place", ["there", "file/below"])
def test_a_place_that_cannot_be_made_is_a_matter_of_usage(tmp_path: Path, place: str) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "file").write_text("")
    done = run(REAL, "demo", "--keep", tmp_path / place, cwd=tmp_path)
    assert done.returncode == 2
    assert "name a new directory" in done.stderr
