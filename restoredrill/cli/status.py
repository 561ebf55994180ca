"""`restoredrill status [NAME]`: is every database proven, and since when."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import click
from rich.table import Table

from restoredrill import clock, coverage, wiring, wiring_dumps
from restoredrill.alarms import GAPS, allowed_s
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.cron import longest_gap_s
from restoredrill.errors import Exit, RestoredrillError
from restoredrill.known import CoverageFacts
from restoredrill.model import Report, Verdict
from restoredrill.reports import nagios as nagios_line
from restoredrill.reports import units
from restoredrill.settings import DatabaseConfig
from restoredrill.vault.journal import VaultJournal

MISSED_S = 3600.0  # past the time of a run, until it counts as missed


@dataclass(frozen=True)
class Standing:
    """Where one database stands: proven means that the last drill which found out something passed."""

    database: str
    proven: bool
    proven_at: datetime | None
    proven_backup: str | None
    last_verdict: Verdict | None
    last_drill: str | None
    newest_backup: str | None
    newest_backup_age_s: float | None
    reasons: tuple[str, ...] = ()  # of the last drill
    coverage: CoverageFacts | None = None
    problem: str | None = None  # why nothing is known


@new_command
@click.argument("name", required=False)
@click.option("--nagios", is_flag=True, help="One line for monitoring plugins, and their exit statuses.")
def command(context: Context, name: str | None, nagios: bool) -> Answer:
    """Say of every database (or of NAME) whether it is proven. Exit status 1 if one is not, 3 if a vault
    does not answer; with --nagios 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
    """
    now = clock.utcnow()
    try:
        databases = context.databases() if name is None else {name: context.database(name)}
    except RestoredrillError as error:
        if not nagios:
            raise
        line = f"RESTOREDRILL UNKNOWN - {' '.join(str(error).split())}"
        return Answer({"state": "UNKNOWN", "line": line}, line, Exit.INCONCLUSIVE)
    standings = [_standing_or_problem(database, now) for database in databases.values()]
    if nagios:
        return _plugin(databases, standings, now)
    for one in standings:
        if one.problem is not None:
            context.warn(f"{one.database}: nothing is known: {one.problem}")
    return Answer({"databases": standings}, _table(standings, now), _exit_of(standings))


def _exit_of(standings: Sequence[Standing]) -> Exit:
    if any(not one.proven and one.problem is None for one in standings):
        return Exit.FAILED
    return Exit.PASSED if all(one.proven for one in standings) else Exit.INCONCLUSIVE


def _standing_or_problem(database: DatabaseConfig, now: datetime) -> Standing:
    """One vault that does not answer hides no other database; nothing known is nothing proven."""
    try:
        return _standing(database, now)
    except RestoredrillError as error:
        return Standing(database.name, False, None, None, None, None, None, None, problem=str(error))


def _standing(database: DatabaseConfig, now: datetime) -> Standing:
    store = wiring.vault(database, "restore")
    backups = [b for b in wiring_dumps.manifests(database, store) if b.database == database.name]
    every = [r for r in VaultJournal(store).reports() if r.database == database.name]
    within_s = None if database.drill is None else database.drill.coverage_s
    known = coverage.facts(backups, coverage.proofs(every, backups), within_s, now)
    reports = _back_to_a_pass(every)
    told = next((r for r in reports if r.proves or r.verdict is Verdict.FAILED), None)
    passed: Report | None = next((r for r in reports if r.proves), None)
    return Standing(
        database=database.name,
        proven=told is not None and told is passed,
        proven_at=None if passed is None else passed.finished_at,
        proven_backup=None if passed is None or passed.backup is None else passed.backup.id,
        last_verdict=reports[0].verdict if reports else None,
        last_drill=reports[0].drill if reports else None,
        newest_backup=backups[0].id if backups else None,
        newest_backup_age_s=backups[0].age_s(now) if backups else None,
        reasons=reports[0].reasons if reports else (),
        coverage=known,
    )


def _back_to_a_pass(reports: Iterable[Report]) -> list[Report]:
    """What lies before the newest that passed says nothing of how things are."""
    found: list[Report] = []
    for report in reports:
        found.append(report)
        if report.proves:
            break
    return found


def _table(standings: Sequence[Standing], now: datetime) -> Table:
    table = Table("database", "proven", "last passed", "last drill", "newest backup", "verified", box=None)
    for one in standings:
        passed = (
            "never"
            if one.proven_at is None
            else units.duration((now - one.proven_at).total_seconds()) + " ago"
        )
        last = "none" if one.last_verdict is None else f"{one.last_verdict.value.upper()} {one.last_drill}"
        age = "none" if one.newest_backup_age_s is None else units.duration(one.newest_backup_age_s) + " old"
        proven = "?" if one.problem is not None else "yes" if one.proven else "NO"
        table.add_row(one.database, proven, passed, last, age, _verified(one.coverage))
    return table


def _verified(known: CoverageFacts | None) -> str:
    if known is None:
        return "?"
    words = f"{known.verified} of {known.retained}"
    if known.overdue:
        return f"{words}, {known.overdue} OVERDUE"
    return words if known.next_due_at is None else f"{words}, next due {known.next_due_at:%Y-%m-%d}"


# Monitoring plugins -----------------------------------------------------------------------------------------


def _plugin(databases: Mapping[str, DatabaseConfig], standings: Sequence[Standing], now: datetime) -> Answer:
    """One line, and the exit status that goes with it."""
    services = [_service(databases[one.database], one, now) for one in standings]
    state, line = nagios_line.check(services)
    return Answer({"state": state.name, "line": line}, line, Exit(int(state)))


def _service(database: DatabaseConfig, one: Standing, now: datetime) -> nagios_line.Service:
    drill = None if database.drill is None else database.drill.cron
    backup = None if database.backup is None else database.backup.cron
    last = f"drill {one.last_drill} {one.last_verdict}: {'; '.join(one.reasons[:2])}"
    proof_s = None if one.proven_at is None else (now - one.proven_at).total_seconds()
    return nagios_line.Service(
        one.database,
        _limit(proof_s, database.alarms.no_pass_for_s, drill),
        _limit(one.newest_backup_age_s, database.alarms.no_backup_for_s, backup),
        failed=last if one.last_verdict is Verdict.FAILED else "",
        inconclusive=last if one.last_verdict is Verdict.INCONCLUSIVE else "",
        overdue=f"{one.coverage.overdue} backups not drilled in time" if _late(one) and one.coverage else "",
        unknown="" if one.problem is None else f"nothing is known: {one.problem}",
    )


def _late(one: Standing) -> bool:
    return one.coverage is not None and one.coverage.overdue > 0


def _limit(age_s: float | None, named_s: float | None, cron: str | None) -> nagios_line.Limit:
    """Critical where `serve` rings an alarm, a warning where a time was missed."""
    critical_s = allowed_s(named_s, cron)
    if critical_s is None:
        return nagios_line.Limit(age_s)
    gap_s = None if cron is None else longest_gap_s(cron)
    return nagios_line.Limit(age_s, min(critical_s, (gap_s or critical_s / GAPS) + MISSED_S), critical_s)
