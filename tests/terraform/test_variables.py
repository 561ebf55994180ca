"""What is given is looked at before anything is made."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from restoredrill.cli import COMMANDS, frame
from restoredrill.errors import Exit
from tests.terraform import offline
from tests.terraform.offline import Working

pytestmark = pytest.mark.xdist_group("terraform")
GOOD: dict[str, Any] = {"owner": "dba@acme.example", "databases": {"shop": {}}}


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Working:
    """Initialised, and with an account that nobody answers for: whatever is refused is refused before."""
    offline.program()
    keys = {"AWS_ACCESS_KEY_ID": "made-up", "AWS_SECRET_ACCESS_KEY": "made-up"}
    folder = tmp_path_factory.mktemp("variables") / "terraform"
    return offline.working(folder, "http://127.0.0.1:9", "us-east-1", keys)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"databases": {}}, "databases needs at least one"),
        ({"databases": {"sh/op": {}}}, "a name has letters and digits"),
        ({"databases": {"shop": {"proof_days": 8}}}, "proof_days is a whole number of days"),
        ({"databases": {"shop": {"proof_days": 0.5}}}, "proof_days is a whole number of days"),
        ({"owner": ""}, "owner is a tag's value"),
        ({"name": "Restoredrill"}, "name has 3 to 20 lower-case letters"),
        ({"regions": ["Frankfurt"]}, "regions are names like eu-central-1"),
        ({"tags": {"restoredrill:errand": "x"}}, "are taken"),
        ({"image": "debian"}, "image is ami-"),
        ({"backup_network": {"subnets": [], "security_groups": ["sg-0a"]}}, "at least one subnet"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_variable_is_refused_and_told(terraform: Working, wrong: dict[str, Any], said: str) -> None:
    assert said in terraform.refused(**{**GOOD, **wrong})


def test_the_example_is_valid(terraform: Working) -> None:
    example = Working(terraform.folder / "examples" / "complete", terraform.environment)
    shutil.copytree(offline.SOURCE / "examples", terraform.folder / "examples", dirs_exist_ok=True)
    main = example.folder / "main.tf"
    main.write_text(main.read_text().replace(">= 6.0, < 7.0", offline.PROVIDER))
    example.run("init", "-input=false")
    assert "valid" in example.run("validate")


def test_the_controllers_unit_names_a_command_that_there_is(tmp_path: Path) -> None:
    unit = (offline.SOURCE / "modules" / "controller" / "restoredrill.service").read_text()
    (line,) = [one for one in unit.splitlines() if one.startswith("ExecStart=")]
    program, *argv = line.removeprefix("ExecStart=").split()
    assert program == "/usr/local/bin/restoredrill"
    (tmp_path / "schedules").mkdir()
    where = [str(tmp_path / "schedules") if one == "/etc/restoredrill/schedules" else one for one in argv]
    assert frame.run(COMMANDS, "restoredrill.cli", [*where, "--help"]) == 0
    assert frame.run(COMMANDS, "restoredrill.cli", [*where, "--no-such-option"]) == Exit.USAGE
