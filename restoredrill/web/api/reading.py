"""What can be read: each function takes the world and a request's words, and gives a document back."""

from collections.abc import Callable
from datetime import datetime

from restoredrill.model import Report
from restoredrill.records import Task
from restoredrill.standing import Standing, standing
from restoredrill.web.api import documents
from restoredrill.web.api.needs import World
from restoredrill.web.api.paging import Page, cut
from restoredrill.web.safety.refusals import nothing

DRILLS_MAX = 10_000  # of one database, in the index: an hour's drills of a year
TASKS_MAX = 2_000
AUDIT_MAX = 200


class Reading:
    """Raises `Refusal` where there is no such thing, and errors of the history and the vaults."""

    def __init__(self, world: World, now: Callable[[], datetime]) -> None:
        self._world = world
        self._now = now

    def stands(self, wanted: Page) -> documents.Stands:
        """Every database, by name."""
        names, after = cut(self._world.databases(), str, wanted, newest_first=False)
        return documents.Stands(items=tuple(self._stand(name) for name in names), next=after)

    def stand(self, database: str) -> documents.Stand:
        """One of them."""
        return self._stand(self.known(database))

    def drills(self, database: str, wanted: Page) -> documents.Drills:
        """Newest first."""
        rows = self._world.history.proofs.drills(self.known(database), limit=DRILLS_MAX)
        found, after = cut(rows, lambda row: row.drill, wanted, newest_first=True)
        return documents.Drills(items=tuple(found), next=after)

    def backups(self, database: str, wanted: Page) -> documents.Backups:
        """Newest first."""
        rows = self._world.history.proofs.backups(self.known(database))
        found, after = cut(rows, lambda row: row.backup, wanted, newest_first=True)
        return documents.Backups(items=tuple(found), next=after)

    def tasks(self, database: str, wanted: Page) -> documents.Tasks:
        """Past ones and those that wait or run, newest first."""
        history, name = self._world.history, self.known(database)
        rows = {one.id: one for one in history.tasks.past(name, TASKS_MAX)}
        rows |= {one.id: one for one in history.tasks.open() if one.database == name}
        found, after = cut(list(rows.values()), _id, wanted, newest_first=True)
        return documents.Tasks(items=tuple(found), next=after)

    def queue(self, wanted: Page) -> documents.Tasks:
        """All that wait or run, of every database."""
        found, after = cut(self._world.history.tasks.open(), _id, wanted, newest_first=False)
        return documents.Tasks(items=tuple(found), next=after)

    def task(self, task: str) -> Task:
        """One, whatever became of it."""
        found = self._world.history.tasks.get(task)
        if found is None:
            raise nothing("task")
        return found

    def report(self, database: str, drill: str) -> Report:
        """Out of the vault."""
        found = self._world.papers.report(self.known(database), drill)
        if found is None:
            raise nothing("report")
        return found

    def events(self, database: str, drill: str) -> documents.Events:
        """Out of the vault, also while it runs."""
        found = self._world.papers.events(self.known(database), drill)
        if not found:
            raise nothing("drill with events")
        return documents.Events(items=tuple(found))

    def alarms(self) -> documents.Alarms:
        """What is wrong now."""
        return documents.Alarms(items=self._world.history.alarms.standing())

    def audit(self) -> documents.Audit:
        """Who did what, newest first."""
        return documents.Audit(items=self._world.history.alarms.audited(AUDIT_MAX))

    def leases(self) -> documents.Leases:
        """What lives."""
        return documents.Leases(items=tuple(self._world.estate.leases()))

    def known(self, database: str) -> str:
        """The name, if it is one. Raises `Refusal`."""
        if database not in self._world.databases():
            raise nothing("database")
        return database

    def _stand(self, name: str) -> documents.Stand:
        proofs, now = self._world.history.proofs, self._now()
        return stand_of(standing(name, proofs.drills(name), proofs.backups(name), now), now)


def stand_of(found: Standing, now: datetime) -> documents.Stand:
    """As a document."""
    return documents.Stand(
        database=found.database,
        proven=found.proven,
        proof_age_s=found.proof_age_s(now),
        backup_age_s=found.backup_age_s(now),
        backups=found.backups,
        verified=found.verified,
        coverage=found.coverage,
        usd_this_month=found.usd_this_month,
        last_drill=found.last_drill,
        last_pass=found.last_pass,
        newest_backup=found.newest_backup,
    )


def _id(task: Task) -> str:
    return task.id
