"""The bundle, built for real: what is in it, that it starts on a bare Python, and who may run its servers."""

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from restoredrill import bundle, process
from restoredrill.bundle import Kind
from restoredrill.errors import RestoredrillError, UsageError
from restoredrill.plan import AgentBundle
from tests.cli import programs
from tests.plugins.bundle import PYTHON, Built

BARE = getattr(sys, "_base_executable", sys.executable)  # without what the virtual environment brings


def run(built: Built, root: Path, *words: str, more: Mapping[str, str] | None = None) -> str:
    """What the bundle says to `words`, on a Python that has nothing else."""
    env = {"PATH": "/usr/bin:/bin", "SHIV_ROOT": str(root), **(more or {})}
    argv = [BARE, "-I", str(built.path), *words]
    done = subprocess.run(argv, env=env, cwd="/", capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def names(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def test_it_starts_on_a_bare_python(agent_bundle: Built, tmp_path: Path) -> None:
    assert run(agent_bundle, tmp_path, "--version").startswith("restoredrill ")


def test_its_document_tells_what_it_is(agent_bundle: Built) -> None:
    told = agent_bundle.bundle
    body = agent_bundle.path.read_bytes()
    assert hashlib.sha256(body).hexdigest() == told.sha256
    assert len(body) == told.size_bytes
    assert told.name == agent_bundle.path.name
    assert told.python == PYTHON
    assert f"-py{PYTHON.replace('.', '')}-{told.sha256[:12]}.pyz" in told.name
    assert told.postgres is not None
    assert {"plpgsql", "pg_trgm", "pgcrypto", "hstore"} <= set(told.extensions)
    assert "hstore_plpython3u" not in told.extensions, "needs a language that is not there"
    document = bundle.document_of(agent_bundle.path)
    assert AgentBundle.model_validate_json(document.read_bytes()) == told


def test_it_is_small(agent_bundle: Built) -> None:
    """A machine fetches it each time. 29 MB when this was written, half of it PostgreSQL's."""
    assert agent_bundle.bundle.size_bytes < 40_000_000
    inside = names(agent_bundle.path)
    assert not [name for name in inside if name.endswith((".pyi", ".pyc", ".a")) or "/tests/" in name]
    assert (
        len({name.split("/")[3] for name in inside if name.startswith("site-packages/botocore/data/")}) < 15
    )


def test_it_finds_the_postgres_it_brings(agent_bundle: Built, short_path: Path) -> None:
    code = (
        "from restoredrill.engines.postgres import toolchain; "
        "found = [t for t in toolchain.installed() if 'celerp' in str(t.bindir)]; "
        "print(f'{found[0].bindir}|{found[0].version}')"
    )
    root = short_path / "unpacked"
    out = run(agent_bundle, root, "-c", code, more={"SHIV_INTERPRETER": "1"})
    bindir, _, version = out.strip().partition("|")
    assert version == agent_bundle.bundle.postgres
    assert Path(bindir).is_relative_to(root)
    done = process.run([Path(bindir, "postgres"), "--version"], as_server=True, cwd=Path("/"), timeout_s=60)
    assert (done.code, version in done.out) == (0, True)


def test_what_it_holds_can_be_imported(agent_bundle: Built, tmp_path: Path) -> None:
    """What an errand imports late: a piece that was cut off would be missed on a machine only."""
    code = (
        "import restoredrill.reports.forms, restoredrill.vault.s3, restoredrill.engines.postgres.target, "
        "restoredrill.engines.postgres.source, restoredrill.aws.secrets, restoredrill.cli.agent.run, "
        "restoredrill.cli.agent.errand, restoredrill.vault.sealing, rich.traceback, zstandard; "
        "from restoredrill.aws.session import Reach, client; "
        "[client(name, Reach('us-east-1')) for name in ('s3', 'sts', 'ssm', 'secretsmanager', 'kms')]; "
        "print(zstandard.backend)"
    )
    assert run(agent_bundle, tmp_path, "-c", code, more={"SHIV_INTERPRETER": "1"}) == "cext\n"


# Other kinds ------------------------------------------------------------------------------------------------


def elf_machines(path: Path) -> set[int]:
    """Which processors the libraries in it are for: ELF's e_machine."""
    with zipfile.ZipFile(path) as archive:
        heads = (archive.read(name)[:20] for name in archive.namelist() if ".so" in name)
        return {int.from_bytes(head[18:20], "little") for head in heads if head[:4] == b"\x7fELF"}


def test_one_for_another_python_and_platform_is_the_same_each_time(tmp_path: Path) -> None:
    kind = Kind("3.12", "linux_aarch64", postgres=False)
    first, told = bundle.build(kind, tmp_path / "a", dict(os.environ), lambda _: None)
    assert elf_machines(first) == {183}
    assert told.postgres is None
    assert not [name for name in names(first) if "celerp" in name]
    assert bundle.build(kind, tmp_path / "b", dict(os.environ), lambda _: None)[1] == told
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [told.name, f"{told.name}.json"]


def test_no_wheels_to_be_had(tmp_path: Path) -> None:
    nowhere = {
        **os.environ,
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path),
    }
    nowhere.pop("PIP_EXTRA_INDEX_URL", None)
    with pytest.raises(RestoredrillError, match=r"fetch wheels for Python 3\.13, linux_aarch64: ") as raised:
        bundle.build(Kind("3.13", "linux_aarch64"), tmp_path / "out", nowhere, lambda _: None)
    assert "pip's index" in raised.value.hint
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(("python", "platform"), [("2.7", "linux_x86_64"), ("3.11", "windows")])
def test_what_there_is_not(python: str, platform: str) -> None:
    with pytest.raises(UsageError, match="no such"):
        Kind(python, platform)


@pytest.mark.parametrize("module", ["shiv", "pip"])
def test_without_its_tool_it_says_what_to_install(module: str, tmp_path: Path) -> None:
    program = f"import sys; sys.modules[{module!r}] = None; {programs.REAL}"
    done = programs.run(program, "agent", "build", "--output", tmp_path / "dist", cwd=tmp_path)
    assert done.returncode == 3
    assert f"{module} is not installed here" in done.stderr
    assert "hint: " in done.stderr
