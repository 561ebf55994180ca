"""The line that shows what goes on, on a terminal."""

import contextlib
from collections.abc import Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from restoredrill import protocols

# What moves bytes says how fast; anything else leaves the place empty.
_RATE = TextColumn("{task.fields[rate]}")


@contextlib.contextmanager
def line(console: Console | None = None) -> Iterator[protocols.Progress]:
    """Shows a line while the block runs, then removes it. What it yields may be called from any thread."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        _RATE,
        TimeElapsedColumn(),
    )
    shown = Progress(*columns, console=console or Console(stderr=True), transient=True)
    with shown:
        task = shown.add_task("", total=None, rate="")

        def advance(message: str, percent: float | None, mb_per_s: float | None) -> None:
            rate = "" if mb_per_s is None else f"{mb_per_s:.0f} MB/s"
            total = None if percent is None else 100.0
            shown.update(task, description=message, total=total, completed=percent or 0.0, rate=rate)

        yield advance
