"""`restoredrill drill NAME`: restore a backup on a throwaway machine, check it, say pass or fail."""

import secrets
from pathlib import Path
from typing import Any

import click

from restoredrill import clock, drill, picking, undecided, wiring
from restoredrill.cli.forms import exit_of, report_answer, require_writable, write_forms
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.drill import Hands
from restoredrill.durations import parse_duration
from restoredrill.errors import UsageError
from restoredrill.model import Event, Finding, Job, Manifest, Report, make_id
from restoredrill.picking import DrillRequest
from restoredrill.protocols import Progress
from restoredrill.reports import units
from restoredrill.settings import DatabaseConfig
from restoredrill.vault.catalog import Listing, VaultBackups
from restoredrill.vault.journal import VaultJournal
from restoredrill.vault.sealing import require_fitting_key


class _Duration(click.ParamType[float]):
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


_FILE = click.Path(dir_okay=False, path_type=Path)


@new_command
@click.argument("name")
@click.option("--backup", "pick", metavar="ID", help="This backup (or latest, random, oldest-unverified).")
@click.option("--machine", type=click.Choice(tuple(wiring.MACHINES)), help="Where to restore.")
@click.option(
    "--keep", type=_Duration(), metavar="TIME", help="After a pass leave the server running, 2h say."
)
@click.option("--dry-run", is_flag=True, help="Print the plan and do nothing.")
@click.option("--junit", type=_FILE, metavar="FILE", help="Write the report as JUnit XML, too.")
@click.option("--html", type=_FILE, metavar="FILE", help="Write the report as one HTML page, too.")
@click.option("--markdown", type=_FILE, metavar="FILE", help="Write the report as Markdown, too.")
def command(
    context: Context,
    name: str,
    pick: str | None,
    machine: str | None,
    keep: float | None,
    dry_run: bool,
    junit: Path | None,
    html: Path | None,
    markdown: Path | None,
) -> Answer:
    """Restore a backup of NAME on a throwaway machine and check it."""
    forms = {"junit": junit, "html": html, "markdown": markdown}
    require_writable(forms)
    database = context.database(name)
    request = _request(database, pick, machine, keep)
    store = wiring.store(request.vault, name)
    journal = VaultJournal(store)
    drill_id = make_id(clock.utcnow(), secrets.token_hex(4))
    backup = _choose(request, VaultBackups(store).look(), journal, seed=int(drill_id[-8:], 16))
    if isinstance(backup, Finding):
        report = undecided.hopeless(request, drill_id, backup, clock.utcnow())
        if not dry_run:
            journal.save(report, wiring.render(report))
    else:
        require_fitting_key(backup.recipients, wiring.unsealer(request.decrypt_with, name))
        job = picking.make_job(request, drill_id, backup, clock.utcnow())
        if dry_run:
            return Answer({"plan": job, "backup": _facts(backup)}, _plan(job, backup))
        report = _conduct(context, database, job, backup, journal)
    write_forms(report, forms)
    return report_answer(report, exit_of(report))


def _request(
    database: DatabaseConfig, pick: str | None, machine: str | None, keep: float | None
) -> DrillRequest:
    settings = database.drill
    if settings is None:
        hint = "add a `drill` section to its file; `drill: {}` takes the defaults"
        raise UsageError("drill", database.name, "its file has no drill section", hint=hint)
    return DrillRequest(
        database=database.name,
        vault=wiring.located(database, "restore"),
        pick=pick or settings.pick,
        provider=machine or settings.machine,
        jobs=settings.jobs,
        deadline_s=settings.deadline_s,
        isolated=settings.network == "isolated",
        decrypt_with=settings.decrypt_with,
        checks=settings.check_specs,
        ignore=settings.ignore_specs,
        rto_target_s=settings.rto_s,
        rpo_target_s=settings.rpo_s,
        keep_s=keep,
    )


def _choose(request: DrillRequest, listing: Listing, journal: VaultJournal, seed: int) -> Manifest | Finding:
    """The backup to drill, or why there is none: a failed drill and no usage error."""
    backups = [backup for backup in listing.manifests if backup.database == request.database]
    newest = max(listing.unreadable, key=lambda one: one.backup, default=None)
    if newest is not None and request.pick == "latest" and all(b.id < newest.backup for b in backups):
        return undecided.unreadable(newest.backup, newest.reason)
    if not backups:
        return undecided.no_backup(request.database, {backup.database for backup in listing.manifests})
    wants_proven = request.pick == "oldest-unverified"
    proven = picking.proven_by(journal.reports()) if wants_proven else frozenset[str]()
    return picking.choose(request.pick, backups, proven, seed)


def _conduct(
    context: Context, database: DatabaseConfig, job: Job, backup: Manifest, journal: VaultJournal
) -> Report:
    directory = wiring.machines_directory(database)
    machine = wiring.machine(job.provider, directory, job.vault, job.decrypt_with)
    with context.progress() as progress:
        hands = Hands(machine, journal, wiring.render, lambda event: _show(event, progress))
        return drill.conduct(job, backup, hands)


def _show(event: Event, progress: Progress) -> None:
    if event.kind == "beat":
        return
    words = f"{event.phase}: {event.message}" if event.message else event.phase
    progress(words, event.percent, event.mb_per_s)


def _facts(backup: Manifest) -> dict[str, object]:
    return {
        "id": backup.id,
        "taken_at": backup.taken_at,
        "size_bytes": backup.size_bytes,
        "restored_bytes": backup.server.size_bytes,
        "server_version": backup.server.version,
        "extensions": [extension.name for extension in backup.server.extensions],
    }


def _plan(job: Job, backup: Manifest) -> str:
    limits = (("rto", job.rto_target_s), ("rpo", job.rpo_target_s))
    targets = ", ".join(f"{name} {units.duration(s)}" for name, s in limits if s is not None)
    extensions = ", ".join(f"{e.name} {e.version}" for e in backup.server.extensions)
    age = units.duration(backup.age_s(job.started_at))
    sizes = (units.size(backup.size_bytes), units.size(backup.server.size_bytes))
    level = backup.fingerprint.level.value
    rows = (
        ("backup", f"{backup.id}, {age} old, {sizes[0]} stored, about {sizes[1]} restored"),
        ("machine", f"{job.provider}, {job.jobs} jobs, {'no' if job.isolated else 'open'} network"),
        ("server", f"PostgreSQL {backup.server.version}, extensions: {extensions or 'none'}"),
        ("checks", f"archive, restore, fingerprint {level}, and {len(job.checks)} from the file"),
        ("targets", targets or "none"),
        ("deadline", units.timestamp(job.deadline_at)),
        ("lease", f"until {units.timestamp(job.expires_at)}"),
    )
    lines = [f"would drill {job.database}", *(f"  {name:10s} {words}" for name, words in rows)]
    return "\n".join(lines)
