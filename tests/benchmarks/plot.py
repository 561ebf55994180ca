"""The figures as a picture: seconds of both sides, every round a dot; and each row beside its limit."""

import statistics
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.benchmarks.rows import Result, Steps

mpl.use("agg")

_OURS, _OTHERS, _VERIFY, _LIMIT = "#0b6e4f", "#a8b0b8", "#7fc8a9", "#b3261e"
_INK, _FAINT = "#24292f", "#6e7781"

# Panel -> (label, run); `verify` is stacked on its restore.
_PANELS = {
    "backup into S3": (
        ("pg_dump -Fc | S3", "pipe"),
        ("pg_dump -Fd -j2 zstd, copy", "disk"),
        ("restoredrill", "ours"),
        ("restoredrill, content", "ours, content"),
    ),
    "fetch and restore, b-tree": (
        ("pg_restore, default", "btree plain"),
        ("pg_restore -j2, tuned", "btree tuned"),
        ("restoredrill", "btree ours"),
    ),
    "fetch and restore, GIN": (
        ("pg_restore, default", "gin plain"),
        ("pg_restore -j2, tuned", "gin tuned"),
        ("restoredrill", "gin ours"),
    ),
}


def draw(results: Sequence[Result], rounds: Sequence[Steps], path: Path) -> None:
    """Write the picture (PNG) to `path`."""
    runs = {run for run, _ in rounds[0]}
    panels = {title: shown for title, bars in _PANELS.items() if (shown := [b for b in bars if b[1] in runs])}
    heights = [len(bars) + 1.2 for bars in panels.values()]
    figure = Figure(figsize=(12, max(4.0, 0.42 * sum(heights) + 1)), layout="constrained")
    grid = figure.add_gridspec(len(panels) or 1, 2, height_ratios=heights or None, width_ratios=[1.15, 1])
    for number, (title, bars) in enumerate(panels.items()):
        _seconds(figure.add_subplot(grid[number, 0]), title, bars, rounds)
    _limits(figure.add_subplot(grid[:, 1]), results)
    figure.savefig(path, dpi=130)


def _seconds(axes: Axes, title: str, bars: Sequence[tuple[str, str]], rounds: Sequence[Steps]) -> None:
    for place, (_, run) in enumerate(bars):
        left = 0.0
        for step in ("backup", "restore", "verify"):
            seen = [r[run, step].spent.wall_s for r in rounds if (run, step) in r]
            if not seen:
                continue
            ours = _VERIFY if step == "verify" else _OURS
            median = statistics.median(seen)
            axes.barh(place, median, left=left, height=0.62, color=ours if "ours" in run else _OTHERS)
            axes.plot([left + s for s in seen], [place] * len(seen), "o", ms=3, color=_INK, alpha=0.6, mew=0)
            if step == "verify":
                axes.text(
                    left + median / 2, place, "verify", ha="center", va="center", fontsize=7, color=_INK
                )
            left += median
        axes.annotate(
            f"{left:.1f} s",
            (left, place),
            (6, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=_INK,
        )
    axes.set_yticks(range(len(bars)), [label for label, _ in bars])
    axes.invert_yaxis()
    axes.margins(x=0.14)
    axes.set_xlim(left=0)
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold", color=_INK)
    _calm(axes)


def _limits(axes: Axes, results: Sequence[Result]) -> None:
    """Each row as a share of what it may be."""
    for place, result in enumerate(results):
        limit = result.row.at_most
        shares = [value / limit for value in result.values]
        axes.barh(place, result.median / limit, height=0.55, color=_OURS if result.reached else _LIMIT)
        axes.plot(shares, [place] * len(shares), "o", ms=3, color=_INK, alpha=0.6, mew=0)
        unit = f" {result.row.unit}" if result.row.unit else ""
        digits = ".0f" if unit else ".2f"
        said = f"{result.median:{digits}} of {limit:g}{unit}"
        end = max([result.median / limit, *shares])
        axes.annotate(
            said,
            (end, place),
            (6, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=_INK,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
    axes.axvline(1, color=_LIMIT, linewidth=1, zorder=1.5)
    axes.set_yticks(range(len(results)), [result.row.name for result in results])
    axes.invert_yaxis()
    axes.set_xlim(0, max(1.35, *(1.3 * max([r.median, *r.values]) / r.row.at_most for r in results)))
    axes.set_title(
        "share of the limit (red line: at most)", loc="left", fontsize=10, fontweight="bold", color=_INK
    )
    _calm(axes)


def _calm(axes: Axes) -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(labelsize=8, length=0, colors=_FAINT)
    axes.grid(axis="x", color="#d8dee4", linewidth=0.6)
    axes.set_axisbelow(True)
