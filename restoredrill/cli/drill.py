"""`restoredrill drill NAME`: restore a backup on a throwaway machine, check it, say pass or fail."""

import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restoredrill import alarms, clock, config, drill, picking, undecided, wiring, wiring_dumps, wiring_ec2
from restoredrill.cli.choosing import Turn, before, choose
from restoredrill.cli.forms import exit_of, report_answer, require_writable, show, write_forms
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.drill import Hands, Render
from restoredrill.durations import parse_duration
from restoredrill.errors import PlanUnmet, RestoredrillError, UsageError, VaultMissing
from restoredrill.known import Tier
from restoredrill.model import Finding, Job, Manifest, Report, make_id
from restoredrill.picking import Choice, DrillRequest
from restoredrill.protocols import Progress
from restoredrill.reports import units
from restoredrill.reports.plan import text as plan_text
from restoredrill.settings import DatabaseConfig
from restoredrill.vault.catalog import Listing, VaultBackups
from restoredrill.vault.journal import VaultJournal
from restoredrill.vault.sealing import require_fitting_key
from restoredrill.vault.store import VaultStore

if TYPE_CHECKING:
    from restoredrill.evidence.signing import Signer


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
@click.option("--leave", is_flag=True, help="Told to stop, leave a machine of the cloud at work.")
@click.option("--dry-run", is_flag=True, help="Print the plan and do nothing.")
@click.option("--resume", metavar="DRILL", help="Go on with this drill, whose controller died.")
@click.option("--tier", type=click.Choice([tier.value for tier in Tier]), help="How much to restore.")
@click.option("--seed", type=int, metavar="N", help="Of a random pick: the same one picks the same.")
@click.option("--id", "drill_id", metavar="ID", hidden=True, help="The id it will have; `serve` gives one.")
@click.option("--junit", type=_FILE, metavar="FILE", help="Write the report as JUnit XML, too.")
@click.option("--html", type=_FILE, metavar="FILE", help="Write the report as one HTML page, too.")
@click.option("--markdown", type=_FILE, metavar="FILE", help="Write the report as Markdown, too.")
def command(
    context: Context,
    name: str,
    pick: str | None,
    machine: str | None,
    keep: float | None,
    leave: bool,
    dry_run: bool,
    resume: str | None,
    drill_id: str | None,
    seed: int | None,
    tier: str | None,
    **forms: Path | None,
) -> Answer:
    """Restore a backup of NAME on a throwaway machine and check it."""
    require_writable(forms)
    database = context.database(name)
    if resume is not None:
        if any(one is not None for one in (pick, machine, keep, seed, tier)) or dry_run:
            raise UsageError("resume", resume, "what it does is settled: it takes no other option")
        report = go_on(context, database, resume, leaves=leave)
    else:
        planned = plan(
            context, database, Wanted(pick, machine, keep, seed, Tier(tier) if tier else None), drill_id
        )
        if dry_run and planned.job is not None:
            return _answer(planned)
        report = planned.report if dry_run and planned.report else conduct(context, planned, leaves=leave)
    write_forms(report, forms)
    return report_answer(report, exit_of(report))


@dataclass(frozen=True)
class Wanted:
    """What somebody asks of a drill instead of what its file says."""

    pick: str | None = None
    machine: str | None = None
    keep_s: float | None = None
    seed: int | None = None
    tier: Tier | None = None


@dataclass(frozen=True)
class Planned:
    """A drill before anything is done: its job, or the report that there can be none."""

    database: DatabaseConfig
    store: VaultStore
    journal: VaultJournal
    job: Job | None = None
    backup: Manifest | None = None
    report: Report | None = None
    render: Render = wiring.render


def plan(context: Context, database: DatabaseConfig, wanted: Wanted, drill_id: str | None = None) -> Planned:
    """What a drill would do. Raises what the vault and the key for evidence raise."""
    key = wiring.signer(context.schedules)  # better missed before a drill than after it
    planned = _planned(context, database, wanted, drill_id)
    return replace(planned, render=wiring.sealed_render(planned.store, key))


def conduct(context: Context, planned: Planned, *, leaves: bool) -> Report:
    """Do what is planned; its report is in the vault then."""
    if planned.report is None:
        return _conduct(context, planned, leaves=leaves)
    planned.journal.save(planned.report, planned.render(planned.report))
    return planned.report


def _planned(context: Context, database: DatabaseConfig, wanted: Wanted, drill_id: str | None) -> Planned:
    asked = request(context, database, wanted)
    started_at = clock.utcnow()
    spec = wiring.located(database, "restore")
    store = wiring.store(spec, database.name)
    journal = VaultJournal(store, context.pass_over)
    drill_id = drill_id or make_id(started_at, secrets.token_hex(4))
    seed = int(drill_id[-8:], 16) if wanted.seed is None else wanted.seed
    turn = Turn(database.drill, wanted.pick is not None, seed, started_at)
    chosen = _chosen(asked, store, journal, turn)
    if isinstance(chosen, Finding):
        report = undecided.hopeless(asked, drill_id, chosen, started_at)
        return Planned(database, store, journal, report=report)
    backup, known = chosen.backup, before(journal, chosen.backup)
    if asked.dumps is not None:
        wiring_dumps.backups(asked.dumps, asked.decrypt_with).require_key(backup.id)
    if asked.provider == "local":
        require_fitting_key(backup.recipients, wiring.unsealer(asked.decrypt_with, database.name))
        job = picking.make_job(asked, drill_id, backup, started_at, before=known, choice=chosen)
        return Planned(database, store, journal, job, backup)
    try:
        machine = wiring_ec2.plan_drill(database, spec, backup, journal, store, started_at, asked.keep_s)
    except PlanUnmet as error:
        report = undecided.unmet(asked, drill_id, backup, error, started_at)
        return Planned(database, store, journal, report=report)
    job = picking.make_job(asked, drill_id, backup, started_at, machine, known, chosen)
    return Planned(database, store, journal, job, backup)


def request(context: Context, database: DatabaseConfig, wanted: Wanted) -> DrillRequest:
    """What is asked for by the file, and instead of it. Raises `UsageError`, `ConfigError`."""
    settings = database.drill
    if settings is None:
        hint = "add a `drill` section to its file; `drill: {}` takes the defaults"
        raise UsageError("drill", database.name, "its file has no drill section", hint=hint)
    provider = wanted.machine or settings.machine
    tier = wanted.tier or settings.tier
    dumps = wiring_dumps.wanted(database, provider, tier)
    vault, decrypt_with = wiring.located(database, "restore"), settings.decrypt_with
    if provider != "local":
        vault, decrypt_with = wiring_ec2.travelling(vault), wiring_ec2.decrypt_with(database)
    pick = wanted.pick or settings.pick
    return DrillRequest(
        database=database.name,
        vault=vault,
        pick=pick,
        provider=provider,
        jobs=settings.jobs,
        deadline_s=settings.deadline_s,
        isolated=settings.network == "isolated",
        tier=tier,
        sample=settings.sample,
        decrypt_with=decrypt_with,
        deep=settings.deep,
        max_fall=settings.max_fall,
        checks=config.with_references(context.schedules, settings.check_specs),
        ignore=settings.ignore_specs,
        stale_after_s=_promised_s(database) if pick == "latest" else None,
        rto_target_s=settings.rto_s,
        rpo_target_s=settings.rpo_s,
        keep_s=wanted.keep_s,
        limits_s=settings.limits.by_phase,
        dumps=dumps,
    )


def _promised_s(database: DatabaseConfig) -> float | None:
    """How old the newest backup may be; None: nobody promised one."""
    cron = None if database.backup is None else database.backup.cron
    return alarms.allowed_s(database.alarms.no_backup_for_s, cron)


def _chosen(request: DrillRequest, store: VaultStore, journal: VaultJournal, turn: Turn) -> Choice | Finding:
    """Of the vault's backups, or of the dumps that somebody else takes."""
    if request.dumps is None:
        return choose(request, VaultBackups(store).look(), journal, turn)
    found = wiring_dumps.backups(request.dumps, request.decrypt_with).look()
    if not found.dumps:
        reasons = [f"{one.key}: {one.reason}" for one in found.passed_over]
        return undecided.no_dump(request.database, request.dumps.place.url, reasons)
    return choose(request, Listing(found.manifests, ()), journal, turn)


def _conduct(context: Context, planned: Planned, *, leaves: bool) -> Report:
    job, backup = planned.job, planned.backup
    assert job is not None
    assert backup is not None
    if job.plan is not None:
        context.tell(plan_text(job.plan, job, backup))
    with context.progress() as progress:
        wiring_dumps.look_at_live(planned.database, job, planned.store, progress, context.warn)
        hands = _hands(planned.database, job, planned.journal, planned.render, progress, leaves=leaves)
        return drill.conduct(job, backup, hands)


def go_on(context: Context, database: DatabaseConfig, name: str, *, leaves: bool) -> Report:
    """Come to the end of a drill whose controller died. Raises `UsageError` where there is no such drill."""
    store = wiring.vault(database, "restore")
    journal = VaultJournal(store)
    try:
        job = journal.job(name)
    except VaultMissing as error:
        hint = f"`restoredrill report {database.name}` lists those that came to an end"
        raise UsageError("resume", name, "the vault holds no such drill", hint=hint) from error
    if job.database != database.name:
        raise UsageError("resume", name, f"it is a drill of {job.database}")
    backups = wiring_dumps.manifests(database, store)
    backup = next((one for one in backups if one.id == job.backup), None)
    render = wiring.sealed_render(store, _signer_if_any(context))
    with context.progress() as progress:
        hands = _hands(database, job, journal, render, progress, leaves=leaves)
        return drill.resume(job, backup, hands)


def _signer_if_any(context: Context) -> "Signer | None":
    """A drill that is under way comes to its end, signed or not: its machine must not live on for a key."""
    try:
        return wiring.signer(context.schedules)
    except RestoredrillError as error:
        context.warn(f"the report will not be signed: {error}")
        return None


def _hands(
    database: DatabaseConfig,
    job: Job,
    journal: VaultJournal,
    render: Render,
    progress: Progress,
    *,
    leaves: bool,
) -> Hands:
    return Hands(
        machine=wiring.machine(job.provider, database, job.vault, job.decrypt_with),
        journal=journal,
        render=render,
        watch=lambda event: show(event, progress),
        bill=wiring.bill(job.provider, database),
        facts=wiring.facts(job.provider, database),
        leaves=leaves,
    )


def _answer(planned: Planned) -> Answer:
    assert planned.backup is not None
    return Answer({"plan": planned.job, "backup": _facts(planned.backup)}, plan_words(planned))


def plan_words(planned: Planned) -> str:
    """What `--dry-run` says of a drill that can be."""
    job, backup = planned.job, planned.backup
    assert job is not None
    assert backup is not None
    return _plan(job, backup) if job.plan is None else plan_text(job.plan, job, backup)


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
    less = f", {job.tier.words}" if job.tier.words else ""
    rows = (
        ("backup", f"{backup.id}, {age} old, {sizes[0]} stored, about {sizes[1]} restored"),
        ("machine", f"{job.provider}, {job.jobs} jobs, {'no' if job.isolated else 'open'} network"),
        ("server", f"PostgreSQL {backup.server.version}, extensions: {extensions or 'none'}"),
        ("checks", f"archive, restore, fingerprint {level}, and {len(job.checks)} from the file{less}"),
        ("targets", targets or "none"),
        ("deadline", units.timestamp(job.deadline_at)),
        ("lease", f"until {units.timestamp(job.expires_at)}"),
    )
    lines = [f"would drill {job.database}", *(f"  {name:10s} {words}" for name, words in rows)]
    return "\n".join(lines)
