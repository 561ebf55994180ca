"""`restoredrill agent build`: the one file that throwaway machines run."""

from pathlib import Path

import click

from restoredrill import bundle, config
from restoredrill.bundle import PLATFORMS, PYTHONS, Kind
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.plan import AgentBundle
from restoredrill.reports import units

LAMBDA_PYTHON = "3.12"  # what terraform/modules/reaper asks AWS for


@new_command
@click.option(
    "--python",
    "pythons",
    multiple=True,
    type=click.Choice(PYTHONS),
    help="For this Python; may be given more than once (default: 3.11, which Debian 12 has).",
)
@click.option(
    "--platform",
    type=click.Choice(list(PLATFORMS)),
    default="linux_x86_64",
    help="For this platform (default: linux_x86_64).",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("dist"),
    metavar="DIR",
    help="Directory to put it into (default: dist/).",
)
@click.option("--no-postgres", is_flag=True, help="Without PostgreSQL: the image has it.")
@click.option(
    "--for", "made_for", type=click.Choice(["machine", "lambda"]), default="machine", help="For what."
)
def command(
    context: Context, pythons: tuple[str, ...], platform: str, output: Path, no_postgres: bool, made_for: str
) -> Answer:
    """Build the agent's bundle: restoredrill, what it needs and PostgreSQL, in one file. Wheels come from
    where pip is configured to find them. `--for lambda` builds the reaper for AWS Lambda instead.
    """
    built = make(context, pythons, platform, output, not no_postgres, made_for)
    document = [{**one.model_dump(mode="json"), "path": path} for path, one in built]
    return Answer(document, "\n".join(line(path, one) for path, one in built))


def make(
    context: Context, pythons: tuple[str, ...], platform: str, output: Path, postgres: bool, made_for: str
) -> list[tuple[Path, AgentBundle]]:
    """One for each Python. Raises `ToolMissing`, `RestoredrillError`."""
    usual = LAMBDA_PYTHON if made_for == "lambda" else PYTHONS[0]
    maker = bundle.build_for_lambda if made_for == "lambda" else bundle.build
    kinds = [Kind(python, platform, postgres) for python in pythons or (usual,)]
    with context.progress() as progress:
        return [
            maker(kind, output, config.own_environment(), lambda said: progress(said, None, None))
            for kind in kinds
        ]


def line(path: Path, one: AgentBundle) -> str:
    """A bundle in a line for people."""
    brings = f", PostgreSQL {one.postgres}" if one.postgres else ""
    return f"{path}  {units.size(one.size_bytes)}, Python {one.python}{brings}"
