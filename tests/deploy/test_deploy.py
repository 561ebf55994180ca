"""What runs the service: judged by systemd, and by what a container should be."""

import re
import shutil
import subprocess
from importlib import resources
from pathlib import Path

import pytest

from tests.cli.programs import REAL, run
from tests.plugins.requirements import missing

DEPLOY = resources.files("restoredrill.deploy")


def systemd(*words: str | Path) -> str:
    if shutil.which("systemd-analyze") is None:
        missing("no systemd-analyze: Debian's package systemd")
    done = subprocess.run(
        ["systemd-analyze", *words], capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout + done.stderr


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    done = run(REAL, "deploy", "unit", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    path = tmp_path / "restoredrill.service"
    path.write_text(done.stdout)
    return path


def exposure(unit: Path) -> float:
    found = re.search(r"exposure level for \S+: ([0-9.]+)", systemd("security", "--offline=true", unit))
    assert found is not None
    return float(found[1])


def test_the_unit_is_hardened(unit: Path, tmp_path: Path) -> None:
    assert exposure(unit) < 3
    bare = tmp_path / "bare.service"
    bare.write_text("[Service]\nExecStart=/bin/true\n")
    assert exposure(bare) > 9, "it can tell"


def test_systemd_understands_the_unit(unit: Path, tmp_path: Path) -> None:
    text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(), flags=re.M)
    unit.write_text(text)
    assert systemd("verify", unit) == ""
    broken = tmp_path / "broken.service"
    broken.write_text(text.replace("Restart=on-failure", "Restart=sometimes"))
    assert "sometimes" in systemd("verify", broken)


def test_what_a_drill_needs_is_not_taken_away(unit: Path) -> None:
    """Its server lives in namespaces of its own: see `process.isolated`."""
    text = unit.read_text()
    assert "RestrictNamespaces=user net ipc" in text
    assert re.search(r"^SystemCallFilter=.*\bunshare\b.*\bseccomp\b", text, re.M)
    assert "@PROGRAM@" not in text


def test_the_container_is_nobodys_root_and_says_how_it_is() -> None:
    lines = DEPLOY.joinpath("Containerfile").read_text().replace("\\\n", " ").splitlines()
    steps = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    words = [step[0] for step in steps]
    last = steps[len(words) - 1 - words[::-1].index("FROM") :]
    named = {step[0]: step[1] for step in last}
    assert named["USER"].isdecimal()
    assert int(named["USER"]) > 0
    assert "/healthz" in named["HEALTHCHECK"]
    assert named["CMD"] == '["serve"]'
    assert "ADD" not in words, "nothing is fetched that is not checked"
    assert all(":" in step[1] and "latest" not in step[1] for step in steps if step[0] == "FROM")
    copied = [step[1] for step in steps if step[0] == "COPY"]
    assert all(one.startswith("--from=made ") for one in copied), "it needs nothing but this file"


def test_the_container_is_of_this_version(tmp_path: Path) -> None:
    from restoredrill import __version__

    done = run(REAL, "deploy", "container", cwd=tmp_path)
    assert f'"restoredrill[serve]=={__version__}"' in done.stdout
