"""A world for the API: a real history and a real vault with things in them, and a list for machines."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from restoredrill.errors import CloudUnreachable, UsageError
from restoredrill.history.database import DatabaseHistory
from restoredrill.ledger import History
from restoredrill.model import Event, Lease, Report, Verdict
from restoredrill.records import Task, TaskState
from restoredrill.service_settings import WebSettings
from restoredrill.vault.folder import FolderStore
from restoredrill.vault.journal import VaultJournal
from restoredrill.vault.tasks import VaultTasks
from restoredrill.web.api.needs import Estate, Orders, Papers
from restoredrill.web.api.routes import api
from restoredrill.web.safety.accounts import Accounts
from restoredrill.web.safety.entrance import Entrance
from restoredrill.web.safety.guards import guards
from restoredrill.web.safety.patience import Patience
from restoredrill.web.safety.sessions import Sessions
from restoredrill.web.safety.signing_in import routes
from tests.history.samples import NOON, a_backup, a_drill, a_task, an_alarm, an_id
from tests.vault.samples import a_report, an_event
from tests.web_safety.visitors import ANNA, REED, Times

DATABASES = ("shop", "blog", "empty")
DRILL = an_id(-1)
BACKUP = an_id(-2)
WAITING = an_id(0, "aaaa")
RUNNING = an_id(0, "bbbb")
MACHINE = "i-0123456789abcdef0"


def a_lease(machine: str = MACHINE) -> Lease:
    return Lease(
        machine=machine,
        provider="ec2",
        drill=DRILL,
        database="shop",
        started_at=NOON,
        expires_at=NOON + timedelta(hours=1),
    )


class Machines:
    """Stands in for what looks at this host and the cloud."""

    def __init__(self) -> None:
        self.alive: tuple[Lease, ...] = (a_lease(),)
        self.away = False

    def leases(self) -> Sequence[Lease]:
        if self.away:
            raise CloudUnreachable("look at", "eu-central-1", "no answer", hint="wait, then try again")
        return self.alive

    def extend(self, lease: Lease, until: datetime) -> None:
        self.alive = (lease.model_copy(update={"expires_at": until}),)

    def end(self, lease: Lease) -> None:
        self.alive = tuple(one for one in self.alive if one.machine != lease.machine)


class FolderWorld:
    """See `needs.World`; the vault of every database is one folder each."""

    def __init__(self, root: Path, history: DatabaseHistory) -> None:
        self._root = root
        self._history = history
        self.machines = Machines()

    @property
    def history(self) -> History:
        return self._history

    @property
    def papers(self) -> Papers:
        return self

    @property
    def estate(self) -> Estate:
        return self.machines

    @property
    def orders(self) -> Orders:
        return self

    def databases(self) -> Sequence[str]:
        return DATABASES

    def journal(self, database: str) -> VaultJournal:
        return VaultJournal(FolderStore(self._root / database))

    def report(self, database: str, drill: str) -> Report | None:
        return next(self.journal(database).reports(drill), None)

    def events(self, database: str, drill: str) -> Sequence[Event]:
        return [event for _, event in self.journal(database).events(drill, 0)]

    def queue(self, task: Task) -> None:
        if task.database == "empty":
            raise UsageError("queue", "empty", "its file has no drill", hint="add `drill` to it")
        self._history.tasks.add(task)

    def cancel(self, final: Task) -> bool:
        if not self._history.tasks.update(final, TaskState.WAITING):
            return False
        VaultTasks(FolderStore(self._root / final.database)).keep(final)
        return True


class ApiStand:
    """The application: API and sign-in behind the guards."""

    def __init__(self, root: Path, history: DatabaseHistory, settings: WebSettings | None = None) -> None:
        self.times = Times()
        self.world = FolderWorld(root, history)
        self.settings = settings or WebSettings(users=(ANNA, REED))
        self.entrance = Entrance(
            lambda: self.settings,
            Accounts(lambda: self.settings),
            Sessions(None),
            history.alarms.audit,
            Patience(self.times.now_s),
            self.times.now,
        )
        mounted: list[BaseRoute] = [api(self.world, self.times.now), *routes()]
        self.app = Starlette(routes=mounted, middleware=list(guards(self.entrance)))


def fill(world: FolderWorld, history: DatabaseHistory) -> None:
    """Backups, drills, tasks, an alarm, and one drill's documents in its vault."""
    history.proofs.note_backups([a_backup(-hours) for hours in range(2, 9)])
    rows = [a_drill(-hours, backup=an_id(-hours - 1)) for hours in range(1, 8)]
    history.proofs.note_drills([*rows, a_drill(-1, "0001", database="blog", verdict=Verdict.FAILED)])
    history.tasks.add(a_task(0, "aaaa"))
    history.tasks.add(a_task(0, "bbbb", kind="backup", state=TaskState.RUNNING))
    history.tasks.add(a_task(-1, "cccc", state=TaskState.SKIPPED, reason="a fresher backup came"))
    history.alarms.stand([an_alarm()])
    journal = world.journal("shop")
    journal.emit(DRILL, 1, an_event("restore"))
    journal.save(a_report(DRILL, BACKUP), {})
