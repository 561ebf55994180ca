"""`restoredrill agent errand DIRECTORY`: what boot data call on a throwaway machine. Ends with it off."""

import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

import click

from restoredrill import config, process, wiring
from restoredrill.aws import imds
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.errors import Exit
from restoredrill.machines.ec2 import inside
from restoredrill.machines.ec2.inside import World
from restoredrill.machines.local import last_words


@new_command
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
def command(context: Context, directory: Path) -> Answer:
    """Do the errand that DIRECTORY/boot.json names, then power this machine off."""
    note = inside.read_note(directory)
    # Nothing on a new machine says where it is; without that, S3 is asked on the other side of the world.
    spec = note.vault.model_copy(update={"region": note.vault.region or note.region})
    world = World(
        store=wiring.store(spec, note.errand, attempts=inside.PATIENT_ATTEMPTS, region=note.region),
        imds=imds.Imds(imds.address()),
        start=_starter(directory, note.region),
        arm=lambda at, lease_s: inside.arm(directory, config.own_environment(), at, lease_s),
        power_off=inside.power_off,
    )
    status = inside.carry_out(directory, world)
    said = last_words(directory / note.errand / "agent.log")  # for the console
    document = {"errand": note.errand, "attempt": note.attempt, "status": status}
    return Answer(document, f"{said}\nerrand {note.errand} ended ({status})", _exit(status))


def program() -> tuple[str, ...]:
    """What runs restoredrill again as we were run: from the one file, or from where it is installed."""
    if zipfile.is_zipfile(sys.argv[0]):
        return (sys.executable, sys.argv[0])
    return (*process.MODULE, "restoredrill")


def _starter(directory: Path, region: str) -> Callable[[Path, IO[bytes]], process.Child]:
    words = program()

    def start(home: Path, log: IO[bytes]) -> process.Child:
        known = {"AWS_DEFAULT_REGION": region, **config.own_environment()}
        marked = {**known, process.MACHINE: str(home.resolve())}
        argv = [*words, "agent", "run", str(home)]
        return process.start(argv, extra_env=marked, cwd=directory, stdout=log, stderr=log)

    return start


def _exit(status: int) -> Exit:
    """A child that was killed has a negative one."""
    return Exit(status) if status in list(Exit) else Exit.INCONCLUSIVE
