"""`restoredrill evidence verify FILE`: every digest, every signature; offline."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from restoredrill.cli.evidence.library import signing
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.errors import Exit
from restoredrill.reports.escaping import visible

if TYPE_CHECKING:
    from restoredrill.evidence.verifying import Found

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@new_command
@click.argument("file", type=_FILE)
@click.option(
    "--key", "keys", type=_FILE, multiple=True, metavar="PUB", help="A public key that came another way."
)
def command(context: Context, file: Path, keys: tuple[Path, ...]) -> Answer:
    """Check an archive: 0 all of it holds, 1 something is not as it was, 3 nothing is wrong that can be seen,
    and something is not proven: a report is not signed, or no key was given.
    """
    library = signing()
    from restoredrill.evidence.verifying import verify

    pems = [(path.read_text(encoding="ascii", errors="replace"), str(path)) for path in keys]
    found = verify(file, library.Trusted(pems) if pems else None)
    return Answer(_document(found), "\n".join(_lines(file, found)), _exit(found))


def _exit(found: "Found") -> Exit:
    if found.problems:
        return Exit.FAILED
    return Exit.INCONCLUSIVE if found.doubts or found.unsigned else Exit.PASSED


def _document(found: "Found") -> dict[str, object]:
    return {
        "holds": not found.problems,
        "proven": _exit(found) is Exit.PASSED,
        "problems": found.problems,
        "doubts": found.doubts,
        "unsigned": found.unsigned,
        "files": found.files,
        "reports": found.reports,
        "signed": found.signed,
        "keyids": found.keyids,
        "gaps": () if found.coverage is None else found.coverage.gaps,
    }


def _lines(file: Path, found: "Found") -> list[str]:
    """The worst first. Names come from a stranger's archive."""
    ends = {Exit.FAILED: "DOES NOT HOLD", Exit.INCONCLUSIVE: "NOT PROVEN", Exit.PASSED: "HOLDS"}
    counts = f"{found.files:,} files, {found.reports:,} reports, {found.signed:,} with a signature that holds"
    lines = [f"{file}: {ends[_exit(found)]}: {counts}"]
    lines += [f"  wrong    {problem}" for problem in found.problems]
    lines += [f"  doubt    {doubt}" for doubt in found.doubts]
    lines += [f"  unsigned {drill}" for drill in found.unsigned]
    gaps = () if found.coverage is None else found.coverage.gaps
    lines += [f"  gap      {gap}" for gap in gaps]
    return [visible(line) for line in lines]
