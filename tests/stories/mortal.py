"""Drills whose controller is killed at one step after another, and taken up by the next one.

A program: `python -m tests.stories.mortal FOLDER SCRIPT` prints what became of each as JSON lines. It has no
threads when it forks, as whoever runs tests may have. Everything that outlives a controller is in files.
"""

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from restoredrill import drill
from restoredrill.drill import Hands
from restoredrill.errors import VaultMissing
from restoredrill.model import Errand, Event, Job, Report
from restoredrill.protocols import MachineState
from restoredrill.vault.folder import FolderStore
from restoredrill.vault.journal import VaultJournal
from tests.stories.samples import DRILL, cloud_job, manifest, report

AT_ONCE = 8


class Yard:
    """Machines in a folder. Each look at one lets it go on by a step of its script: `s` it says something,
    `i` it is taken away, `r` it writes its report, `e` it ends.
    """

    def __init__(self, folder: Path, journal: VaultJournal, scripts: list[str]) -> None:
        self._folder = folder
        self._journal = journal
        self._scripts = scripts
        folder.mkdir(parents=True, exist_ok=True)

    def launch(self, job: Errand, attempt: int = 1) -> str:
        name = f"i-{attempt}"
        if not (self._folder / f"{name}.started").exists():  # the same token never starts another one
            (self._folder / name).write_text("0")
            (self._folder / f"{name}.started").touch()
        return name

    def state(self, machine: str) -> MachineState:
        lives = sorted(self._folder.glob("i-?" if machine == DRILL else machine))
        if not lives:
            taken = machine == DRILL and (self._folder / "reclaimed").exists()
            return MachineState(running=False, detail="gone", reclaimed=taken)
        home = lives[-1]
        attempt, step = int(home.name[2:]), int(home.read_text())
        home.write_text(str(step + 1))
        return self._go_on(home, attempt, step)

    def _go_on(self, home: Path, attempt: int, step: int) -> MachineState:
        deed = self._scripts[attempt - 1][step : step + 1]
        if deed in ("s", "i"):
            number = (attempt - 1) * 100_000 + step + 1
            kind = "started" if deed == "s" else "interrupted"
            event = {"at": datetime.now(UTC), "phase": "restore", "kind": kind}
            self._journal.emit(DRILL, number, Event.model_validate(event))
        if deed == "r":
            made = report()
            facts = made.machine.model_copy(update={"attempts": attempt})
            self._journal.save(made.model_copy(update={"machine": facts}), {})
        if deed in ("e", "x"):
            home.unlink()
            if deed == "x":
                (self._folder / "reclaimed").touch()
            return MachineState(running=False, detail="it ended", reclaimed=deed == "x")
        return MachineState(running=True)

    def last_words(self, machine: str) -> str:
        return "a console"

    def terminate(self, machine: str) -> None:
        for home in self._folder.glob("i-?" if machine == DRILL else machine):
            home.unlink()

    def leftovers(self, errand: str) -> tuple[str, ...]:
        return tuple(home.name for home in self._folder.glob("i-?"))


class Fuse:
    """Kills this process before or after the n-th call of anything it is wrapped around."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def tick(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, thing: Any) -> Any:
        return _Fragile(thing, self)


class _Fragile:
    def __init__(self, thing: Any, fuse: Fuse) -> None:
        self._thing = thing
        self._fuse = fuse

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            self._fuse.tick()
            answer = getattr(self._thing, name)(*args)
            self._fuse.tick()
            return answer

        return call


def _hands(folder: Path, scripts: list[str], fuse: Fuse | None) -> Hands:
    journal = VaultJournal(FolderStore(folder / "vault"))
    yard = Yard(folder / "yard", journal, scripts)
    if fuse is not None:
        yard, journal = fuse.around(yard), fuse.around(journal)
    return Hands(yard, journal, lambda report: {}, lambda event: None)


def fork(work: Callable[[], None]) -> int:
    """Do it in a process of its own, which is a child of this one."""
    child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException:
        traceback.print_exc()
        os._exit(3)
    os._exit(0)


def status(child: int) -> int:
    """How it ended; negative: the signal that did it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _resume(folder: Path, scripts: list[str]) -> None:
    journal = VaultJournal(FolderStore(folder / "vault"))
    try:
        job = journal.job(DRILL)
    except VaultMissing:
        return
    drill.resume(job, manifest(), _hands(folder, scripts, None))


def _told(folder: Path, step: int, statuses: tuple[int, int]) -> dict[str, object]:
    journal = VaultJournal(FolderStore(folder / "vault"))
    submitted = (folder / "vault" / "drills" / DRILL / "job.json").exists()
    found: Report | None = next(iter(journal.reports(DRILL)), None) if submitted else None
    return {
        "step": step,
        "killed": statuses[0] == -signal.SIGKILL,
        "statuses": statuses,
        "submitted": submitted,
        "verdict": None if found is None else found.verdict,
        "attempts": 0 if found is None else found.machine.attempts,
        "swept": found is not None and found.machine.swept_at is not None,
        "started": len(list((folder / "yard").glob("*.started"))),
        "alive": [home.name for home in (folder / "yard").glob("i-?")],
    }


def walk(folder: Path, one: Callable[[Path, int], None]) -> None:
    """One after another is killed at its step, some at a time, until one lives to its end; `one` writes
    told.json into the folder it is given.
    """
    for first in range(1, 200, AT_ONCE):
        steps = range(first, first + AT_ONCE)
        children = [fork(partial(one, folder / str(step), step)) for step in steps]
        statuses = [status(child) for child in children]
        assert not any(statuses), f"steps {steps}: {statuses}"
        for step in steps:
            told = (folder / str(step) / "told.json").read_text()
            print(told, flush=True)
            if not json.loads(told)["killed"]:
                return


def main(folder: Path, scripts: list[str]) -> None:
    """One drill for each step."""
    walk(folder, partial(_one, scripts))


def _one(scripts: list[str], place: Path, step: int) -> None:
    place.mkdir()
    hands = _hands(place, scripts, Fuse(step))
    first = status(fork(lambda: _conduct(cloud_job(), hands)))
    second = status(fork(lambda: _resume(place, scripts)))
    (place / "told.json").write_text(json.dumps(_told(place, step, (first, second))))


def _conduct(job: Job, hands: Hands) -> None:
    drill.conduct(job, manifest(), hands)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
