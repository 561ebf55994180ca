"""The agent's bundle for the Python that runs the tests: built once for all workers, and when the source is
another.
"""

import fcntl
import hashlib
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from restoredrill import bundle
from restoredrill.bundle import Kind
from restoredrill.errors import RestoredrillError
from restoredrill.plan import AgentBundle
from tests.plugins.requirements import REPOSITORY, missing

_OLD_S = 7200.0
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"


@dataclass(frozen=True)
class Built:
    """A bundle and its document."""

    path: Path
    bundle: AgentBundle


def _source() -> str:
    """Changes with the source and with what it needs."""
    found = hashlib.sha256(PYTHON.encode())
    places = [*sorted((REPOSITORY / "restoredrill").rglob("*")), REPOSITORY / "pyproject.toml"]
    for path in (*places, REPOSITORY / ".locks" / "dev.txt"):
        if path.is_file() and "__pycache__" not in path.parts:
            found.update(f"{path.relative_to(REPOSITORY)}\0".encode() + path.read_bytes())
    return found.hexdigest()[:16]


def _cache() -> Path:
    """Of this user's own."""
    place = Path(tempfile.gettempdir()) / f"restoredrill-tests-{os.geteuid()}" / "bundle"
    place.mkdir(parents=True, exist_ok=True, mode=0o755)
    return place


def _remembered(folder: Path) -> Built | None:
    for document in folder.glob("*.pyz.json"):
        path = document.with_suffix("")
        if path.is_file():
            return Built(path, AgentBundle.model_validate_json(document.read_bytes()))
    return None


def build_once(kind: Kind) -> Built:
    """From the cache, or built into it; whoever comes at the same time waits."""
    cache = _cache()
    folder = cache / f"{_source()}-{kind.python}-{kind.platform}-{'full' if kind.postgres else 'bare'}"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = _remembered(folder)
        if found is None:
            for older in cache.glob("*/*"):  # of sources that were changed since, and nobody's any more
                if time.time() - older.stat().st_mtime > _OLD_S:
                    older.unlink(missing_ok=True)
            path, told = bundle.build(kind, folder, dict(os.environ), lambda _: None)
            found = Built(path, told)
    return found


@pytest.fixture(scope="session")
def agent_bundle() -> Built:
    """The agent with PostgreSQL, for this Python on this platform."""
    return _built_for(PYTHON)


@pytest.fixture(scope="session")
def machine_bundle() -> Built:
    """The same for what the machines of the bed have: Debian 12's Python."""
    return _built_for("3.11")


def _built_for(python: str) -> Built:
    try:
        return build_once(Kind(python, f"linux_{os.uname().machine}"))
    except RestoredrillError as error:
        missing(f"no bundle could be built: {error}")
