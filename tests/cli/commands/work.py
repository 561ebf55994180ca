"""A command that works until it is interrupted, and takes its time to clean up."""

import threading
from pathlib import Path

import click

from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command


@new_command
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--steps", type=int, default=0, help="How many steps to show instead.")
def command(context: Context, directory: Path, steps: int) -> Answer:
    """Work. `cleaning` appears in the directory when cleaning up begins, which ends once `enough` does."""
    if steps:
        with context.progress() as progress:
            for step in range(steps):
                progress(f"step {step}", 100 * step / steps, 12.0)
                threading.Event().wait(0.2)  # so that the line is drawn
        return Answer({"steps": steps}, "all done")
    try:
        context.tell("ready")
        threading.Event().wait(120)
    finally:
        (directory / "cleaning").touch()
        while not (directory / "enough").exists():
            threading.Event().wait(0.02)
        (directory / "cleaned").touch()
    return Answer({}, "")
