"""What Prometheus may ask, from one look at the history: https://prometheus.io/docs/practices/naming/.

Times are Unix seconds: their age is the query's to reckon. All are gauges: each is what is true at the look.
"""

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder, generate_latest
from prometheus_client.registry import Collector

from restoredrill import __version__
from restoredrill.configuration import Loaded
from restoredrill.model import Lease, Severity, Verdict
from restoredrill.records import Alarm, DrillRow, Kind, Task, TaskState
from restoredrill.standing import Standing

_DATABASE = ("database",)


@dataclass(frozen=True)
class Look:
    """All that metrics are made of. `verdicts`: how many drills of each the history holds; `ticked_at`: the
    last step of the service that was done; None: no service is running here.
    """

    loaded: Loaded
    now: datetime
    standings: Mapping[str, Standing]
    verdicts: Mapping[tuple[str, Verdict], int] = field(default_factory=dict)
    open_tasks: Sequence[Task] = ()
    leases: Sequence[Lease] = ()
    alarms: Sequence[Alarm] = ()
    undelivered: int = 0
    spent_usd: float = 0.0
    leads: bool = False
    ticked_at: datetime | None = None


def render(look: Look, accept: str = "") -> tuple[bytes, str]:
    """The metrics and their content type: OpenMetrics for whoever accepts it, else Prometheus's text."""
    registry = CollectorRegistry()
    registry.register(_Collector(look))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def write(look: Look, path: Path) -> None:
    """For node_exporter's textfile collector: whole or not at all. Raises `OSError`."""
    registry = CollectorRegistry()
    registry.register(_Collector(look))
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as sink:
        beside = Path(sink.name)
        try:
            sink.write(generate_latest(registry))
            sink.flush()
            os.fchmod(sink.fileno(), 0o644)  # node_exporter is another user
            beside.rename(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


class _Collector(Collector):
    def __init__(self, look: Look) -> None:
        self._look = look

    def collect(self) -> Iterator[Metric]:
        """Every family, also one without a sample."""
        yield InfoMetricFamily(
            "restoredrill_build", "The version that says all this", {"version": __version__}
        )
        yield from _proofs(self._look)
        yield from _drills(self._look)
        yield from _backups(self._look)
        yield from _service(self._look)


def _gauge(
    name: str,
    words: str,
    samples: Iterable[tuple[Sequence[str], float | None]],
    labels: Sequence[str] = _DATABASE,
) -> GaugeMetricFamily:
    """What is not known has no sample."""
    family = GaugeMetricFamily(f"restoredrill_{name}", words, labels=labels)
    for values, number in samples:
        if number is not None:
            family.add_metric(values, number)
    return family


def _proofs(look: Look) -> Iterator[Metric]:
    stands = {name: look.standings.get(name) or Standing(name) for name in look.loaded.databases}
    yield _gauge(
        "database_proven",
        "1 if the newest drill that found out something passed",
        (((name,), float(one.proven)) for name, one in stands.items()),
    )
    yield _gauge(
        "last_pass_timestamp_seconds",
        "When the last drill that passed ended",
        (((name,), _ended(one.last_pass)) for name, one in stands.items()),
    )
    yield _gauge(
        "last_drill_timestamp_seconds",
        "When the last drill ended, whatever came of it",
        (((name,), _ended(one.last_drill)) for name, one in stands.items()),
    )
    yield _gauge(
        "last_drill_verdict",
        "1 for the verdict of the last drill, 0 for the others",
        (
            ((name, verdict.value), float(one.last_drill.verdict is verdict))
            for name, one in stands.items()
            if one.last_drill is not None
            for verdict in Verdict
        ),
        ("database", "verdict"),
    )
    yield _gauge(
        "drills",
        "Drills that the history holds",
        (((name, verdict.value), float(count)) for (name, verdict), count in look.verdicts.items()),
        ("database", "verdict"),
    )


def _drills(look: Look) -> Iterator[Metric]:
    last = {name: one.last_drill for name, one in look.standings.items() if one.last_drill is not None}
    yield _gauge(
        "drill_phase_seconds",
        "How long each phase of the last drill took",
        (((name, phase), s) for name, row in last.items() for phase, s in row.phases_s.items()),
        ("database", "phase"),
    )
    for metric, words in (
        ("rto", "From its start to a verified, usable database, in the last drill"),
        ("rto_target", "What the file allows for that"),
        ("rpo", "The age of the newest row that survived, in the last drill"),
        ("rpo_target", "What the file allows for that"),
    ):
        yield _gauge(
            f"{metric}_seconds", words, (((name,), _fact(row, metric)) for name, row in last.items())
        )
    yield _gauge(
        "drill_cost_usd", "What the last drill cost", (((name,), row.usd) for name, row in last.items())
    )
    yield _gauge(
        "drill_leftovers",
        "Things that the last drill left behind",
        (((name,), float(len(row.leftovers))) for name, row in last.items()),
    )


def _ended(row: DrillRow | None) -> float | None:
    return None if row is None else _at(row.finished_at)


def _fact(row: DrillRow, metric: str) -> float | None:
    found: float | None = getattr(row, f"{metric}_s")
    return found


def _backups(look: Look) -> Iterator[Metric]:
    newest = {
        name: one.newest_backup for name, one in look.standings.items() if one.newest_backup is not None
    }
    yield _gauge(
        "last_backup_timestamp_seconds",
        "The instant that the newest backup holds",
        (((name,), _at(row.taken_at)) for name, row in newest.items()),
    )
    yield _gauge(
        "last_backup_bytes",
        "Size of the newest backup as it is stored",
        (((name,), float(row.bytes)) for name, row in newest.items()),
    )
    yield _gauge(
        "last_backup_rows",
        "Rows in the newest backup",
        (((name,), None if row.rows is None else float(row.rows)) for name, row in newest.items()),
    )
    yield _gauge(
        "backups",
        "Backups that are retained",
        (((name,), float(one.backups)) for name, one in look.standings.items()),
    )
    yield _gauge(
        "backups_verified",
        "Retained backups of which a drill passed",
        (((name,), float(one.verified)) for name, one in look.standings.items()),
    )


def _service(look: Look) -> Iterator[Metric]:
    kinds: tuple[Kind, ...] = ("backup", "drill")
    states = (TaskState.WAITING, TaskState.RUNNING)
    waiting = [task.due_at for task in look.open_tasks if task.state is TaskState.WAITING]
    yield _gauge(
        "tasks",
        "Backups and drills that wait or run",
        (
            ((kind, state.value), float(sum((t.kind, t.state) == (kind, state) for t in look.open_tasks)))
            for kind in kinds
            for state in states
        ),
        ("kind", "state"),
    )
    yield _plain(
        "oldest_waiting_task_timestamp_seconds",
        "Since when the oldest waits",
        _at(min(waiting, default=None)),
    )
    yield _plain("leases", "Machines that live", float(len(look.leases)))
    overdue = sum(lease.expires_at < look.now for lease in look.leases)
    yield _plain("leases_overdue", "Machines that outlived their lease", float(overdue))
    yield _gauge(
        "alarms",
        "What is wrong right now",
        (((one.value,), float(sum(a.severity is one for a in look.alarms))) for one in Severity),
        ("severity",),
    )
    yield _plain("undelivered_notices", "Messages that nobody got", float(look.undelivered))
    yield _plain(
        "month_spent_usd", "Spent this month, those under way with what they may cost", look.spent_usd
    )
    yield _plain("month_budget_usd", "What may be spent a month", look.loaded.service.limits.usd_per_month)
    yield _plain(
        "configuration_valid", "1 if the files are in force as they are", float(look.loaded.problem is None)
    )
    yield _plain("leader", "1 if this process decides", float(look.leads))
    yield _plain(
        "last_tick_timestamp_seconds", "The last step of the service that was done", _at(look.ticked_at)
    )


def _plain(name: str, words: str, number: float | None) -> GaugeMetricFamily:
    return _gauge(name, words, [((), number)], ())


def _at(time: datetime | None) -> float | None:
    return None if time is None else time.timestamp()
