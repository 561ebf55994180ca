"""What the service does again and again beside its steps."""

from datetime import timedelta

from restoredrill import clock
from restoredrill.cli import reap
from restoredrill.cli.frame import Context
from restoredrill.cli.serving.crew import forsaken
from restoredrill.cli.serving.service import Service
from restoredrill.controller import Say
from restoredrill.errors import RestoredrillError
from restoredrill.model import Job
from restoredrill.records import ON_DEMAND, Task, TaskState
from restoredrill.vault.journal import VaultJournal

LONG_OVER = timedelta(days=1)  # past its deadline: nobody goes on with a drill then, reaping goes on


class Reaping:
    """Ends what is overdue, from the second round on: the first was before anything began."""

    def __init__(self, context: Context, say: Say) -> None:
        self._context = context
        self._say = say
        self._begun = False

    def __call__(self) -> None:
        if self._begun:
            reap.end_overdue(self._context, self._say)
        self._begun = True


class Syncing:
    """Takes up what is new in every vault, one after another; only whoever leads does."""

    def __init__(self, service: Service, say: Say) -> None:
        self._service = service
        self._say = say

    def __call__(self) -> None:
        for name in tuple(self._service.configuration.current.databases):
            if not self._service.leads:
                return
            try:
                self._service.books.sync(name)
            except RestoredrillError as error:  # a vault that does not answer hides no other
                self._say(f"sync of {name}: {error}", database=name)


class Adopting:
    """Drills on machines of the cloud that nobody comes to an end with, started by hand, say, at a host that
    is gone: each becomes a task that runs, for the next step to take up.
    """

    def __init__(self, service: Service, say: Say) -> None:
        self._service = service
        self._say = say

    def __call__(self) -> None:
        for name, database in self._service.configuration.current.databases.items():
            if not self._service.leads:
                return
            if database.machines.ec2 is None or database.drill is None:
                continue
            since = clock.utcnow() - timedelta(seconds=database.drill.deadline_s) - LONG_OVER
            try:
                journal = VaultJournal(self._service.vaults.of(name))
                mine = (
                    job for job in journal.open(since) if job.provider != "local" and job.database == name
                )
                for job in mine:
                    if forsaken(job, journal.touched_at(job.drill), clock.utcnow()):
                        self._adopt(job)
            except RestoredrillError as error:
                self._say(f"could not look for open drills of {name}: {error}", database=name)

    def _adopt(self, job: Job) -> None:
        task = Task(
            id=job.drill,
            database=job.database,
            kind="drill",
            due_at=job.started_at,
            not_before=job.started_at,
            asked_by="person",
            priority=ON_DEMAND,
            machine=job.provider,
            state=TaskState.RUNNING,
            started_at=job.started_at,
        )
        if self._service.history.tasks.get(job.drill) is None and self._service.history.tasks.add(task):
            self._say(f"drill {job.database}: adopted", id=job.drill, database=job.database)
            self._service.wake()


def prune_history(service: Service) -> None:
    """Let go what is older than the history is kept; of less than a day it would forget what it does now."""
    from restoredrill.history.sync import prune

    if service.leads:
        keep_s = service.configuration.current.service.history.keep_s
        prune(service.history, keep_s=max(keep_s, timedelta(days=1).total_seconds()), now=clock.utcnow())
