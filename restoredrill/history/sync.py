"""The index made from vaults: what is new in one (`sync`), or all of it again (`rebuild`).

A drill that somebody took by hand on a laptop is found as well as one of the service's own. What is only in
the history stays where there is one: tasks that wait or run, notices, alarms, who did what. With the database
itself they are lost, and nothing else: waiting tasks come again with their schedule's next time, and what a
notice said stands in its report.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from restoredrill.errors import ObjectCorrupt
from restoredrill.history.database import DatabaseHistory
from restoredrill.history.index import Findings, Forgotten, Known
from restoredrill.history.rows import backup_row, drill_row
from restoredrill.model import Manifest, Report, make_id
from restoredrill.records import Kind, Task

LOOK_AGAIN = timedelta(days=14)  # so long something may still become of what says nothing yet
_AT_ONCE = 64  # documents in memory: a manifest may have some megabytes
_D = TypeVar("_D", Manifest, Report, Task)
_NOTHING = Known(frozenset(), frozenset(), frozenset(), frozenset())


class Contents(Protocol):
    """One vault, as the index sees it: ids ascending, documents in the order they were asked for; None:
    there is none, `ObjectCorrupt`: it can't be read. Every method raises `VaultError`.
    """

    def ids(self, kind: Kind) -> Sequence[str]:
        """Every backup or drill of which there is anything."""

    def task_ids(self) -> Sequence[str]:
        """Every task that is over."""

    def manifests(self, ids: Sequence[str]) -> Sequence[Manifest | ObjectCorrupt | None]:
        """Of these backups."""

    def reports(self, ids: Sequence[str]) -> Sequence[Report | ObjectCorrupt | None]:
        """Of these drills."""

    def tasks(self, ids: Sequence[str]) -> Sequence[Task | ObjectCorrupt | None]:
        """How these ended."""


@dataclass(frozen=True)
class Synced:
    """What was taken up; `unreadable`: documents that are there and can't be understood."""

    database: str
    backups: int
    drills: int
    tasks: int
    gone: int  # backups that the vault has no more
    unreadable: tuple[str, ...]


def sync(
    history: DatabaseHistory, database: str, contents: Contents, *, keep_s: float, now: datetime
) -> Synced:
    """Take up what is new in a database's vault: three listings, and a request for each document that is not
    known, or whose drill was not at its end. What is older than `keep_s` is not looked for.

    Raises `VaultError`, `HistoryError`; then nothing has changed.
    """
    known = history.index.known(database)  # first: what is published meanwhile must not count as gone
    listed, reading = _read(database, contents, known, keep_s, now)
    gone = sorted(known.backups.difference(listed))
    if gone or reading.anything:
        history.index.take(database, reading.found, gone)
    return reading.told(len(gone))


def rebuild(
    history: DatabaseHistory, database: str, contents: Contents, *, keep_s: float, now: datetime
) -> Synced:
    """Make the index of a database again from its vault alone, back to `keep_s`; see this module for what
    stays. Raises `VaultError`, `HistoryError`; then nothing has changed.
    """
    _, reading = _read(database, contents, _NOTHING, keep_s, now)
    history.index.replace(database, reading.found)
    return reading.told(0)


def prune(history: DatabaseHistory, *, keep_s: float, now: datetime) -> Forgotten:
    """Let go what is older than `keep_s`: drills, tasks, notices, the audit log. The vaults keep theirs.
    Raises `HistoryError`.
    """
    return history.index.forget(now - timedelta(seconds=keep_s), _first_id(keep_s, now))


def _first_id(keep_s: float, now: datetime) -> str:
    """Ids of what is older are less than this."""
    return make_id(now - timedelta(seconds=keep_s), "")


def _read(
    database: str, contents: Contents, known: Known, keep_s: float, now: datetime
) -> tuple[Sequence[str], "_Reading"]:
    """The ids of the vault's backups, and what was read of all that is not known."""
    reading, first = _Reading(database, now), _first_id(keep_s, now)
    backups = contents.ids("backup")
    blank = known.blanks

    def wanted(kind: str, ids: Sequence[str], have: frozenset[str]) -> list[str]:
        return [one for one in ids if one not in have and (kind, one) not in blank]

    def young(ids: Sequence[str]) -> list[str]:
        return [one for one in ids if one >= first]

    for some, manifests in _batches(wanted("backup", backups, known.backups), contents.manifests):
        reading.backups(some, manifests)
    for some, reports in _batches(
        wanted("drill", young(contents.ids("drill")), known.drills), contents.reports
    ):
        reading.drills(some, reports)
    for some, tasks in _batches(wanted("task", young(contents.task_ids()), known.tasks), contents.tasks):
        reading.tasks(some, tasks)
    return backups, reading


def _batches(
    ids: Sequence[str], fetch: Callable[[Sequence[str]], Sequence[_D | ObjectCorrupt | None]]
) -> Iterator[tuple[Sequence[str], Sequence[_D | ObjectCorrupt | None]]]:
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        yield some, fetch(some)


class _Reading:
    """What documents say, gathered."""

    def __init__(self, database: str, now: datetime) -> None:
        self.found = Findings()
        self._database = database
        self._now = now
        self._patience = make_id(now - LOOK_AGAIN, "")
        self._unreadable: list[str] = []

    @property
    def anything(self) -> bool:
        found = self.found
        return bool(found.backups or found.drills or found.tasks or found.blanks)

    def backups(self, ids: Sequence[str], read: Sequence[Manifest | ObjectCorrupt | None]) -> None:
        self.found.backups += [backup_row(manifest) for manifest in self._ours("backup", ids, read)]

    def drills(self, ids: Sequence[str], read: Sequence[Report | ObjectCorrupt | None]) -> None:
        for report in self._ours("drill", ids, read):
            self.found.drills.append(drill_row(report))
            if _is_settled(report, self._now):
                self.found.settled.add(report.drill)

    def tasks(self, ids: Sequence[str], read: Sequence[Task | ObjectCorrupt | None]) -> None:
        self.found.tasks += [task for task in self._ours("task", ids, read) if task.state.final]

    def told(self, gone: int) -> Synced:
        found = self.found
        counts = (len(found.backups), len(found.drills), len(found.tasks))
        return Synced(self._database, *counts, gone, tuple(self._unreadable))

    def _ours(self, kind: str, ids: Sequence[str], read: Sequence[_D | ObjectCorrupt | None]) -> Iterator[_D]:
        """Those of this database. The others are not asked for again: at once where a document is somebody
        else's, after a while where it is not there (yet) or can't be read.
        """
        for one, document in zip(ids, read, strict=True):
            if isinstance(document, ObjectCorrupt):
                self._unreadable.append(f"{document.thing}: {document.reason}")
            if document is None or isinstance(document, ObjectCorrupt):
                if one < self._patience:
                    self.found.blanks.append((kind, one))
            elif document.database != self._database or _id_of(document) != one:
                self.found.blanks.append((kind, one))
            else:
                yield document


def _id_of(document: Manifest | Report | Task) -> str:
    return document.drill if isinstance(document, Report) else document.id


def _is_settled(report: Report, now: datetime) -> bool:
    """It was looked for what is left of it, or it is kept on purpose; or nobody comes back to it any more."""
    machine = report.machine
    return machine.swept_at is not None or machine.url is not None or report.finished_at < now - LOOK_AGAIN
