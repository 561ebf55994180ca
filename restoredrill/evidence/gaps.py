"""What is missing, in words: an archive that shows only what went well is no evidence. Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import pairwise

from restoredrill.evidence.coverage import Coverage

_NAMED_MAX = 12


def of(coverage: Coverage) -> tuple[str, ...]:
    """One sentence a gap, the worst first."""
    return tuple(_months(coverage)) + tuple(_documents(coverage)) + tuple(_backups(coverage))


def longest_without_pass(coverage: Coverage) -> tuple[datetime, datetime]:
    """The longest stretch of the period, up to now, in which no drill began that passed."""
    period = coverage.period
    end = max(period.since, min(period.until, period.made_at))
    passes = [line.started_at for line in coverage.inside if line.proves]
    times = [period.since, *sorted(passes), end]
    return max(pairwise(times), key=lambda pair: pair[1] - pair[0])


def _months(coverage: Coverage) -> Iterator[str]:
    drilled = {f"{line.started_at:%Y-%m}" for line in coverage.inside}
    passed = {f"{line.started_at:%Y-%m}" for line in coverage.inside if line.proves}
    months = [month for month in coverage.period.months if month <= f"{coverage.period.made_at:%Y-%m}"]
    if undrilled := [month for month in months if month not in drilled]:
        yield f"no drill at all in {_named(undrilled)}"
    if unproven := [month for month in months if month in drilled and month not in passed]:
        yield f"drills, but none that passed, in {_named(unproven)}"


def _documents(coverage: Coverage) -> Iterator[str]:
    if coverage.unreported:
        number = _count(coverage.unreported, "drill")
        yield f"{number} began and left no report: {_named(coverage.unreported)}"
    if coverage.unreadable:
        yield f"{_count(coverage.unreadable, 'document')} can't be read: {_named(coverage.unreadable)}"
    if coverage.left_out:
        yield (
            f"{_count(coverage.left_out, 'document')} left out for holding what looks like a secret: "
            f"{_named(coverage.left_out)}"
        )
    if unsigned := [line.drill for line in coverage.drills if not line.signed]:
        yield f"{_count(unsigned, 'report')} of {len(coverage.drills):,} not signed: {_named(unsigned)}"
    if left := [line.drill for line in coverage.inside if line.leftovers]:
        yield f"{_count(left, 'drill')} left something running: {_named(left)}"
    if coverage.missed:
        number = _count(coverage.missed, "run")
        yield f"{number} skipped or cancelled; the reasons are listed below"


def _backups(coverage: Coverage) -> Iterator[str]:
    if not coverage.backups:
        yield "no backup is kept"
    if undrilled := [line.backup for line in coverage.backups if not line.drills]:
        number = _count(undrilled, "backup")
        yield f"{number} of {len(coverage.backups):,} still kept never drilled: {_named(undrilled)}"
    if unproven := [line.backup for line in coverage.backups if line.drills and line.passed is None]:
        yield f"{_count(unproven, 'backup')} drilled, but never passed: {_named(unproven)}"


def _count(items: Iterable[object], what: str) -> str:
    number = len(tuple(items))
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def _named(names: Iterable[str]) -> str:
    names = tuple(names)
    more = f" and {len(names) - _NAMED_MAX:,} more" if len(names) > _NAMED_MAX else ""
    return ", ".join(names[:_NAMED_MAX]) + more
