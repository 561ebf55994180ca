"""Where things go in the page's pictures: the phases along an axis of time, a measured time and its target.

Positions are percentages of the picture's width and pixels of its height, so that a picture as narrow as a
phone keeps its letters at reading size.
"""

from dataclasses import dataclass

from restoredrill.model import Report
from restoredrill.reports import reading, units

ROW_PX, AXIS_PX = 48, 26
TARGET_PX = 22  # above the rows, for the words of the target line
TICKS_AT_MOST = 5
STEPS_S = (
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    10800,
    21600,
    43200,
    86400,
)
NAME_AT_MOST = 40
FAR = 2.5  # a target this many times past the end would squeeze the phases: it is told, not drawn


@dataclass(frozen=True)
class Mark:
    """A place on the axis and its words; `anchor` keeps the words inside the picture."""

    at_percent: float
    label: str
    anchor: str


@dataclass(frozen=True)
class Bar:
    """A phase as drawn."""

    name: str
    note: str
    left_percent: float
    width_percent: float
    top_px: int
    slowest: bool


@dataclass(frozen=True)
class Timeline:
    """All phases along one axis."""

    bars: tuple[Bar, ...]
    ticks: tuple[Mark, ...]
    target: Mark | None
    target_off_scale: str | None
    top_px: int
    floor_px: int
    height_px: int
    description: str


@dataclass(frozen=True)
class Gauge:
    """How much of a target was used; `over_percent` of the width lies past the target."""

    filled_percent: float
    target_percent: float
    over_percent: float
    sentence: str


def timeline(report: Report) -> Timeline | None:
    """The picture of the phases, or None where there are none or all took no time."""
    stretches = reading.stretches(report)
    total_s = sum(stretch.seconds for stretch in stretches)
    if not total_s:
        return None
    target_s = report.rto_target_s
    drawn_target_s = target_s if target_s is not None and 0 < target_s <= FAR * total_s else None
    end_s = max(total_s, drawn_target_s or 0.0)
    top_px = 0 if drawn_target_s is None else TARGET_PX
    bars = tuple(_bar(stretch, top_px + ROW_PX * row, end_s) for row, stretch in enumerate(stretches))
    floor_px = top_px + ROW_PX * len(bars)
    return Timeline(
        bars=bars,
        ticks=_ticks(end_s),
        target=None if drawn_target_s is None else _target(drawn_target_s, end_s),
        target_off_scale=units.duration(target_s) if target_s and drawn_target_s is None else None,
        top_px=top_px,
        floor_px=floor_px,
        height_px=floor_px + AXIS_PX,
        description="; ".join(f"{stretch.name}: {_note(stretch)}" for stretch in stretches),
    )


def _bar(stretch: reading.Stretch, top_px: int, end_s: float) -> Bar:
    name = (
        stretch.name
        if len(stretch.name) <= NAME_AT_MOST
        else stretch.name[: NAME_AT_MOST - 1] + "\N{HORIZONTAL ELLIPSIS}"
    )
    return Bar(
        name=name,
        note=_note(stretch),
        left_percent=_percent(stretch.start_s, end_s),
        width_percent=_percent(stretch.seconds, end_s),
        top_px=top_px,
        slowest=stretch.slowest,
    )


def _note(stretch: reading.Stretch) -> str:
    words = ["slowest"] if stretch.slowest else []
    words += [units.duration(stretch.seconds), units.percent(stretch.share)]
    if (rate := units.rate(stretch.bytes or 0, stretch.seconds)) is not None:
        words.append(rate)
    return ", ".join(words)


def _ticks(end_s: float) -> tuple[Mark, ...]:
    step_s = next((step for step in STEPS_S if end_s / step <= TICKS_AT_MOST), None)
    if step_s is None:
        step_s = 86400.0 * -(-end_s // (86400 * TICKS_AT_MOST))  # whole days
    count = int(end_s / step_s + 1e-9)
    return tuple(_mark(number * step_s, end_s, _tick(number * step_s)) for number in range(count + 1))


def _tick(at_s: float) -> str:
    """Round figures lose their nought: `30 s`, not `30.0 s`."""
    return units.duration(at_s).replace(".0 ", " ")


def _target(target_s: float, end_s: float) -> Mark:
    return _mark(target_s, end_s, f"RTO target {units.duration(target_s)}", margin=25)


def _mark(at_s: float, end_s: float, label: str, *, margin: float = 7) -> Mark:
    at = _percent(at_s, end_s)
    return Mark(at, label, "start" if at < margin else "end" if at > 100 - margin else "middle")


def gauge(objective: reading.Objective) -> Gauge | None:
    """The picture of an objective, or None where it was not measured or has no target."""
    used = objective.used
    if used is None or objective.target_s is None:
        return None
    allowed = units.duration(objective.target_s)
    if used <= 1:
        sentence = f"{units.percent(used)} of the {allowed} allowed"
        return Gauge(round(used * 100, 2), 100, 0, sentence)
    target = round(100 / used, 2)
    return Gauge(target, target, 100 - target, f"{units.percent(used - 1)} over the {allowed} allowed")


def _percent(part_s: float, whole_s: float) -> float:
    return round(100 * part_s / whole_s, 3)
