"""`restoredrill deploy KIND`: what runs the service, filled in for this host."""

import shutil
import sys
from importlib import resources

import click

from restoredrill import __version__
from restoredrill.cli.frame import PROGRAM, Answer, Context
from restoredrill.cli.frame import command as new_command

FILES = {"unit": "restoredrill.service", "container": "Containerfile"}


@new_command
@click.argument("kind", type=click.Choice(tuple(FILES)))
def command(context: Context, kind: str) -> Answer:
    """Print a systemd unit, or a Containerfile: KIND is `unit` or `container`."""
    text = resources.files("restoredrill.deploy").joinpath(FILES[kind]).read_text(encoding="utf-8")
    program = shutil.which(PROGRAM) or f"{sys.executable} -m {PROGRAM}"
    text = text.replace("@PROGRAM@", program).replace("@VERSION@", __version__)
    return Answer({"text": text}, text.rstrip("\n"))
