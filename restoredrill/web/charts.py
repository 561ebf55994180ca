"""Pictures of figures over time, as SVG that scales: where each mark goes. Pure.

Positions are in the picture's own units (`WIDTH` by `HEIGHT`); a template draws them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from restoredrill.model import Verdict
from restoredrill.records import DrillRow

WIDTH, HEIGHT = 720, 220
LEFT, RIGHT, TOP, BOTTOM = 76, 26, 14, 34
GRID_LINES = 4
SHADES = 8  # of phases, in the style sheet
SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)


@dataclass(frozen=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True)
class Box:
    """A bar, or a day of a calendar; `kind` is its class, `title` what is said of it."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


@dataclass(frozen=True)
class Chart:
    """A picture: its boxes, or its line as points `x,y x,y`; and a dashed line at a target."""

    title: str
    summary: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    boxes: tuple[Box, ...] = ()
    points: tuple[tuple[float, float, str], ...] = ()
    target: Tick | None = None
    legend: tuple[tuple[str, str], ...] = ()

    @property
    def path(self) -> str:
        """The line through the points."""
        return " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in self.points)


def phases(drills: Sequence[DrillRow], words: Callable[[float], str]) -> Chart | None:
    """Time to recover by phase, a stacked bar a drill; `drills` newest first. None: nothing to draw."""
    shown = [row for row in reversed(drills) if row.phases_s]
    if not shown:
        return None
    names = list(dict.fromkeys(name for row in shown for name in row.phases_s))
    kinds = {name: f"shade{index % SHADES}" for index, name in enumerate(names)}
    target_s = shown[-1].rto_target_s
    top = max(max(sum(row.phases_s.values()) for row in shown), target_s or 0.0)
    scale, y_ticks = _axis(top, words, SECONDS)
    slot = (WIDTH - LEFT - RIGHT) / len(shown)
    width = min(28.0, slot * 0.7)
    boxes = []
    for index, row in enumerate(shown):
        x, floor = LEFT + slot * (index + 0.5) - width / 2, 0.0
        for name, seconds in row.phases_s.items():
            height = seconds * scale
            y = HEIGHT - BOTTOM - floor - height
            title = f"{_day(row.finished_at)}: {name} {words(seconds)}"
            boxes.append(Box(x, y, width, height, kinds[name], title))
            floor += height
    target = (
        None if target_s is None else Tick(HEIGHT - BOTTOM - target_s * scale, f"target {words(target_s)}")
    )
    sums = [sum(row.phases_s.values()) for row in shown]
    summary = f"{_drills(len(shown))}; the last one took {words(sums[-1])}, the longest {words(max(sums))}"
    places = [(LEFT + slot * (index + 0.5), _day(row.finished_at)) for index, row in enumerate(shown)]
    legend = tuple((kinds[name], name) for name in names)
    return Chart(
        "Time to recover, by phase",
        summary,
        _few(places),
        y_ticks,
        tuple(boxes),
        target=target,
        legend=legend,
    )


def line(
    title: str,
    samples: Sequence[tuple[datetime, float]],
    words: Callable[[float], str],
    target: float | None = None,
    steps: Sequence[float] = (),
) -> Chart | None:
    """A figure over time; `samples` oldest first. None: there is none."""
    if not samples:
        return None
    first, last = samples[0][0], samples[-1][0]
    span_s = max((last - first).total_seconds(), 1.0)
    top = max(max(value for _, value in samples), target or 0.0)
    scale, y_ticks = _axis(top, words, steps)

    def x(at: datetime) -> float:
        share = 0.5 if len(samples) == 1 else (at - first).total_seconds() / span_s
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    points = tuple(
        (x(at), HEIGHT - BOTTOM - value * scale, f"{_day(at)}: {words(value)}") for at, value in samples
    )
    aim = None if target is None else Tick(HEIGHT - BOTTOM - target * scale, f"target {words(target)}")
    summary = f"{words(samples[0][1])} at first, {words(samples[-1][1])} at last"
    return Chart(
        title, summary, _few([(x(at), _day(at)) for at, _ in samples]), y_ticks, points=points, target=aim
    )


# A calendar -------------------------------------------------------------------------------------------------

CELL, GAP = 13, 3
WEEKS = 26


@dataclass(frozen=True)
class Calendar:
    """Half a year of days in columns of weeks, Monday first."""

    days: tuple[Box, ...]
    months: tuple[Tick, ...]
    width: int
    height: int
    summary: str


def calendar(drills: Sequence[DrillRow], today: date) -> Calendar:
    """The worst verdict of each day; a day without a drill says so."""
    found: dict[date, list[DrillRow]] = {}
    for row in drills:
        found.setdefault(row.finished_at.date(), []).append(row)
    monday = today - timedelta(days=today.weekday() + 7 * (WEEKS - 1))
    days, months, counted = [], [], 0
    for offset in range(WEEKS * 7):
        day = monday + timedelta(days=offset)
        if day > today:
            break
        column, weekday = divmod(offset, 7)
        x, y = column * (CELL + GAP), 16 + weekday * (CELL + GAP)
        rows = found.get(day, [])
        counted += len(rows)
        kind = _worst(rows)
        title = f"{day.isoformat()}: {', '.join(row.verdict.value for row in rows) or 'no drill'}"
        days.append(Box(x, y, CELL, CELL, kind, title))
        if day.day <= 7 and weekday == 0:
            months.append(Tick(x, f"{day:%b}"))
    wide, high = WEEKS * (CELL + GAP), 16 + 7 * (CELL + GAP)
    return Calendar(tuple(days), tuple(months), wide, high, f"{_drills(counted)} in half a year")


def _worst(rows: Sequence[DrillRow]) -> str:
    verdicts = {row.verdict for row in rows}
    for verdict in (Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.PASSED):
        if verdict in verdicts:
            return verdict.value
    return "none"


# Axes -------------------------------------------------------------------------------------------------------


def _axis(
    top: float, words: Callable[[float], str], steps: Sequence[float]
) -> tuple[float, tuple[Tick, ...]]:
    """Units of the picture for one of the figure, and the lines of its grid: round figures from nought."""
    step = _step(top / GRID_LINES, steps)
    lines = max(1, math.ceil(top / step)) if top > 0 else 1
    scale = (HEIGHT - TOP - BOTTOM) / (lines * step)
    ticks = tuple(
        Tick(HEIGHT - BOTTOM - number * step * scale, words(number * step)) for number in range(lines + 1)
    )
    return scale, ticks


def _step(least: float, steps: Sequence[float]) -> float:
    for step in steps:
        if step >= least:
            return float(step)
    if least <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next(float(power * factor) for factor in (1, 2, 5, 10) if power * factor >= least)


def _few(places: Sequence[tuple[float, str]]) -> tuple[Tick, ...]:
    """Words that do not run into one another: the last one always, others as there is room."""
    kept: list[Tick] = []
    for x, label in reversed(places):
        if not kept or kept[-1].at - x > 84:
            kept.append(Tick(x, label))
    return tuple(reversed(kept))


def _drills(count: int) -> str:
    return "1 drill" if count == 1 else f"{count} drills"


def _day(at: datetime) -> str:
    return f"{at:%d %b %Y}" if at.year < 2000 else f"{at:%d %b}"
