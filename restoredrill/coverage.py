"""Which of the backups that are kept a drill has passed, and which has to be drilled next. Pure.

A backup that has never been restored is as unproven as any other, however old: `coverage: 30d` means that
each one is drilled at least once within 30 days, from when it was taken and again from each pass.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from restoredrill.known import CoverageFacts
from restoredrill.model import Manifest, Report


@dataclass(frozen=True)
class Due:
    """A backup and until when it has to have passed (again)."""

    backup: str
    at: datetime


def proofs(reports: Iterable[Report], backups: Sequence[Manifest]) -> Mapping[str, datetime]:
    """When each backup last passed in full, of `reports`, newest first. Looks back no further than needed."""
    found: dict[str, datetime] = {}
    kept = {backup.id for backup in backups}
    oldest = min((backup.taken_at for backup in backups), default=None)
    for report in reports:
        if oldest is None or report.started_at < oldest or found.keys() >= kept:
            break
        if report.proves and report.backup is not None and report.backup.id in kept:
            found.setdefault(report.backup.id, report.finished_at)
    return found


def facts(
    backups: Sequence[Manifest], proven: Mapping[str, datetime], within_s: float | None, now: datetime
) -> CoverageFacts:
    """How much of what is kept (`backups`, newest first) is proven; `within_s` is what the file promises."""
    unverified = [backup for backup in backups if backup.id not in proven]
    order = [] if within_s is None else due(backups, proven, within_s)
    return CoverageFacts(
        within_s=within_s,
        retained=len(backups),
        verified=len(backups) - len(unverified),
        oldest_unverified=unverified[-1].id if unverified else None,
        oldest_unverified_at=unverified[-1].taken_at if unverified else None,
        next_due=order[0].backup if order else None,
        next_due_at=order[0].at if order else None,
        overdue=sum(one.at < now for one in order),
    )


def due(backups: Iterable[Manifest], proven: Mapping[str, datetime], within_s: float) -> list[Due]:
    """Every backup, the most urgent first."""
    within = timedelta(seconds=within_s)
    found = [Due(b.id, max(b.taken_at, proven.get(b.id, b.taken_at)) + within) for b in backups]
    return sorted(found, key=lambda one: (one.at, one.backup))


def urgent(order: Sequence[Due], every_s: float, now: datetime) -> Due | None:
    """The one that must be drilled now: if the next drills, one in `every_s` each, took the most urgent ones
    in turn, one would come too late unless that begins now. None: there is time for another.
    """
    for number, one in enumerate(order, start=1):
        if one.at <= now + timedelta(seconds=every_s * number):
            return order[0]
    return None
