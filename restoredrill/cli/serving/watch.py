"""Looks for what is wrong, again and again, and lets it be told."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from restoredrill import clock
from restoredrill.alarms import Seen, alarms
from restoredrill.cli.frame import Context
from restoredrill.cli.places import living
from restoredrill.cli.serving.looking import look
from restoredrill.cli.serving.service import Service
from restoredrill.configuration import Loaded
from restoredrill.controller import Say
from restoredrill.metrics.prometheus import Look, write
from restoredrill.model import Lease
from restoredrill.records import Alarm
from restoredrill.standing import month_of

Tell = Callable[[Sequence[Alarm], Sequence[Alarm], datetime], None]


class Watch:
    """Whoever leads looks. `leases` is what the last look found to be alive anywhere."""

    def __init__(self, context: Context, service: Service, tell: Tell, say: Say) -> None:
        self._context = context
        self._service = service
        self._tell = tell
        self._say = say
        self.leases: tuple[Lease, ...] = ()

    def look(self) -> None:
        """Say and tell what is new and what is over. Raises `HistoryError`."""
        if not self._service.leads:
            return
        now = clock.utcnow()
        new, over = self._service.history.alarms.stand(alarms(self._seen(now), now))
        for alarm in new:
            self._say(f"ALARM: {alarm.message}", database=alarm.database, alarm=alarm.key)
        for alarm in over:
            self._say(f"over: {alarm.message}", database=alarm.database, alarm=alarm.key)
        self._tell(new, over, now)

    def look_around(self) -> None:
        """What lives, in every place that a file names."""
        self.leases, unseen = living(self._context)
        for one in unseen:
            self._say(f"could not look at {one.place}: {one.problem}")

    def _seen(self, now: datetime) -> Seen:
        loaded, history = self._service.configuration.current, self._service.history
        return Seen(
            loaded=loaded,
            standings=history.proofs.standings(now),
            since=_written(self._context.schedules, loaded),
            open_tasks=history.tasks.open(),
            undelivered=history.outbox.undelivered(),
            leases=self.leases,
            spent_usd=history.proofs.spent_usd(month_of(now)),
            queued=history.tasks.queued(),
        )


def metrics(service: Service, watch: Watch) -> Look:
    """What is true now."""
    return look(
        service.history,
        service.configuration.current,
        clock.utcnow(),
        watch.leases,
        leads=service.leads,
        ticked_at=service.ticked_at,
    )


def write_metrics(service: Service, watch: Watch) -> None:
    """Into the file that node_exporter reads, if `_service.yaml` names one."""
    path = service.configuration.current.service.metrics.textfile
    if path is not None:
        write(metrics(service, watch), Path(path))


def _written(schedules: Path, loaded: Loaded) -> Mapping[str, datetime]:
    """When each database's file was; of one that is gone, when it was read."""
    found = {}
    for name in loaded.databases:
        at = loaded.read_at
        for path in (schedules / f"{name}.yaml", schedules / f"{name}.yml"):
            if path.exists():
                at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        found[name] = min(at, loaded.read_at)
    return found
