"""What is known and fails nothing: which entries of `ignore` hold, what they met, and which meet nothing.

Pure. The course of an entry goes from report to report: whoever has the last one knows since when it idles.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Final

from restoredrill.checks.rules import finding
from restoredrill.known import IgnoreSpec, IgnoreUse
from restoredrill.model import Finding

IDLE_AT_MOST: Final = timedelta(days=30)


def mark(
    findings: Iterable[Finding], ignore: Sequence[IgnoreSpec], today: date | None = None
) -> tuple[Finding, ...]:
    """The same findings in the same order; the first fitting entry of `ignore` gives its reason.

    An entry whose `until` is before `today` ignores nothing any more, which the finding's hint says.
    """
    return tuple(_marked(finding, ignore, today) for finding in findings)


def uses(
    found: Sequence[Finding],
    ignore: Sequence[IgnoreSpec],
    last: Sequence[IgnoreUse],
    now: datetime,
    *,
    whole: bool,
) -> tuple[IgnoreUse, ...]:
    """What each entry met among `found`; `last` is what the last report says of them.

    Of a drill that was broken off (not `whole`) nobody can say that an entry met nothing: it keeps the course
    it had.
    """
    known = {(use.rule, use.object): use.idle_since for use in last}
    return tuple(
        _use(entry, found, known.get((entry.rule, entry.object)) or (now if whole else None))
        for entry in ignore
    )


def idle(used: Iterable[IgnoreUse], now: datetime) -> tuple[Finding, ...]:
    """A finding for each entry that has met nothing for `IDLE_AT_MOST`."""
    return tuple(
        finding(
            "IGNORE_UNUSED",
            f"{use.rule} {use.object}",
            f"`ignore` of {use.rule} on {use.object} has met nothing since {use.idle_since:%Y-%m-%d}",
        )
        for use in used
        if use.idle_since is not None and now - use.idle_since >= IDLE_AT_MOST
    )


def _marked(found: Finding, ignore: Sequence[IgnoreSpec], today: date | None) -> Finding:
    fitting = [entry for entry in ignore if _fits(found, entry)]
    for entry in fitting:
        if not _over(entry, today):
            return found.model_copy(update={"ignored": entry.reason})
    if fitting:
        ended = f"it was ignored until {fitting[0].until} ({fitting[0].reason})"
        return found.model_copy(update={"hint": f"{found.hint}; {ended}" if found.hint else ended})
    return found


def _fits(found: Finding, entry: IgnoreSpec) -> bool:
    """Shell patterns; also the name itself, which may hold a `[` or `*` of its own."""
    named = found.object == entry.object or fnmatchcase(found.object, entry.object)
    return found.rule == entry.rule and named


def _over(entry: IgnoreSpec, today: date | None) -> bool:
    return entry.until is not None and today is not None and entry.until < today


def _use(entry: IgnoreSpec, found: Sequence[Finding], idle_since: datetime | None) -> IgnoreUse:
    met = sum(_fits(one, entry) for one in found)
    return IgnoreUse(**entry.model_dump(), met=met, idle_since=None if met else idle_since)
