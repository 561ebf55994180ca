"""terraform/README.md tells of everything that can be given, and shows what is handed over."""

import re

import pytest

from restoredrill.cli.handed import Handed, HandedBackup
from tests.terraform import hcl, offline

README = (offline.SOURCE / "README.md").read_text()


def named(file: str, kind: str) -> list[str]:
    return [block.labels[0] for block in hcl.blocks(offline.SOURCE / file) if block.kind == kind]


@pytest.mark.parametrize(("file", "kind"), [("variables.tf", "variable"), ("outputs.tf", "output")])
def test_everything_is_told(file: str, kind: str) -> None:
    cells = re.findall(r"^\| (`[^|]*`) \|", README, re.MULTILINE)
    told = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert [name for name in named(file, kind) if name not in told] == []


def test_nothing_is_told_that_is_gone() -> None:
    for heading, file, kind in (
        ("Variables", "variables.tf", "variable"),
        ("Outputs", "outputs.tf", "output"),
    ):
        section = README.split(f"## {heading}\n")[1].split("\n## ")[0]
        cells = re.findall(r"^\| (`[^|]*`) \|", section, re.MULTILINE)
        told = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
        assert told == set(named(file, kind))


def test_what_is_handed_over_is_what_init_reads() -> None:
    shown = README.split("restoredrill = {\n")[1].split("```")[0]
    for name in (*Handed.model_fields, *HandedBackup.model_fields):
        assert re.search(rf"\b{name}\b", shown), name


def test_every_module_is_told() -> None:
    section = README.split("## Modules\n")[1].split("\n## ")[0]
    told = set(re.findall(r"^\| `([\w-]+)` \|", section, re.MULTILINE))
    assert told == {path.name for path in (offline.SOURCE / "modules").iterdir() if path.is_dir()}
