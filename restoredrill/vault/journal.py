"""The drills of a vault: the job that goes out, the events and the report that come back."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from restoredrill.errors import VaultError
from restoredrill.known import Measured
from restoredrill.model import Event, Fingerprint, Job, Report
from restoredrill.protocols import Store
from restoredrill.vault import documents
from restoredrill.vault.documents import FETCHES_AT_ONCE, PassOver
from restoredrill.vault.layout import (
    DRILLS,
    checked,
    drill_folder,
    events_folder,
    is_id,
    job_key,
    last_part,
    live_key,
    measured_key,
    proof_key,
    report_key,
)


@dataclass(frozen=True)
class Drilled:
    """What the drills of a vault say about its backups: ids proven by a pass, ids in use by a drill under
    way.
    """

    passed: frozenset[str]
    running: frozenset[str]


class VaultJournal:
    """The `Journal` of one store. Without `pass_over`, a report that can't be read is an error for everybody
    who reads many.
    """

    def __init__(self, store: Store, pass_over: PassOver | None = None) -> None:
        self._store = store
        self._pass_over = pass_over

    def submit(self, job: Job) -> None:
        """See `Journal.submit`. The same job may go out again; raises `VaultConflict` for another one."""
        documents.put_once(self._store, job_key(job.drill), job)

    def job(self, drill: str) -> Job:
        """What was submitted. Raises `VaultMissing`, `ObjectCorrupt`."""
        return documents.read(self._store, job_key(drill), Job)

    def emit(self, drill: str, number: int, event: Event) -> None:
        """See `Journal.emit`."""
        documents.put_event(self._store, events_folder(drill), number, event)

    def events(self, drill: str, after: int) -> tuple[tuple[int, Event], ...]:
        """See `Journal.events`."""
        return documents.events(self._store, events_folder(drill), after)

    def save(self, report: Report, forms: Mapping[str, str]) -> None:
        """See `Journal.save`. `report.json` comes last: where it is, the others are too. Behind it comes only
        the mark of a pass: who waits for that waits in vain rather than takes it for more than it is.
        """
        for name, text in forms.items():
            if "/" in name or name in ("job.json", "report.json", "passed"):
                raise VaultError("write", name, "not a form of a report")
            self._store.put(checked(f"{drill_folder(report.drill)}{name}"), [text.encode()])
        self._store.put(report_key(report.drill), [report.to_json().encode()])
        if report.proves:
            self._store.put(proof_key(report.drill), [f"{report.finished_at.isoformat()}\n".encode()])

    def reports(self, drill: str | None = None) -> Iterator[Report]:
        """See `Journal.reports`. Raises `ObjectCorrupt` at one that can't be read, if it was asked for or
        nobody said to pass over it.
        """
        drills = self._drills() if drill is None else (drill,)
        pass_over = self._pass_over if drill is None else None
        for start in range(0, len(drills), FETCHES_AT_ONCE):
            keys = [report_key(one) for one in drills[start : start + FETCHES_AT_ONCE]]
            found = documents.read_if_any(self._store, keys, Report, pass_over)
            yield from (report for report in found if report is not None)

    def drilled(self, now: datetime) -> Drilled:
        """Which backups have passed, and which are being drilled at `now`. A drill whose lease is over is
        not.
        """
        drills = self._drills()
        reports = documents.read_if_any(self._store, [report_key(one) for one in drills], Report)
        passed = {r.backup.id for r in reports if r and r.backup and r.proves}
        open_ones = [one for one, report in zip(drills, reports, strict=True) if report is None]
        jobs = documents.read_if_any(self._store, [job_key(one) for one in open_ones], Job)
        return Drilled(
            frozenset(passed), frozenset(job.backup for job in jobs if job and job.expires_at > now)
        )

    def open(self, since: datetime) -> tuple[Job, ...]:
        """Jobs begun after `since` that nobody has come to an end with: there is no report, or one that says
        nothing of what is left. A server that is kept on purpose is at its end.
        """
        drills = [one for one in self._drills() if one[:16] >= f"{since:%Y%m%dT%H%M%SZ}"]
        reports = documents.read_if_any(self._store, [report_key(one) for one in drills], Report)
        named = [one for one, report in zip(drills, reports, strict=True) if _is_open(report)]
        jobs = documents.read_if_any(self._store, [job_key(one) for one in named], Job)
        return tuple(job for job in jobs if job is not None)

    def measured(self, drill: str) -> Measured | None:
        """What a passed drill has measured; None: it kept nothing, or nobody can read it."""
        found = documents.read_if_any(self._store, [measured_key(drill)], Measured, lambda error: None)
        return next(iter(found), None)

    def note_live(self, drill: str, seen: Fingerprint) -> None:
        """Keep what the live database held when a drill began, for its machine, which has no way to it."""
        self._store.put(live_key(drill), [seen.model_dump_json(by_alias=True).encode()])

    def live(self, drill: str) -> Fingerprint | None:
        """What was noted; None: nothing."""
        found = documents.read_if_any(self._store, [live_key(drill)], Fingerprint, lambda error: None)
        return next(iter(found), None)

    def touched_at(self, drill: str) -> datetime | None:
        """When anything was last written of a drill, by the store's clock; None: nothing is there."""
        return max((entry.modified_at for entry in self._store.list(drill_folder(drill))), default=None)

    def _drills(self) -> tuple[str, ...]:
        """Ids, newest first."""
        ids = (last_part(entry.key) for entry in self._store.list(DRILLS, folders=True))
        return tuple(sorted(filter(is_id, ids), reverse=True))


def _is_open(report: Report | None) -> bool:
    return report is None or (report.machine.swept_at is None and report.machine.url is None)
