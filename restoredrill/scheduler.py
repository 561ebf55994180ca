"""When: APScheduler with a store on disk, so that a time that passed while nobody was here is known
afterwards.

A missed time runs once, however many were missed; a run that was started is not started again after a
restart, since its next time is on disk before it begins.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from apscheduler.events import (
    EVENT_JOB_ERROR,
    EVENT_JOB_MAX_INSTANCES,
    JobExecutionEvent,
    JobSubmissionEvent,
)
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.job import Job
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import STATE_STOPPED
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger
from sqlalchemy.exc import SQLAlchemyError

from restoredrill import clock
from restoredrill.controller import Run
from restoredrill.cron import normalise_cron
from restoredrill.errors import UsageError

RUNS_AT_ONCE = 10  # threads that wait for runs; what is due beyond that waits its turn
RETRY_S = 5.0  # where the store can't be written (a full disk, say)

Due = Callable[[Run], None]

# APScheduler stores a job as the name of a function and its arguments, so what to call lies here.
_due: list[Due] = []


class Background(BackgroundScheduler):  # type: ignore[misc]  # APScheduler has no types
    """APScheduler looks once more for due jobs while it shuts down; one found then could no longer be started
    (its executor is gone) and would count as run. And what its store raises ends its only thread, in silence.
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
            self._say(f"nothing new is started, as the schedule can't be kept: {_reason(error)}")
            return RETRY_S
        return wait_s


class NoteFirst(ThreadPoolExecutor):  # type: ignore[misc]
    """APScheduler starts a job and then notes its next time: one that is killed in between, or that can't
    write, starts it again. This notes first; what can't be noted does not start.
    """

    def submit_job(self, job: Job, run_times: list[datetime]) -> None:
        following = job.trigger.get_next_fire_time(run_times[-1], clock.utcnow())
        if following is not None:
            job._modify(next_run_time=following)
            self._scheduler._lookup_jobstore(job._jobstore_alias).update_job(job)
        super().submit_job(job, run_times)


class Schedule:
    """Calls `due` with every run when its time has come, from threads of its own, each run never twice at
    once. `store` is this schedule's alone.
    """

    def __init__(self, store: Path, due: Due, say: Callable[[str], None]) -> None:
        logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # all that matters of it is said by us
        _due[:] = [due]
        self._store = store
        self._say = say
        self._scheduler = Background(
            say,
            timezone=ZoneInfo("UTC"),
            jobstores={"default": SQLAlchemyJobStore(url=f"sqlite:///{store}")},
            executors={"default": NoteFirst(RUNS_AT_ONCE)},
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
        )
        self._scheduler.add_listener(self._skipped, EVENT_JOB_MAX_INSTANCES)
        self._scheduler.add_listener(self._broke, EVENT_JOB_ERROR)

    def start(self, runs: Sequence[Run]) -> None:
        """Begin with these runs: times of unchanged ones go on from the store, others are new, the rest
        is dropped. Raises `UsageError` if the store can't be used.
        """
        with _usable(self._store):
            self._store.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._scheduler.start(paused=True)
            known = {job.id: job for job in self._scheduler.get_jobs()}
            for run in runs:
                self._settle(run, known.pop(run.key, None))
            for gone in known:
                self._scheduler.remove_job(gone)
        self._scheduler.resume()

    def upcoming(self) -> tuple[tuple[Run, datetime], ...]:
        """What will run when, the next first."""
        return tuple((job.args[0], job.next_run_time) for job in self._scheduler.get_jobs())

    def stop(self) -> None:
        """Nothing new is started; what runs is waited for. May be called whatever became of `start`."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)

    def _settle(self, run: Run, known: Job | None) -> None:
        if known is not None and known.args == (run,):
            return
        self._scheduler.add_job(
            _fire, trigger(run), args=(run,), id=run.key, name=run.key, replace_existing=True
        )

    def _skipped(self, event: JobSubmissionEvent) -> None:
        self._say(f"{event.job_id}: its time came while the last one still runs: skipped")

    def _broke(self, event: JobExecutionEvent) -> None:
        self._say(f"{event.job_id}: unexpected {type(event.exception).__name__}: {event.exception}")


@contextlib.contextmanager
def _usable(store: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, SQLAlchemyError) as error:
        hint = "set RESTOREDRILL_STATE to a directory that this user may write to"
        raise UsageError("keep the schedule in", str(store), _reason(error), hint=hint) from error


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


def _fire(run: Run) -> None:
    _due[0](run)
