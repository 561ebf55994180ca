"""`restoredrill report [NAME] [ID]`: past drills, or one of them."""

from collections.abc import Sequence
from itertools import islice

import click
from rich.table import Table

from restoredrill import wiring
from restoredrill.cli.forms import report_answer
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.errors import Exit, RestoredrillError, UsageError
from restoredrill.model import Report
from restoredrill.reports import units
from restoredrill.vault.journal import VaultJournal
from restoredrill.vault.layout import is_id


@new_command
@click.argument("name", required=False)
@click.argument("drill", required=False)
@click.option("--last", type=click.IntRange(1), default=20, help="How many of each database (default: 20).")
def command(context: Context, name: str | None, drill: str | None, last: int) -> Answer:
    """Show past drills: of all databases, of NAME, or one whole report (its id, or `latest`)."""
    if name is not None and drill is not None:
        return _one(context, name, drill)
    names = context.databases() if name is None else {name: context.database(name)}
    reports: list[Report] = []
    for database in names.values():
        try:
            journal = VaultJournal(wiring.vault(database, "restore"), context.pass_over)
            reports += islice((r for r in journal.reports() if r.database == database.name), last)
        except RestoredrillError as error:
            if name is not None:
                raise
            context.warn(f"{database.name}: {error}")
    return Answer({"drills": [_row(r) for r in reports]}, _table(reports) if reports else "no drills yet")


def _one(context: Context, name: str, drill: str) -> Answer:
    journal = VaultJournal(wiring.vault(context.database(name), "restore"), context.pass_over)
    found = None
    if drill == "latest" or is_id(drill):
        reports = journal.reports(None if drill == "latest" else drill)
        found = next((report for report in reports if report.database == name), None)
    if found is None:
        raise UsageError(
            "show", f"drill {drill}", "no report of it", hint=f"`restoredrill report {name}` lists them"
        )
    return report_answer(found, Exit.PASSED)


def _row(report: Report) -> dict[str, object]:
    return {
        "drill": report.drill,
        "database": report.database,
        "verdict": report.verdict,
        "backup": None if report.backup is None else report.backup.id,
        "rto_s": report.rto_s,
        "rpo_s": report.rpo_s,
        "reasons": report.reasons,
        "finished_at": report.finished_at,
    }


def _table(reports: Sequence[Report]) -> Table:
    table = Table("drill", "database", "verdict", "backup", "RTO", "RPO", "reason", box=None)
    for report in reports:
        times = [None if s is None else units.duration(s) for s in (report.rto_s, report.rpo_s)]
        table.add_row(
            report.drill,
            report.database,
            report.verdict_words,
            "none" if report.backup is None else report.backup.id,
            times[0] or "",
            times[1] or "",
            report.reasons[0] if report.reasons else "",
        )
    return table
