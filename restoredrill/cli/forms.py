"""A report as a command's answer, and as files. What makes the forms is imported when one is wanted: an agent
has no time to lose before its drill is done.
"""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from restoredrill.cli.frame import Answer
from restoredrill.errors import Exit, RestoredrillError, UsageError
from restoredrill.model import Event, Report, Verdict
from restoredrill.protocols import Progress

_EXITS = {
    Verdict.PASSED: Exit.PASSED,
    Verdict.FAILED: Exit.FAILED,
    Verdict.INCONCLUSIVE: Exit.INCONCLUSIVE,
}


def exit_of(report: Report) -> Exit:
    """The exit status of a drill: what was left running spoils a pass, and nothing else."""
    if report.verdict is Verdict.PASSED and report.machine.leftovers:
        return Exit.LEFTOVERS
    return _EXITS[report.verdict]


def report_answer(report: Report, status: Exit) -> Answer:
    """The report for people as wide as their terminal, in colour where there is one."""
    from rich.text import Text

    from restoredrill.reports.text import as_text

    colour = sys.stdout.isatty()
    width = min(shutil.get_terminal_size((100, 24)).columns, 120)
    text = as_text(report, width=width, colour=colour)
    return Answer(report, Text.from_ansi(text) if colour else text, status)


def show(event: Event, progress: Progress) -> None:
    """An event as a line of progress; a mere sign of life is none."""
    if event.kind != "beat":
        words = f"{event.phase}: {event.message}" if event.message else event.phase
        progress(words, event.percent, event.mb_per_s)


def require_writable(wanted: Mapping[str, Path | None]) -> None:
    """Raises `UsageError` for a file that can't be written: better before a drill than after it."""
    for path in filter(None, wanted.values()):
        place = path if path.exists() else path.parent
        if not os.access(place, os.W_OK):
            reason = "no such directory" if not place.exists() else "permission denied"
            raise UsageError("write", str(path), reason, hint="name another file, or make its directory")


def write_forms(report: Report, wanted: Mapping[str, Path | None]) -> None:
    """Write each form that was asked for. Raises `RestoredrillError` if a file can't be written."""
    from restoredrill.reports.forms import FORMS

    for form, path in wanted.items():
        if path is None:
            continue
        try:
            path.write_text(FORMS[form](report), encoding="utf-8")
        except OSError as error:
            hint = "the report itself is in the vault: `restoredrill report` shows it"
            raise RestoredrillError("write", str(path), (error.strerror or "?").lower(), hint=hint) from error
