"""When things run: missed times, restarts, changes and clocks that jump."""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore

from restoredrill import scheduler
from restoredrill.controller import Run
from restoredrill.errors import HistoryError, UsageError
from restoredrill.records import Kind
from restoredrill.scheduler import Schedule, closed, trigger
from restoredrill.service_settings import Blackout

NIGHTLY = Run("shop", "drill", "0 3 * * *", "Europe/Berlin")
YEARLY = Run("shop", "backup", "0 0 1 1 *", "UTC")


class Calls:
    """What came due, in order."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.times: set[datetime] = set()
        self.said: list[str] = []
        self.came = threading.Event()

    def due(self, run: Run, due_at: datetime) -> None:
        self.runs.append(run)
        self.times.add(due_at)
        self.came.set()


def schedule(store: Path, calls: Calls) -> Schedule:
    return Schedule(store, calls.due, calls.said.append)


def overdue(store: Path, run: Run, by: timedelta) -> None:
    """A store as a service leaves it that was down when `run` came due."""
    jobstores = {"default": SQLAlchemyJobStore(url=f"sqlite:///{store}")}
    before = scheduler.Background(print, timezone=ZoneInfo("UTC"), jobstores=jobstores)
    before.start(paused=True)
    before.add_job(
        scheduler._fire,
        trigger(run),
        args=(run,),
        id=run.key,
        name=run.key,
        misfire_grace_time=None,
        next_run_time=datetime.now(UTC) - by,
    )
    before.shutdown()


def eventually(true: Callable[[], object]) -> None:
    until = time.monotonic() + 60
    while not true():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.02)


def test_a_time_missed_many_times_runs_once(tmp_path: Path) -> None:
    every_minute = Run("shop", "backup", "* * * * *", "UTC")
    store = tmp_path / "runs.sqlite"
    overdue(store, every_minute, timedelta(days=3))
    calls = Calls()
    running = schedule(store, calls)
    running.start([every_minute])
    assert calls.came.wait(60)
    seconds_left = 60 - datetime.now(UTC).second
    running.stop()
    assert len(calls.runs) == 1 or seconds_left <= 2, "three days of minutes are one run"


def test_nothing_runs_twice_over_a_restart(tmp_path: Path) -> None:
    store = tmp_path / "runs.sqlite"
    overdue(store, YEARLY, timedelta(hours=5))
    calls = Calls()
    for _ in range(3):
        running = schedule(store, calls)
        running.start([YEARLY])
        assert calls.came.wait(60)
        running.stop()
    assert calls.runs == [YEARLY]


def test_a_run_whose_times_changed_is_not_overdue_by_the_old_ones(tmp_path: Path) -> None:
    store = tmp_path / "runs.sqlite"
    overdue(store, NIGHTLY, timedelta(hours=5))
    moved = Run("shop", "drill", "0 4 * * *", "Europe/Berlin")
    calls = Calls()
    running = schedule(store, calls)
    running.start([moved])
    ((run, at),) = running.upcoming()
    running.stop()
    assert run == moved
    assert at.astimezone(ZoneInfo("Europe/Berlin")).hour == 4
    assert calls.runs == []


def test_what_is_no_longer_wanted_is_dropped(tmp_path: Path) -> None:
    store = tmp_path / "runs.sqlite"
    overdue(store, NIGHTLY, timedelta(hours=5))
    calls = Calls()
    running = schedule(store, calls)
    running.start([YEARLY])
    assert [run for run, _ in running.upcoming()] == [YEARLY]
    running.stop()
    assert calls.runs == []


def test_a_store_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    """A full disk for a while: the run is queued again, as the same one, and the schedule lives on."""
    store = tmp_path / "runs.sqlite"
    overdue(store, YEARLY, timedelta(hours=5))
    calls = Calls()
    running = schedule(store, calls)
    with contextlib.closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # readers read on, whoever writes gets an error
        running._scheduler.start()
        eventually(lambda: calls.said)
        other.execute("ROLLBACK")
    eventually(lambda: running.upcoming()[0][1] > datetime.now(UTC))
    running.stop()
    assert set(calls.runs) == {YEARLY}
    assert len(calls.times) == 1
    assert "can't be kept" in calls.said[0]
    assert "UPDATE" not in calls.said[0]


def test_a_time_is_queued_before_the_next_one_is_noted(tmp_path: Path) -> None:
    """Killed in between, it is queued once more, with the same time: whoever keeps the queue knows it."""
    store = tmp_path / "runs.sqlite"
    overdue(store, YEARLY, timedelta(hours=5))
    noted: list[float] = []
    began = threading.Event()

    def look(run: Run, due_at: datetime) -> None:
        with contextlib.closing(sqlite3.connect(store)) as other:
            noted.extend(row[0] for row in other.execute("SELECT next_run_time FROM apscheduler_jobs"))
        noted.append(due_at.timestamp())
        began.set()

    running = Schedule(store, look, print)
    running.start([YEARLY])
    assert began.wait(60)
    running.stop()
    assert noted[0] == pytest.approx(noted[1])
    assert noted[1] < time.time()


def test_a_store_that_cannot_be_opened_is_said_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    running = schedule(tmp_path / "file" / "runs.sqlite", Calls())
    with pytest.raises(UsageError, match=r"runs\.sqlite") as caught:
        running.start([YEARLY])
    running.stop()
    assert "RESTOREDRILL_STATE" in caught.value.hint


def test_what_cannot_be_queued_is_tried_until_it_can_be(tmp_path: Path) -> None:
    """A history that is away for a while: nothing is lost, and it is said."""
    store = tmp_path / "runs.sqlite"
    overdue(store, YEARLY, timedelta(hours=5))
    calls = Calls()
    tries = iter([HistoryError("write", "the history", "is away")])

    def away(run: Run, due_at: datetime) -> None:
        for error in tries:
            raise error
        calls.due(run, due_at)

    running = Schedule(store, away, calls.said.append, retry_s=0.01)
    running.start([YEARLY])
    assert calls.came.wait(60)
    running.stop()
    assert calls.runs == [YEARLY]
    assert "can't be queued: write the history: is away" in calls.said[0]


def test_what_could_not_be_queued_before_the_end_is_still_due_afterwards(tmp_path: Path) -> None:
    """Promise 8: not queued is not noted as done."""
    store = tmp_path / "runs.sqlite"
    overdue(store, YEARLY, timedelta(hours=5))
    first, calls = Calls(), Calls()

    def away(run: Run, due_at: datetime) -> None:
        raise HistoryError("write", "the history", "is away")

    running = Schedule(store, away, first.said.append)
    running.start([YEARLY])
    eventually(lambda: first.said)
    running.stop()
    again = schedule(store, calls)
    again.start([YEARLY])
    assert calls.came.wait(60)
    again.stop()
    assert calls.runs == [YEARLY]


def test_a_file_that_changes_changes_what_is_due(tmp_path: Path) -> None:
    running = schedule(tmp_path / "runs.sqlite", Calls())
    running.start([YEARLY])
    running.settle([NIGHTLY])
    assert [run for run, _ in running.upcoming()] == [NIGHTLY]
    running.stop()


def windows(cron: str, length: str, *what: Kind) -> Blackout:
    return Blackout.model_validate({"cron": cron, "for": length, "what": what or ("backup", "drill")})


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2026-11-26T07:59Z", None),
        ("2026-11-26T08:00Z", "2026-11-26T18:00Z"),
        ("2026-11-26T17:59Z", "2026-11-26T18:00Z"),
        ("2026-11-26T18:00Z", None),
        ("2026-11-28T12:00Z", None),  # a Saturday
    ],
)
def test_a_blackout_holds_from_its_first_moment_and_not_beyond_its_last(at: str, until: str | None) -> None:
    office = windows("0 8 * * mon-fri", "10h", "backup")
    wanted = {} if until is None else {"backup": datetime.fromisoformat(until)}
    assert closed([office], datetime.fromisoformat(at)) == wanted


def test_of_windows_that_overlap_the_longest_holds() -> None:
    found = closed(
        [windows("0 * * * *", "3h"), windows("30 8 * * *", "30m")], datetime(2026, 11, 26, 8, 45, tzinfo=UTC)
    )
    assert found == dict.fromkeys(("backup", "drill"), datetime(2026, 11, 26, 11, 0, tzinfo=UTC))


@pytest.mark.parametrize(
    ("cron", "after", "expected"),
    [
        ("0 3 * * *", "2026-03-28T12:00+01:00", "2026-03-29T03:00+02:00"),  # the night that lacks an hour
        ("30 2 * * *", "2026-10-24T12:00+02:00", "2026-10-25T02:30+02:00"),  # the night that has one twice
        ("15 * * * *", "2026-10-25T02:15:01+02:00", "2026-10-25T02:15+01:00"),
        ("0 3 * * sun", "2026-11-25T00:00+01:00", "2026-11-29T03:00+01:00"),
        ("0 3 * * 0", "2026-11-25T00:00+01:00", "2026-11-29T03:00+01:00"),  # 0 is Sunday, as in crontab(5)
        ("0 3 13 * 5", "2026-11-25T00:00+01:00", "2026-11-27T03:00+01:00"),  # the 13th or a Friday
        ("@daily", "2026-11-25T00:00:01+01:00", "2026-11-26T00:00+01:00"),
        ("0 3 1 * *", "2026-11-25T00:00+01:00", "2026-12-01T03:00+01:00"),
    ],
)
def test_times_follow_the_wall_clock_of_their_zone(cron: str, after: str, expected: str) -> None:
    run = Run("shop", "drill", cron, "Europe/Berlin")
    at = trigger(run).get_next_fire_time(None, datetime.fromisoformat(after))
    assert at is not None
    assert at.astimezone(UTC) == datetime.fromisoformat(expected).astimezone(UTC)
