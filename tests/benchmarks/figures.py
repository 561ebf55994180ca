"""The figures as text: the table to reach, and what every step took."""

import os
import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import meter
from tests.benchmarks.rows import MB, Result, Steps
from tests.benchmarks.steps import Measured


@dataclass(frozen=True)
class Circumstances:
    """On what it was measured."""

    postgres: str
    store: str
    sizes_bytes: dict[str, int]
    stored_bytes: int
    rounds: int


def table(results: Sequence[Result]) -> str:
    """What is to be reached, in Markdown."""
    lines = ["| what | against | measured | rounds | at most | |", "|---|---|---|---|---|---|"]
    for result in results:
        row, number = result.row, _number(result)
        spread = " ".join(number(value) for value in sorted(result.values))
        reached = "reached" if result.reached else f"**missed by {result.median / row.at_most - 1:.0%}**"
        limit = f"{row.at_most:g} {row.unit}".strip()
        lines.append(
            f"| {row.what} | {row.against} | **{number(result.median)}**{_noise(result.foreign)} "
            f"| {spread} | {limit} | {reached} |"
        )
    return "\n".join(lines)


def _number(result: Result) -> Callable[[float], str]:
    unit = result.row.unit
    return lambda value: f"{value:.1f} {unit}" if unit else f"{value:.2f}"


NOISY = 0.05


def _noise(foreign: float) -> str:
    return "*" if foreign > NOISY else ""


def steps_table(rounds: Sequence[Steps]) -> str:
    """What every step took: medians, and of peaks and of others' CPU the largest."""
    lines = [
        "| run | step | s | CPU s | of it S3 | MB written | peak MB on disk | peak MB in memory | foreign |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for run, step in rounds[0]:
        seen = [measured[run, step] for measured in rounds]
        lines.append(f"| {run} | {step} | {' | '.join(_cells(seen))} |")
    return "\n".join(lines)


def _cells(seen: Sequence[Measured]) -> list[str]:
    def median(of: Callable[[Measured], float]) -> float:
        return statistics.median(of(one) for one in seen)

    return [
        f"{median(lambda one: one.spent.wall_s):.2f}",
        f"{median(lambda one: one.spent.cpu_s):.2f}",
        f"{median(lambda one: one.spent.store_cpu_s):.2f}",
        f"{median(lambda one: one.spent.written_bytes) / MB:.0f}",
        f"{max(one.disk_bytes for one in seen) / MB:.1f}",
        f"{max(one.memory_bytes for one in seen) / MB:.0f}",
        f"{max(one.spent.foreign for one in seen):.0%}",
    ]


def document(results: Sequence[Result], rounds: Sequence[Steps], on: Circumstances, plot: Path) -> str:
    """All of it, as `build/bench/figures.md` has it."""
    return "\n\n".join(
        (
            "# Figures",
            _introduction(on),
            table(results),
            _notes(results),
            "## Every step",
            steps_table(rounds),
            _EXPLANATION,
            f"![seconds by side]({plot.name})",
        )
    )


def _introduction(on: Circumstances) -> str:
    sizes = ", ".join(f"{name} {size / MB:.0f} MB" for name, size in on.sizes_bytes.items())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / MB
    return (
        f"{on.rounds} rounds, both sides in each, every second round backwards. {meter.CORES} cores "
        f"({_processor()}), {memory / 1000:.0f} GB, Linux {platform.release()}, "
        f"Python {platform.python_version()}, PostgreSQL {on.postgres}, {on.store} on loopback. "
        f"Databases: {sizes}; {on.stored_bytes / MB:.0f} MB as a backup."
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next(
        (line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine()
    )


def _notes(results: Sequence[Result]) -> str:
    noisy = max(result.foreign for result in results)
    return (
        "A ratio is one of seconds within a round, the figure its median over the rounds; of peaks it is the "
        f"largest. \\* in some round, others used more than {NOISY:.0%} of the machine's CPU in one of the "
        f"steps (most: {noisy:.0%})."
    )


_EXPLANATION = (
    "The clock starts when the program has loaded and the empty server runs, on both sides. CPU seconds are "
    "those of the client programs, the database server and S3, all of which share the cores. Written: what "
    "client and database gave the kernel to write and did not take back before it did. On disk: below the "
    "run's own folder, without the server's data directory. Memory: all processes but servers, pages they "
    "share counted once. Foreign: the share of the machine's CPU that other work used."
)
