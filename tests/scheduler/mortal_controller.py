"""Controllers that are killed at one step after another, each followed by one that lives.

A program: `python -m tests.scheduler.mortal_controller FOLDER KIND` prints what became of each as JSON lines.
KIND is `lasting` (work goes on without whoever began it, as on a machine of the cloud) or `frail` (it dies
with them). The history is SQLite, the vault a folder; the work is a file that says how far it came.
"""

import json
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from restoredrill import clock
from restoredrill.admission import Asked, Room
from restoredrill.controller import STOPPED, Controller, Orders, Result, Run
from restoredrill.errors import VaultConflict
from restoredrill.history.opening import open_history
from restoredrill.model import Report
from restoredrill.records import Task
from restoredrill.service_settings import LimitSettings
from restoredrill.vault.folder import FolderStore
from restoredrill.vault.tasks import VaultTasks
from tests.stories.mortal import Fuse, fork, status, walk

RUN = Run("shop", "backup", "0 3 * * *", "UTC")
DUE_AT = datetime(2026, 9, 23, 3, 0, tzinfo=UTC)


class Yard:
    """Does the work, as files: `<id>.begun`, then `<id>.done`."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._folder = folder
        self._kind = kind
        folder.mkdir(parents=True, exist_ok=True)

    def begin(self, task: Task) -> None:
        (self._folder / f"{task.id}.begun").touch()

    def finish(self, task: Task) -> None:
        (self._folder / f"{task.id}.done").touch(exist_ok=False)

    def carry_out(self, task: Task) -> Result:
        self.begin(task)
        self.finish(task)
        return Result("taken")

    def take_up(self, task: Task) -> Result | None:
        if (self._folder / f"{task.id}.done").exists():
            return Result("taken")
        if not (self._folder / f"{task.id}.begun").exists():
            return None
        if self._kind == "frail":
            return Result(STOPPED, "it died in the middle")
        self.finish(task)
        return Result("taken")


class Fragile(Yard):
    """The same, with its steps seen by a fuse."""

    def __init__(self, folder: Path, kind: str, fuse: Fuse) -> None:
        super().__init__(folder, kind)
        self._fuse = fuse

    def begin(self, task: Task) -> None:
        super().begin(task)
        self._fuse.tick()


class Books:
    """A vault in a folder; what is taken in is counted."""

    def __init__(self, folder: Path) -> None:
        self._tasks = VaultTasks(FolderStore(folder))

    def kept(self, task: Task) -> Task | None:
        return self._tasks.get(task.id)

    def keep(self, task: Task) -> Task:
        try:
            self._tasks.keep(task)
        except VaultConflict:
            return self._tasks.get(task.id) or task
        return task

    def take_in(self, task: Task) -> None:
        pass

    def report(self, task: Task) -> Report | None:
        return None


class _Ledger:
    """A history whose tasks a fuse is wrapped around."""

    def __init__(self, history: Any, fuse: Fuse) -> None:
        self.tasks = fuse.around(history.tasks)
        self.lead = history.lead


def work(folder: Path, kind: str, fuse: Fuse | None) -> None:
    """Queue the run, and go on until nothing is open."""
    with open_history(f"sqlite:///{folder}/history.sqlite") as history:
        yard: Any = Yard(folder / "yard", kind)
        books: Any = Books(folder / "vault")
        ledger: Any = history
        if fuse is not None:
            yard, books = fuse.around(Fragile(folder / "yard", kind, fuse)), fuse.around(books)
            ledger = _Ledger(history, fuse)
        orders = Orders(lambda task: Asked("local"), lambda now: Room(LimitSettings()))
        said = (folder / "said.log").open("a")
        controller = Controller(
            ledger,
            yard,
            books,
            lambda: orders,
            lambda event, **facts: print(event, facts, file=said, flush=True),
            hooks=[partial(_hear, folder / "heard.log", fuse)],
        )
        controller.due(RUN, DUE_AT)
        while history.tasks.open():
            assert controller.tick()
            clock.sleep(0.01)


def _hear(log: Path, fuse: Fuse | None, task: Task, _report: Report | None) -> None:
    with log.open("a") as sink:
        print(task.id, file=sink)
    if fuse is not None:
        fuse.tick()


def told(folder: Path, step: int, statuses: tuple[int, int]) -> dict[str, object]:
    """What there is after all, as anybody can see it."""
    with open_history(f"sqlite:///{folder}/history.sqlite") as history:
        past = history.tasks.past()
        unfinished = [task.id for task in history.tasks.open()]
    kept = VaultTasks(FolderStore(folder / "vault"))
    lines = (folder / "said.log").read_text().splitlines()
    return {
        "step": step,
        "killed": statuses[0] < 0,
        "statuses": statuses,
        "open": unfinished,
        "outcomes": sorted(task.outcome for task in past),
        "kept": all(kept.get(task.id) == task for task in past),
        "heard": set((folder / "heard.log").read_text().split()) == {task.id for task in past},
        "done": len(list((folder / "yard").glob("*.done"))),
        "last": lines[-1].partition(" {")[0],
    }


def main(folder: Path, kind: str) -> None:
    """One run for each step."""
    walk(folder, partial(_one, kind))


def _one(kind: str, place: Path, step: int) -> None:
    place.mkdir()
    first = status(fork(partial(work, place, kind, Fuse(step))))
    second = status(fork(partial(work, place, kind, None)))
    (place / "told.json").write_text(json.dumps(told(place, step, (first, second))))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
