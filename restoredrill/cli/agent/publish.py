"""`restoredrill agent publish NAME`: bundles into a database's vault, where its machines find them."""

import tempfile
from pathlib import Path

import click
from pydantic import ValidationError

from restoredrill import bundle, wiring
from restoredrill.bundle import PLATFORMS, PYTHONS
from restoredrill.cli.agent.build import line, make
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.errors import UsageError
from restoredrill.plan import AgentBundle
from restoredrill.vault.bundles import VaultBundles

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@new_command
@click.argument("name")
@click.argument(
    "files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="[FILE]..."
)
@click.option("--python", "pythons", multiple=True, type=click.Choice(PYTHONS), help="Build for this Python.")
@click.option(
    "--platform", type=click.Choice(list(PLATFORMS)), default="linux_x86_64", help="Build for this."
)
@click.option("--no-postgres", is_flag=True, help="Build without PostgreSQL: the image has it.")
def command(
    context: Context,
    name: str,
    files: tuple[Path, ...],
    pythons: tuple[str, ...],
    platform: str,
    no_postgres: bool,
) -> Answer:
    """Put bundles into the vault of NAME, as whoever submits its drills. Without FILE one is built first, as
    `agent build` would.
    """
    database = context.database(name)
    with tempfile.TemporaryDirectory(prefix="restoredrill-") as scratch:
        found = [(path, _document(path)) for path in files]
        built = found or make(context, pythons, platform, Path(scratch), not no_postgres, "machine")
        # Never as the writer of backups, which may not read them: what machines run can.
        there = VaultBundles(wiring.vault(database, "restore"))
        for path, one in built:
            there.publish(path, one)
    document = [one.model_dump(mode="json") for _, one in built]
    return Answer(document, "\n".join(f"published {line(Path(one.name), one)}" for _, one in built))


def _document(path: Path) -> AgentBundle:
    beside = bundle.document_of(path)
    try:
        return AgentBundle.model_validate_json(beside.read_bytes())
    except (OSError, ValidationError) as error:
        hint = "publish what `restoredrill agent build` made, both files"
        raise UsageError(
            "publish", str(path), f"{beside.name} does not tell what it is", hint=hint
        ) from error
