"""How a measured program and the meter talk: the program says when a step begins and ends, and waits until
the meter has looked. Both sides of a comparison are such programs, each a process of its own.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks import meter

REPOSITORY = Path(__file__).parents[2]
JOBS = 2  # of either side, wherever jobs can be given


# In the program that is measured ----------------------------------------------------------------------------


@contextmanager
def step(name: str) -> Iterator[None]:
    """Everything inside is measured under this name."""
    _say("begin", name)
    yield
    _say("end", name)


def outcome(facts: dict[str, Any]) -> None:
    """What the program has to say at its end."""
    _say("outcome", facts)


def order() -> dict[str, Any]:
    """What the program is to do: the JSON document in its last argument's file."""
    document: dict[str, Any] = json.loads(Path(sys.argv[-1]).read_text())
    return document


def _say(*words: Any) -> None:
    print(json.dumps(words), flush=True)
    sys.stdin.readline()


# Where it is measured ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    """One step of one side in one round. `memory_bytes` and `disk_bytes` are peaks (see `meter.Peaks`)."""

    spent: meter.Spent
    memory_bytes: int
    disk_bytes: int

    def to_json(self) -> dict[str, Any]:
        """For the file that keeps every figure."""
        return asdict(self) | {"cpu_s": self.spent.cpu_s}


def measure(
    module: str, document: dict[str, Any], folder: Path, store: int
) -> tuple[dict[str, Measured], dict[str, Any]]:
    """Run `python -m module` on `document` in `folder`, which is its own; its steps by name, and its outcome.

    Raises `RuntimeError` with what it said if it fails.
    """
    document_file, errors = folder / "order.json", folder / "stderr"
    document_file.write_text(json.dumps(document))
    os.sync()  # what was written before must not be paid for by whoever comes next
    with errors.open("wb") as stderr:
        child = subprocess.Popen(
            [sys.executable, "-m", module, str(document_file)],
            cwd=REPOSITORY,
            env={**os.environ, "TMPDIR": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    roots = meter.Roots(harness=os.getpid(), store=store, client=child.pid)
    with child, meter.Watch(child.pid, folder) as watch:
        measured, facts = _listen(child, roots, watch)
    if child.returncode != 0:
        raise RuntimeError(f"{module} {document['verb']} failed:\n{errors.read_text()[-2000:]}")
    return measured, facts


def _listen(
    child: "subprocess.Popen[str]", roots: meter.Roots, watch: meter.Watch
) -> tuple[dict[str, Measured], dict[str, Any]]:
    assert child.stdout is not None
    assert child.stdin is not None
    measured: dict[str, Measured] = {}
    facts: dict[str, Any] = {}
    first: meter.Reading | None = None
    for line in child.stdout:
        kind, what = json.loads(line)
        if kind == "begin":
            watch.reset()
            first = meter.read(roots)
        elif kind == "end":
            assert first is not None
            spent = meter.between(first, meter.read(roots))
            measured[what] = Measured(spent, watch.peaks.memory_bytes, watch.peaks.disk_bytes)
        else:
            facts = what
        child.stdin.write("go\n")
        child.stdin.flush()
    return measured, facts
