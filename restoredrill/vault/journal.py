"""The drills of a vault: the job that goes out, the events and the report that come back."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from pydantic import ValidationError

from restoredrill.document import Document
from restoredrill.errors import ObjectCorrupt, VaultConflict, VaultError, VaultMissing
from restoredrill.model import Event, Job, Report, Verdict
from restoredrill.protocols import Store
from restoredrill.vault.catalog import why_invalid
from restoredrill.vault.layout import (
    DRILLS,
    checked,
    drill_folder,
    event_key,
    events_folder,
    is_id,
    job_key,
    last_part,
    report_key,
)

_FETCHES_AT_ONCE = 8
_D = TypeVar("_D", bound=Document)


@dataclass(frozen=True)
class Drilled:
    """What the drills of a vault say about its backups: ids proven by a pass, ids in use by a drill under
    way.
    """

    passed: frozenset[str]
    running: frozenset[str]


class VaultJournal:
    """The `Journal` of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def submit(self, job: Job) -> None:
        """See `Journal.submit`. The same job may go out again; raises `VaultConflict` for another one."""
        key, body = job_key(job.drill), _json(job)
        try:
            self._store.put_once(key, body)
        except VaultConflict:
            if b"".join(self._store.fetch(key)) != body:
                raise

    def job(self, drill: str) -> Job:
        """What was submitted. Raises `VaultMissing`, `ObjectCorrupt`."""
        return self._read(job_key(drill), Job)

    def emit(self, drill: str, number: int, event: Event) -> None:
        """See `Journal.emit`."""
        self._store.put(event_key(drill, number), [_json(event)])

    def events(self, drill: str, after: int) -> tuple[tuple[int, Event], ...]:
        """See `Journal.events`."""
        folder = events_folder(drill)
        named = [(entry.key, entry.key.removeprefix(folder)) for entry in self._store.list(folder)]
        wanted = [(key, int(name[:-5])) for key, name in named if name[:-5].isdecimal()]
        wanted = [(key, number) for key, number in wanted if number > after]
        events = self._read_many([key for key, _ in wanted], Event)
        return tuple((number, event) for (_, number), event in zip(wanted, events, strict=True))

    def save(self, report: Report, forms: Mapping[str, str]) -> None:
        """See `Journal.save`. `report.json` comes last: where it is, the others are too."""
        for name, text in forms.items():
            if "/" in name or name in ("job.json", "report.json"):
                raise VaultError("write", name, "not a form of a report")
            self._store.put(checked(f"{drill_folder(report.drill)}{name}"), [text.encode()])
        self._store.put(report_key(report.drill), [report.to_json().encode()])

    def reports(self, drill: str | None = None) -> Iterator[Report]:
        """See `Journal.reports`. Raises `ObjectCorrupt` at one that can't be read."""
        drills = self._drills() if drill is None else (drill,)
        for start in range(0, len(drills), _FETCHES_AT_ONCE):
            keys = [report_key(one) for one in drills[start : start + _FETCHES_AT_ONCE]]
            yield from (report for report in self._read_if_any(keys, Report) if report is not None)

    def drilled(self, now: datetime) -> Drilled:
        """Which backups have passed, and which are being drilled at `now`. A drill whose lease is over is
        not.
        """
        drills = self._drills()
        reports = self._read_if_any([report_key(one) for one in drills], Report)
        passed = {r.backup.id for r in reports if r and r.backup and r.verdict is Verdict.PASSED}
        open_ones = [one for one, report in zip(drills, reports, strict=True) if report is None]
        jobs = self._read_if_any([job_key(one) for one in open_ones], Job)
        return Drilled(
            frozenset(passed), frozenset(job.backup for job in jobs if job and job.expires_at > now)
        )

    def _drills(self) -> tuple[str, ...]:
        """Ids, newest first."""
        ids = (last_part(entry.key) for entry in self._store.list(DRILLS, folders=True))
        return tuple(sorted(filter(is_id, ids), reverse=True))

    def _read(self, key: str, kind: type[_D]) -> _D:
        try:
            return kind.model_validate_json(b"".join(self._store.fetch(key)))
        except ValidationError as error:
            raise ObjectCorrupt("read", key, why_invalid(error)) from error

    def _read_many(self, keys: Sequence[str], kind: type[_D]) -> list[_D]:
        with ThreadPoolExecutor(_FETCHES_AT_ONCE) as pool:
            return list(pool.map(lambda key: self._read(key, kind), keys))

    def _read_if_any(self, keys: Sequence[str], kind: type[_D]) -> list[_D | None]:
        def read(key: str) -> _D | None:
            try:
                return self._read(key, kind)
            except VaultMissing:
                return None

        with ThreadPoolExecutor(_FETCHES_AT_ONCE) as pool:
            return list(pool.map(read, keys))


def _json(document: Document) -> bytes:
    return document.model_dump_json(by_alias=True).encode()
