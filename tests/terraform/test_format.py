"""terraform/ as a text: its format, and that what the tests put in its place still has a place."""

import subprocess
from pathlib import Path

import pytest

from tests.terraform import offline


@pytest.mark.parametrize("folder", [offline.SOURCE, offline.OLDER_WORDS], ids=lambda path: path.name)
def test_it_is_formatted(folder: Path) -> None:
    argv = [offline.program(), "fmt", "-check", "-diff", "-recursive", str(folder)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"terraform fmt -recursive {folder}\n{done.stdout}{done.stderr}"


def test_what_is_replaced_offline_is_there() -> None:
    """What provider_3 says in older words must not outlive what it stands for."""
    assert offline.REPLACED
    assert [name for name in offline.REPLACED if not (offline.SOURCE / name).is_file()] == []


def test_every_module_asks_for_the_same_provider() -> None:
    asked = {
        path.read_text() for path in offline.SOURCE.rglob("versions.tf") if ".terraform" not in path.parts
    }
    assert len(asked) == 1
    assert 'version = ">= 6.0, < 7.0"' in asked.pop()
