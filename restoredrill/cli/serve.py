"""`restoredrill serve`: backups and drills by their cron lines, until SIGTERM."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from restoredrill import clock, config, wiring
from restoredrill.cli import reap
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.cli.output import complain
from restoredrill.controller import Controller, Ended, Open, Resumer, Rounds, Run
from restoredrill.errors import Exit, RestoredrillError, ToolMissing, UsageError
from restoredrill.interruptions import postponed
from restoredrill.machines.children import Children, lock
from restoredrill.model import Job
from restoredrill.settings import DatabaseConfig
from restoredrill.vault.journal import VaultJournal

REAP_EVERY_S = 600.0
RESUME_EVERY_S = 180.0
LONG_OVER = timedelta(days=1)  # past its deadline: nobody goes on with a drill then, reaping goes on
QUIET_FOR = timedelta(minutes=5)  # longer than a boot, a pause between beats, and the end of a machine take
PATIENCE_S = 8.0  # for what runs to clean up after SIGTERM; the whole of it ends within 10

# To end a machine of the cloud takes longer than a service has to stop, and it needs nobody: the next `serve`
# goes on with what is under way.
_OURS = ("--json", "--leave")


@new_command
def command(context: Context) -> Answer:
    """Run the backups and drills of every file by their cron lines."""
    try:
        from restoredrill.scheduler import Schedule
    except ModuleNotFoundError as error:
        hint = "pip install 'restoredrill[serve]'"
        raise ToolMissing("import", str(error.name), "it is not installed", hint=hint) from error
    databases = context.databases()
    runs = planned(databases)
    if not runs:
        raise UsageError("serve", str(context.schedules), "no file has a cron line", hint="add `cron` to one")
    for name, database in databases.items():
        if database.notify:
            context.warn(f"{name}: this version does not send notifications yet")
    state = config.state_directory()
    runner = _Restoredrill(Children(state / "locks", config.own_environment()), context.schedules)
    schedule = Schedule(state / "schedule.sqlite", Controller(runner, _log).due, _log)
    resumer = Resumer(lambda: _open(databases), runner.go_on, _log)
    rounds = Rounds(_log, ((RESUME_EVERY_S, resumer.look), (REAP_EVERY_S, _Reaping(context))))
    with _alone(state):
        try:
            reap.end_overdue(context, _log)
            rounds.start()
            schedule.start(runs)
            for run, at in schedule.upcoming():
                _log(f"{run.key}: next at {at.isoformat(timespec='seconds')} ({run.cron}, {run.timezone})")
            threading.Event().wait()
        except KeyboardInterrupt:
            _log("stopping")
        finally:
            with postponed():
                rounds.stop()
                runner.stop(PATIENCE_S)
                schedule.stop()
    return Answer({"stopped": True}, "stopped", Exit.PASSED)


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Two of them with one state would each drop the other's runs, or run the same ones twice."""
    hint = "end the other one, or give this one a directory of its own: RESTOREDRILL_STATE"
    with ExitStack() as stack:
        try:
            held = stack.enter_context(lock(state / "serve.lock"))
        except OSError as error:
            reason = (error.strerror or "?").lower()
            raise UsageError("lock", str(state), reason, hint="set RESTOREDRILL_STATE") from error
        if held is None:
            raise UsageError("use", str(state), "another `restoredrill serve` does", hint=hint)
        yield


def planned(databases: Mapping[str, DatabaseConfig]) -> tuple[Run, ...]:
    """Every cron line of every file."""
    found = []
    for name, database in databases.items():
        if database.backup is not None and database.backup.cron is not None:
            found.append(Run(name, "backup", database.backup.cron, database.backup.timezone))
        if database.drill is not None and database.drill.cron is not None:
            found.append(Run(name, "drill", database.drill.cron, database.drill.timezone))
    return tuple(found)


class _Reaping:
    """Ends what is overdue, from the second round on: the first was before anything began."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._begun = False

    def __call__(self) -> None:
        if self._begun:
            reap.end_overdue(self._context, _log)
        self._begun = True


def _open(databases: Mapping[str, DatabaseConfig]) -> Iterator[Open]:
    """Drills on machines of the cloud that nobody comes to an end with. A vault that does not answer hides no
    other.
    """
    for name, database in databases.items():
        if database.machines.ec2 is None or database.drill is None:
            continue
        since = clock.utcnow() - timedelta(seconds=database.drill.deadline_s) - LONG_OVER
        try:
            journal = VaultJournal(wiring.vault(database, "restore"))
            mine = (job for job in journal.open(since) if job.provider != "local" and job.database == name)
            jobs = [job for job in mine if forsaken(job, journal.touched_at(job.drill), clock.utcnow())]
        except RestoredrillError as error:
            _log(f"drill {name}: could not look for open ones: {error}")
            continue
        for job in jobs:
            yield Open(name, job.drill)


def forsaken(job: Job, touched_at: datetime | None, now: datetime) -> bool:
    """Is it worth going on with? Not while its machine speaks: it needs nobody, and somebody at another host
    may be following it. Pure.
    """
    return now > job.deadline_at or touched_at is None or now - touched_at > QUIET_FOR


class _Restoredrill:
    """Runs are commands of our own."""

    def __init__(self, children: Children, schedules: Path) -> None:
        self._children = children
        self._schedules = schedules.absolute()

    def carry_out(self, run: Run) -> Ended | None:
        words = [run.kind, run.database, *_OURS, "--schedules", str(self._schedules)]
        finished = self._children.run(run.key, words)
        return None if finished is None else Ended(finished.code, finished.out, finished.err)

    def go_on(self, one: Open) -> Ended | None:
        """Under the lock of the database's own drills: whoever has it is a controller that lives."""
        words = ["drill", one.database, "--resume", one.drill, *_OURS, "--schedules", str(self._schedules)]
        finished = self._children.run(Run(one.database, "drill", "", "").key, words)
        return None if finished is None else Ended(finished.code, finished.out, finished.err)

    def stop(self, patience_s: float) -> None:
        self._children.stop(patience_s)


def _log(line: str) -> None:
    complain(f"{clock.utcnow():%Y-%m-%dT%H:%M:%SZ} {line}")
