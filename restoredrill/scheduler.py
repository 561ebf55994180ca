"""When: APScheduler with a store on disk, so that a time that passed while nobody was here is known
afterwards.

A missed time is queued once, however many were missed; the same time is never queued as two.
"""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from apscheduler.executors.base import BaseExecutor
from apscheduler.job import Job
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import STATE_STOPPED
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from restoredrill.controller import Run
from restoredrill.cron import normalise_cron
from restoredrill.errors import UsageError
from restoredrill.records import Kind
from restoredrill.service_settings import Blackout

RETRY_S = 5.0  # where the store can't be written (a full disk, say)

Due = Callable[[Run, datetime], None]

# APScheduler stores a job as the name of a function and its arguments, so what to call lies here.
_due: list[Due] = []


class Background(BackgroundScheduler):  # type: ignore[misc]  # APScheduler has no types
    """APScheduler looks once more for due jobs while it shuts down. And what its store raises ends its only
    thread, in silence.
    """

    def __init__(self, say: Callable[[str], None], **settings: object) -> None:
        super().__init__(**settings)
        self._say = say

    def _process_jobs(self) -> float | None:
        if self.state == STATE_STOPPED:
            return None
        try:
            wait_s: float | None = super()._process_jobs()
        except SQLAlchemyError as error:
            self._say(f"nothing new is queued, as the schedule can't be kept: {_reason(error)}")
            return RETRY_S
        return wait_s


class Queueing(BaseExecutor):  # type: ignore[misc]
    """Queues a job in the scheduler's own thread, before its next time is noted: one that is killed in
    between queues it again, and whoever keeps the queue knows it by its time. What can't be queued holds up
    the rest: nothing else could be queued either.
    """

    def __init__(self, say: Callable[[str], None], retry_s: float) -> None:
        super().__init__()
        self._say = say
        self._retry_s = retry_s
        self.stopping = threading.Event()
        self.stuck = False

    def submit_job(self, job: Job, run_times: list[datetime]) -> None:
        while True:
            try:
                _due[0](job.args[0], run_times[-1])
            except Exception as error:  # APScheduler would swallow it, and count the time as done
                self._say(f"{job.id}: can't be queued: {error}")
            else:
                self.stuck = False
                return
            self.stuck = True
            if self.stopping.wait(self._retry_s):
                threading.Event().wait()  # for the end of the process: to return would count it as queued

    def _do_submit_job(self, job: Job, run_times: list[datetime]) -> None:
        raise NotImplementedError


class Schedule:
    """Calls `due` with every run when its time has come, and that time: of several that were missed the last.
    `store` is this schedule's alone: a file, or the database of the history.
    """

    def __init__(
        self, store: Path | Engine, due: Due, say: Callable[[str], None], *, retry_s: float = RETRY_S
    ) -> None:
        logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # all that matters of it is said by us
        _due[:] = [due]
        self._store = store
        place = {"url": f"sqlite:///{store}"} if isinstance(store, Path) else {"engine": store}
        self._executor = Queueing(say, retry_s)
        self._scheduler = Background(
            say,
            timezone=ZoneInfo("UTC"),
            jobstores={"default": SQLAlchemyJobStore(**place)},
            executors={"default": self._executor},
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
        )

    def start(self, runs: Sequence[Run]) -> None:
        """Begin with these runs. Raises `UsageError` if the store can't be used."""
        with _usable(self._store):
            if isinstance(self._store, Path):
                self._store.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._scheduler.start(paused=True)
        self.settle(runs)
        self._scheduler.resume()

    def settle(self, runs: Sequence[Run]) -> None:
        """From now on these: times of unchanged ones go on from the store, others are new, the rest is
        dropped. Raises `UsageError` if the store can't be used.
        """
        with _usable(self._store):
            known = {job.id: job for job in self._scheduler.get_jobs()}
            for run in runs:
                self._add(run, known.pop(run.key, None))
            for gone in known:
                self._scheduler.remove_job(gone)

    def upcoming(self) -> tuple[tuple[Run, datetime], ...]:
        """What will run when, the next first."""
        return tuple((job.args[0], job.next_run_time) for job in self._scheduler.get_jobs())

    def stop(self) -> None:
        """Nothing more is queued. May be called whatever became of `start`."""
        self._executor.stopping.set()
        if self._scheduler.running and not self._executor.stuck:
            self._scheduler.shutdown(wait=True)

    def _add(self, run: Run, known: Job | None) -> None:
        if known is not None and known.args == (run,):
            return
        self._scheduler.add_job(
            _fire, trigger(run), args=(run,), id=run.key, name=run.key, replace_existing=True
        )


@contextlib.contextmanager
def _usable(store: Path | Engine) -> Iterator[None]:
    try:
        yield
    except (OSError, SQLAlchemyError) as error:
        hint = "set RESTOREDRILL_STATE to a directory that this user may write to"
        place = str(store) if isinstance(store, Path) else "the history's database"
        raise UsageError("keep the schedule in", place, _reason(error), hint=hint) from error


def _reason(error: Exception) -> str:
    """What the system or SQLite says, without the statement."""
    return str(getattr(error, "orig", None) or getattr(error, "strerror", None) or error).lower()


def trigger(run: Run) -> BaseTrigger:
    """The times of a run, as crontab(5) reads its line, by the wall clock of its zone."""
    zone = ZoneInfo(run.timezone)
    triggers = [
        CronTrigger(
            minute=fields.minute,
            hour=fields.hour,
            day=fields.day,
            month=fields.month,
            day_of_week=fields.day_of_week,
            timezone=zone,
        )
        for fields in normalise_cron(run.cron)
    ]
    return triggers[0] if len(triggers) == 1 else OrTrigger(triggers)


def next_time(run: Run, now: datetime) -> datetime | None:
    """When it comes next by its line. Pure."""
    found: datetime | None = trigger(run).get_next_fire_time(None, now)
    return found


def closed(blackouts: Sequence[Blackout], now: datetime) -> dict[Kind, datetime]:
    """Until when nothing of a kind may begin, where a window is open now. Pure."""
    found: dict[Kind, datetime] = {}
    for blackout in blackouts:
        length = timedelta(seconds=blackout.for_s)
        times = trigger(Run("", "drill", blackout.cron, blackout.timezone))
        began_at, after = None, now - length
        while (at := times.get_next_fire_time(began_at, after)) is not None and at <= now:
            began_at, after = at, at + timedelta(microseconds=1)
        if began_at is not None and began_at + length > now:
            for kind in blackout.what:
                found[kind] = max(began_at + length, found.get(kind, began_at))
    return found


def _fire(run: Run) -> None:
    """What the store names as a job's function; `Queueing` calls `_due` in its place."""
