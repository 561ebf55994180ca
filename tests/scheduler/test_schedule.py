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
from restoredrill.errors import UsageError
from restoredrill.scheduler import Schedule, trigger

NIGHTLY = Run("shop", "drill", "0 3 * * *", "Europe/Berlin")
YEARLY = Run("shop", "backup", "0 0 1 1 *", "UTC")


class Calls:
    """What came due, in order."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.said: list[str] = []
        self.came = threading.Event()

    def due(self, run: Run) -> None:
        self.runs.append(run)
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


def test_a_store_that_cannot_be_written_delays_a_run_and_ends_nothing(tmp_path: Path) -> None:
    """A full disk for a while: the run comes afterwards, once, and the schedule lives on."""
    store = tmp_path / "runs.sqlite"
    overdue(store, YEARLY, timedelta(hours=5))
    calls = Calls()
    running = schedule(store, calls)
    with contextlib.closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # readers read on, whoever writes gets an error
        running._scheduler.start()
        eventually(lambda: calls.said)
        assert calls.runs == [], "what can't be noted does not start"
        other.execute("ROLLBACK")
    assert calls.came.wait(60)
    ((_, at),) = running.upcoming()
    running.stop()
    assert calls.runs == [YEARLY]
    assert at > datetime.now(UTC)
    assert "can't be kept" in calls.said[0]
    assert "UPDATE" not in calls.said[0]


def test_a_run_is_noted_before_it_begins(tmp_path: Path) -> None:
    """Killed at its very first moment, it does not run again."""
    store = tmp_path / "runs.sqlite"
    overdue(store, YEARLY, timedelta(hours=5))
    noted: list[float] = []
    began = threading.Event()

    def look(run: Run) -> None:
        with contextlib.closing(sqlite3.connect(store)) as other:
            noted.extend(row[0] for row in other.execute("SELECT next_run_time FROM apscheduler_jobs"))
        began.set()

    running = Schedule(store, look, print)
    running.start([YEARLY])
    assert began.wait(60)
    running.stop()
    assert noted[0] > time.time()


def test_a_store_that_cannot_be_opened_is_said_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    running = schedule(tmp_path / "file" / "runs.sqlite", Calls())
    with pytest.raises(UsageError, match=r"runs\.sqlite") as caught:
        running.start([YEARLY])
    running.stop()
    assert "RESTOREDRILL_STATE" in caught.value.hint


def test_a_run_that_raises_is_said_and_comes_again(tmp_path: Path) -> None:
    store = tmp_path / "runs.sqlite"
    overdue(store, YEARLY, timedelta(hours=5))
    calls = Calls()

    def broken(run: Run) -> None:
        raise ZeroDivisionError("no such number")

    running = Schedule(store, broken, calls.said.append)
    running.start([YEARLY])
    eventually(lambda: calls.said)
    assert [run for run, _ in running.upcoming()] == [YEARLY]
    running.stop()
    assert "ZeroDivisionError: no such number" in calls.said[0]


def test_two_runs_of_one_database_and_kind_never_overlap(tmp_path: Path) -> None:
    """One that is still under way when its next time comes is skipped, and that is said."""
    store = tmp_path / "runs.sqlite"
    overdue(store, YEARLY, timedelta(hours=5))
    calls = Calls()
    release = threading.Event()

    def slow(run: Run) -> None:
        calls.due(run)
        release.wait(60)

    running = Schedule(store, slow, calls.said.append)
    running.start([YEARLY])
    assert calls.came.wait(60)
    running._scheduler.modify_job(YEARLY.key, next_run_time=datetime.now(UTC))
    eventually(lambda: calls.said)
    release.set()
    running.stop()
    assert calls.runs == [YEARLY]
    assert "skipped" in calls.said[0]


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
