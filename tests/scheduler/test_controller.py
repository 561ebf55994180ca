"""A task from the moment it is due to its end: each step, whatever goes wrong at it."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from restoredrill.admission import Asked, Room
from restoredrill.controller import STOPPED, Controller, Orders, Result, Rounds, Run
from restoredrill.errors import VaultUnreachable
from restoredrill.history.database import DatabaseHistory
from restoredrill.history.opening import open_history
from restoredrill.model import Report
from restoredrill.records import Task, TaskState
from restoredrill.service_settings import LimitSettings
from tests.plugins.requirements import REPOSITORY
from tests.scheduler.mortal_controller import Books

BACKUP = Run("shop", "backup", "0 3 * * *", "UTC")
DRILL = Run("shop", "drill", "0 3 * * *", "UTC")
DUE_AT = datetime(2026, 9, 23, 3, 0, tzinfo=UTC)

Deed = Callable[[Task], Result | None]


@pytest.fixture
def history(tmp_path: Path) -> Iterator[DatabaseHistory]:
    with open_history(f"sqlite:///{tmp_path}/history.sqlite") as opened:
        yield opened


class Crew:
    """Does with every task what it was told to do."""

    def __init__(self, deed: Deed, taken_up: Deed | None = None) -> None:
        self.begun: list[Task] = []
        self.taken_up: list[Task] = []
        self._deed = deed
        self._taken_up = taken_up or deed

    def carry_out(self, task: Task) -> Result | None:
        self.begun.append(task)
        return self._deed(task)

    def take_up(self, task: Task) -> Result | None:
        self.taken_up.append(task)
        return self._taken_up(task)


class Desk:
    """A controller with all around it."""

    def __init__(self, history: DatabaseHistory, folder: Path, crew: Crew, **orders: Any) -> None:
        self.said: list[str] = []
        self.heard: list[Task] = []
        self.history = history
        self.books: Any = Books(folder / "vault")
        asked = {"asked": lambda task: Asked("local"), "room": lambda now: Room(LimitSettings())}
        self.controller = Controller(
            history,
            crew,
            self.books,
            lambda: Orders(**{**asked, **orders}),
            lambda event, **facts: self.said.append(f"{event}; {facts.get('why', '')}"),
            host="here",
            hooks=[self._hear],
        )

    def _hear(self, task: Task, report: Report | None) -> None:
        self.heard.append(task)

    def run(self, *runs: Run) -> tuple[Task, ...]:
        """Until nothing is open any more; everything that is over, the last first."""
        for run in runs:
            self.controller.due(run, DUE_AT)
        until = time.monotonic() + 60
        while self.history.tasks.open():
            assert self.controller.tick()
            assert time.monotonic() < until, self.said
            time.sleep(0.005)
        return self.history.tasks.past()

    def tick_until(self, true: Callable[[], object]) -> None:
        until = time.monotonic() + 60
        while not true():
            self.controller.tick()
            assert time.monotonic() < until, self.said
            time.sleep(0.005)


@pytest.mark.parametrize("kind", ["lasting", "frail"])
def test_killed_at_each_step_in_turn(tmp_path: Path, kind: str) -> None:
    """Promise 8: whoever comes next goes on or begins anew; nothing is done twice, nothing is lost."""
    walk = [sys.executable, "-m", "tests.scheduler.mortal_controller", str(tmp_path), kind]
    done = subprocess.run(walk, capture_output=True, text=True, timeout=240, check=False, cwd=REPOSITORY)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["killed"] for row in rows] == [True] * (len(rows) - 1) + [False]
    assert len(rows) > 15, "it was killed at every step"
    for row in rows:
        assert row["statuses"][1] == 0, row
        assert row["open"] == [], row
        assert row["outcomes"].count("taken") == row["done"] == 1, row
        assert row["kept"], row
        assert row["heard"], row
    begun_anew = [row["step"] for row in rows if "interrupted" in row["outcomes"]]
    assert bool(begun_anew) == (kind == "frail"), "what dies with its controller is done again, and says so"


def test_a_task_comes_to_its_end_and_everybody_knows(history: DatabaseHistory, tmp_path: Path) -> None:
    desk = Desk(history, tmp_path, Crew(lambda task: Result("passed", "all 4 checks passed", 0.25)))
    (task,) = desk.run(DRILL)
    assert (task.state, task.outcome, task.reason) == (TaskState.DONE, "passed", "all 4 checks passed")
    assert (task.usd, task.host, task.attempt) == (0.25, "here", 1)
    assert desk.books.kept(task) == task
    assert desk.heard == [task]
    assert desk.said == [
        "drill shop: due; ",
        "drill shop: starts; ",
        "drill shop: passed; all 4 checks passed",
    ]


def test_the_same_time_is_queued_once(history: DatabaseHistory, tmp_path: Path) -> None:
    crew = Crew(lambda task: Result("taken"))
    desk = Desk(history, tmp_path, crew)
    assert len(desk.run(BACKUP, BACKUP)) == 1
    assert len(desk.run(BACKUP)) == 1, "also after its end"
    assert len(crew.begun) == 1


def test_a_backup_and_a_drill_overlap_and_two_drills_do_not(history: DatabaseHistory, tmp_path: Path) -> None:
    gate = threading.Event()

    def slow(task: Task) -> Result:
        assert gate.wait(60)
        return Result("passed")

    crew = Crew(slow)
    desk = Desk(history, tmp_path, crew)
    desk.controller.due(DRILL, DUE_AT)
    desk.controller.due(BACKUP, DUE_AT)
    desk.tick_until(lambda: len(crew.begun) == 2)
    desk.controller.due(DRILL, DUE_AT + timedelta(hours=1))
    desk.tick_until(lambda: any("another drill of shop is under way" in line for line in desk.said))
    assert len(crew.begun) == 2
    gate.set()
    assert {task.outcome for task in desk.run()} == {"passed"}
    assert len(crew.begun) == 3


def test_what_ends_badly_is_the_end_of_nothing_else(history: DatabaseHistory, tmp_path: Path) -> None:
    def broken(task: Task) -> Result:
        raise OSError(12, "Cannot allocate memory")

    desk = Desk(history, tmp_path, Crew(broken))
    past = {task.kind: task for task in desk.run(BACKUP, DRILL)}
    assert past["drill"].outcome == "inconclusive", "could not find out is no failure"
    assert past["backup"].outcome == "failed"
    assert "Cannot allocate memory" in past["backup"].reason


def test_a_vault_that_is_away_delays_an_end_and_loses_none(history: DatabaseHistory, tmp_path: Path) -> None:
    desk = Desk(history, tmp_path, Crew(lambda task: Result("passed")))
    away = [VaultUnreachable("put", "tasks", "no answer")]
    keep = desk.books.keep

    class Away:
        def __getattr__(self, name: str) -> Any:
            return getattr(desk.books, name)

        def keep(self, task: Task) -> Task:
            if away:
                raise away.pop()
            return keep(task)  # type: ignore[no-any-return]

    desk.controller = Controller(
        history,
        Crew(lambda task: Result("passed")),
        Away(),
        lambda: Orders(lambda task: Asked("local"), lambda now: Room(LimitSettings())),
        lambda event, **facts: desk.said.append(event),
    )
    (task,) = desk.run(DRILL)
    assert task.outcome == "passed"
    assert "drill shop: can't be closed yet" in desk.said


def test_what_we_stopped_is_done_again_once(history: DatabaseHistory, tmp_path: Path) -> None:
    desk = Desk(history, tmp_path, Crew(lambda task: Result(STOPPED, "told to stop")))
    second, first = desk.run(BACKUP)
    assert (first.attempt, second.attempt) == (1, 2)
    assert second.due_at == first.ended_at
    assert second.id != first.id


def test_a_drill_that_found_nothing_out_is_tried_as_often_as_asked(
    history: DatabaseHistory, tmp_path: Path
) -> None:
    ends = iter(["inconclusive", "inconclusive", "passed"])
    desk = Desk(history, tmp_path, Crew(lambda task: Result(next(ends))), retries=2)
    assert [task.outcome for task in desk.run(DRILL)] == ["passed", "inconclusive", "inconclusive"]


def test_one_that_failed_is_not_tried_until_it_passes(history: DatabaseHistory, tmp_path: Path) -> None:
    desk = Desk(history, tmp_path, Crew(lambda task: Result("failed")), retries=5)
    assert [task.outcome for task in desk.run(DRILL)] == ["failed"]


def test_one_that_never_began_waits_again(history: DatabaseHistory, tmp_path: Path) -> None:
    """A controller died between noting that a task runs and beginning it."""
    crew = Crew(lambda task: Result("passed"), taken_up=lambda task: None)
    desk = Desk(history, tmp_path, crew)
    desk.controller.due(DRILL, DUE_AT)
    (task,) = history.tasks.open()
    history.tasks.update(task.model_copy(update={"state": TaskState.RUNNING}), TaskState.WAITING)
    (task,) = desk.run()
    assert (len(crew.taken_up), len(crew.begun)) == (1, 1)
    assert task.outcome == "passed"


def test_an_end_that_is_in_the_vault_already_is_not_come_to_again(
    history: DatabaseHistory, tmp_path: Path
) -> None:
    crew = Crew(lambda task: Result("failed"))
    desk = Desk(history, tmp_path, crew)
    desk.controller.due(DRILL, DUE_AT)
    (task,) = history.tasks.open()
    running = task.model_copy(update={"state": TaskState.RUNNING})
    history.tasks.update(running, TaskState.WAITING)
    ended = {"state": TaskState.DONE, "outcome": "passed", "ended_at": DUE_AT + timedelta(minutes=5)}
    desk.books.keep(running.model_copy(update=ended))
    (found,) = desk.run()
    assert found.outcome == "passed"
    assert crew.taken_up == []


def test_what_no_file_wants_any_more_is_skipped_and_says_why(
    history: DatabaseHistory, tmp_path: Path
) -> None:
    desk = Desk(history, tmp_path, Crew(lambda task: Result("passed")), asked=lambda task: None)
    (task,) = desk.run(DRILL)
    assert task.state is TaskState.SKIPPED
    assert "no file asks for a drill of shop" in task.reason
    assert desk.books.kept(task) == task, "for ever"


def test_a_stop_begins_nothing_more(history: DatabaseHistory, tmp_path: Path) -> None:
    crew = Crew(lambda task: Result("passed"))
    desk = Desk(history, tmp_path, crew)
    desk.controller.due(DRILL, DUE_AT)
    desk.controller.stop(1)
    assert not desk.controller.tick()
    assert crew.begun == []


def test_who_does_not_lead_does_nothing(history: DatabaseHistory, tmp_path: Path) -> None:
    assert history.lead()
    with open_history(f"sqlite:///{tmp_path}/history.sqlite") as other:
        crew = Crew(lambda task: Result("passed"))
        desk = Desk(other, tmp_path, crew)
        desk.controller.due(DRILL, DUE_AT)
        assert not desk.controller.tick()
        assert crew.begun == []
        history.resign()
        assert [task.outcome for task in desk.run()] == ["passed"], "it takes over"


def test_jitter_is_waited_for(history: DatabaseHistory, tmp_path: Path) -> None:
    crew = Crew(lambda task: Result("passed"))
    late = timedelta(days=365 * 50)
    desk = Desk(history, tmp_path, crew, jitter=lambda database: late)
    desk.controller.due(DRILL, DUE_AT)
    desk.controller.tick()
    (task,) = history.tasks.open()
    assert task.not_before == DUE_AT + late
    assert "not before 2076" in task.reason
    assert crew.begun == []


def test_rounds_go_on_whatever_one_of_them_meets_and_end_when_told() -> None:
    lines: list[str] = []
    walked = threading.Semaphore(0)

    def deed() -> None:
        walked.release()
        raise VaultUnreachable("list", "drills", "no answer")

    rounds = Rounds(lambda event, **facts: lines.append(event), {"sync": (0.01, deed)})
    rounds.start()
    for _ in range(3):
        assert walked.acquire(timeout=60)
    rounds.stop()
    assert set(lines) == {"sync: list drills: no answer"}


def test_a_round_that_meets_what_nobody_thought_of_comes_again() -> None:
    walked = threading.Semaphore(0)
    lines: list[str] = []

    def deed() -> None:
        walked.release()
        raise ZeroDivisionError("no such number")

    rounds = Rounds(lambda event, **facts: lines.append(event), {"alarms": (0.01, deed)})
    rounds.start()
    for _ in range(3):
        assert walked.acquire(timeout=60)
    rounds.stop()
    assert lines[0] == "alarms: unexpected ZeroDivisionError: no such number"
