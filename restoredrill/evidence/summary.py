"""The page that an auditor reads first, and the note that says how to check the rest.

As the report's own page it needs nothing else and runs nothing; it prints on A4.
"""

import calendar
from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from restoredrill.evidence import gaps
from restoredrill.evidence.coverage import Coverage, DrillLine, Period
from restoredrill.model import Verdict
from restoredrill.reports import units
from restoredrill.reports.escaping import visible

_WORST_FIRST = (Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.PASSED)
_SIGNS = {Verdict.PASSED: "✓", Verdict.FAILED: "✗", Verdict.INCONCLUSIVE: "?"}


@dataclass(frozen=True)
class Day:
    """A cell of the calendar. `kind` is a verdict, `none` or `outside`."""

    kind: str
    sign: str
    words: str


@dataclass(frozen=True)
class Month:
    """A row of the calendar and of the table."""

    name: str
    days: tuple[Day, ...]
    drills: int
    verdicts: Counter[str]
    missed: int
    worst_rto_s: float | None
    worst_rpo_s: float | None
    signed: int


def as_html(coverage: Coverage, keyid: str | None) -> str:
    """The page. `keyid`: of the key that signs the archive."""
    environment = _environment()
    css = _style_sheet()
    verdicts = Counter(line.verdict.value for line in coverage.inside)
    return environment.get_template("summary.html.j2").render(
        css=Markup(css),  # noqa: S704 - our own file, and autoescape would break its quotes
        css_digest=b64encode(sha256(css.encode()).digest()).decode(),
        coverage=coverage,
        period=coverage.period,
        months=[_month(coverage, name) for name in coverage.period.months],
        verdicts=verdicts,
        signs={verdict.value: sign for verdict, sign in _SIGNS.items()},
        stretch=gaps.longest_without_pass(coverage),
        proven=sum(1 for line in coverage.backups if line.passed),
        keyid=keyid,
    )


def readme(period: Period, signed: bool) -> str:
    """`README.txt`: what this is, and how to check it with and without restoredrill."""
    return (
        _environment()
        .get_template("README.txt.j2")
        .render(period=period, signed=signed, last_day=last_day(period))
    )


def last_day(period: Period) -> str:
    """The last day that belongs to the period."""
    return f"{datetime.fromtimestamp(period.until.timestamp() - 1, UTC):%Y-%m-%d}"


def _month(coverage: Coverage, name: str) -> Month:
    year, month = int(name[:4]), int(name[5:])
    drills = [line for line in coverage.inside if f"{line.started_at:%Y-%m}" == name]
    length = calendar.monthrange(year, month)[1]
    rto = [line.rto_s for line in drills if line.rto_s is not None]
    rpo = [line.rpo_s for line in drills if line.rpo_s is not None]
    return Month(
        name=name,
        days=tuple(
            _day(coverage.period, datetime(year, month, day, tzinfo=UTC), drills)
            for day in range(1, length + 1)
        ),
        drills=len(drills),
        verdicts=Counter(line.verdict.value for line in drills),
        missed=sum(1 for line in coverage.missed if f"{line.due_at:%Y-%m}" == name),
        worst_rto_s=max(rto, default=None),
        worst_rpo_s=max(rpo, default=None),
        signed=sum(1 for line in drills if line.signed),
    )


def _day(period: Period, day: datetime, drills: Sequence[DrillLine]) -> Day:
    found = [line.verdict for line in drills if line.started_at.date() == day.date()]
    if found:
        worst = next(verdict for verdict in _WORST_FIRST if verdict in found)
        counted = Counter(verdict.value for verdict in found)
        words = ", ".join(f"{number} {verdict}" for verdict, number in sorted(counted.items()))
        return Day(worst.value, _SIGNS[worst], f"{day:%Y-%m-%d}: {words}")
    outside = not period.since.date() <= day.date() or day >= min(period.until, period.made_at)
    return Day("outside", "", "") if outside else Day("none", "·", f"{day:%Y-%m-%d}: no drill")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("restoredrill.evidence"),
        autoescape=select_autoescape((".html.j2",), default=False),
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "duration": lambda seconds: units.duration(seconds).replace(" ", "\N{NO-BREAK SPACE}"),
        "size": lambda size_bytes: units.size(size_bytes).replace(" ", "\N{NO-BREAK SPACE}"),
        "minute": lambda at: units.minute(at).replace(" ", "\N{NO-BREAK SPACE}"),
        "timestamp": units.timestamp,
        "day": lambda at: f"{at:%Y-%m-%d}",
    }
    return environment


@cache
def _style_sheet() -> str:
    environment = _environment()
    assert environment.loader is not None  # it was given above
    return environment.loader.get_source(environment, "summary.css")[0]


def _finalize(value: object) -> object:
    """Runs on every expression before it is escaped."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
