"""The world as the dashboard sees it: the history, the vaults, what lives, and what may be asked for."""

from collections.abc import Sequence
from datetime import datetime

from restoredrill import clock
from restoredrill.cli import drill
from restoredrill.cli.frame import Context
from restoredrill.cli.places import Place, living, places
from restoredrill.cli.serving.crew import Quietly
from restoredrill.cli.serving.orders import planned
from restoredrill.cli.serving.service import Service
from restoredrill.configuration import Loaded
from restoredrill.controller import Say
from restoredrill.errors import RestoredrillError, UsageError, VaultMissing
from restoredrill.history.database import DatabaseHistory
from restoredrill.machines import local
from restoredrill.machines.local import LocalMachine
from restoredrill.model import Event, Lease, Report
from restoredrill.records import Kind, Task, TaskState
from restoredrill.scheduler import next_time
from restoredrill.vault.journal import VaultJournal
from restoredrill.vault.tasks import VaultTasks
from restoredrill.web.desk import Planned


class Papers:
    """See `web.api.needs.Papers`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def report(self, database: str, drill: str) -> Report | None:
        """See `Papers.report`."""
        return next(VaultJournal(self._service.vaults.of(database)).reports(drill), None)

    def events(self, database: str, drill: str) -> Sequence[Event]:
        """See `Papers.events`."""
        try:
            return [event for _, event in VaultJournal(self._service.vaults.of(database)).events(drill, 0)]
        except VaultMissing:
            return ()


class Estate:
    """See `web.api.needs.Estate`: every place that a file names."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def leases(self) -> Sequence[Lease]:
        """See `Estate.leases`. A place that does not answer hides no other; if none does, it is an error."""
        leases, unseen = living(self._context)
        if unseen and not leases:
            hint = "`restoredrill doctor` tells more"
            raise UsageError("look at", unseen[0].place, unseen[0].problem, hint=hint)
        return leases

    def extend(self, lease: Lease, until: datetime) -> None:
        """See `Estate.extend`. The timer inside a machine of the cloud can't be reached from outside."""
        if lease.provider != "local":
            reason = "its own timer was set when it began, and nothing reaches it from outside"
            raise UsageError("extend", lease.machine, reason, hint="start another one with `--keep`")
        place = self._of(lease)
        estate = place.estate()
        assert isinstance(estate, LocalMachine)
        local.keep(estate.home(lease.machine), until)

    def end(self, lease: Lease) -> None:
        """See `Estate.end`. Raises `MachineFailed` and the cloud's errors."""
        self._of(lease).estate().terminate(lease.machine)

    def _of(self, lease: Lease) -> Place:
        for place in places(self._context, ()):
            try:
                if any(one.machine == lease.machine for one in place.estate().leases()):
                    return place
            except RestoredrillError:
                continue
        raise UsageError("find", lease.machine, "it is gone", hint="look at the list again")


class Orders:
    """See `web.api.needs.Orders`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def queue(self, task: Task) -> None:
        """See `Orders.queue`. Raises `UsageError`, `HistoryError`."""
        database = self._service.vaults.database(task.database)
        if database.section(task.kind) is None:
            hint = f"add a `{task.kind}` section to its file"
            raise UsageError(task.kind, task.database, f"its file has no {task.kind} section", hint=hint)
        if task.machine == "ec2" and database.machines.ec2 is None:
            hint = "add machines.ec2 to its file"
            raise UsageError(task.kind, task.database, "its file names no machines of the cloud", hint=hint)
        self._service.history.tasks.add(task)
        self._service.wake()

    def cancel(self, final: Task) -> bool:
        """See `Orders.cancel`."""
        if not self._service.history.tasks.update(final, TaskState.WAITING):
            return False
        VaultTasks(self._service.vaults.of(final.database)).keep(final)
        return True


class ServiceDesk:
    """See `web.desk.Desk`."""

    def __init__(self, context: Context, service: Service, say: Say) -> None:
        self._context = Quietly(context.schedules, True, say)
        self._service = service
        self.papers = Papers(service)
        self.estate = Estate(context)
        self.orders = Orders(service)

    @property
    def history(self) -> DatabaseHistory:
        """The service's own."""
        return self._service.history

    def databases(self) -> Sequence[str]:
        """See `World.databases`."""
        return tuple(self.loaded().databases)

    def loaded(self) -> Loaded:
        """See `Desk.loaded`."""
        return self._service.configuration.current

    def upcoming(self, database: str) -> Sequence[tuple[Kind, datetime]]:
        """See `Desk.upcoming`."""
        runs = planned({database: self._service.vaults.database(database)})
        found = [(run.kind, at) for run in runs if (at := next_time(run, clock.utcnow())) is not None]
        return sorted(found, key=lambda one: one[1])

    def plan(self, database: str, backup: str | None, machine: str | None, keep_s: float | None) -> Planned:
        """See `Desk.plan`."""
        wanted = drill.Wanted(backup, machine, keep_s)
        planned = drill.plan(self._context, self._service.vaults.database(database), wanted)
        if planned.job is None:
            reasons = () if planned.report is None else planned.report.reasons
            return Planned("\n".join(reasons), possible=False)
        usd = None if planned.job.plan is None else planned.job.plan.usd_estimate
        return Planned(drill.plan_words(planned), usd)


def ticking(service: Service) -> tuple[bool, datetime, float, datetime]:
    """What `vitals.health` is made of."""
    return (
        service.leads,
        service.ticked_at,
        service.configuration.current.service.ticks_s,
        clock.utcnow(),
    )
