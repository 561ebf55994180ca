"""`restoredrill backup NAME`: take one now."""

import secrets
from datetime import datetime, timedelta

import click

from restoredrill import backup, clock, sending, wiring, wiring_ec2
from restoredrill.backup import BackupRequest
from restoredrill.cli.forms import show
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.errors import Exit, UsageError, VaultMissing
from restoredrill.machines.local import workplace
from restoredrill.model import BackupJob, Manifest, make_id
from restoredrill.picking import LEASE_MARGIN
from restoredrill.plan import MachinePlan
from restoredrill.protocols import Progress
from restoredrill.reports import units
from restoredrill.reports.plan import text as plan_text
from restoredrill.sending import Hands, Sent
from restoredrill.settings import BackupSettings, DatabaseConfig
from restoredrill.vault.catalog import VaultBackups
from restoredrill.vault.conditional import require_conditional_writes
from restoredrill.vault.errands import VaultErrands
from restoredrill.vault.journal import VaultJournal
from restoredrill.vault.sealing import AgeSealer
from restoredrill.vault.store import VaultStore

LONGEST = timedelta(days=7)  # until a spool counts as left behind, even if its backup seems to live


@new_command
@click.argument("name")
@click.option("--machine", type=click.Choice(tuple(wiring.MACHINES)), help="Where to take it from.")
@click.option("--leave", is_flag=True, help="Told to stop, leave a machine of the cloud at work.")
@click.option("--dry-run", is_flag=True, help="Print the plan of the machine and do nothing.")
@click.option("--id", "backup_id", metavar="ID", hidden=True, help="The id it will have; `serve` gives one.")
def command(
    context: Context, name: str, machine: str | None, leave: bool, dry_run: bool, backup_id: str | None
) -> Answer:
    """Take a backup of NAME now."""
    database = context.database(name)
    settings = _settings(database)
    if (machine or settings.machine) == "local":
        if dry_run:
            hint = "a backup from here just reads the source and writes to the vault"
            raise UsageError("plan", name, "only a backup from a machine has a plan", hint=hint)
        manifest = _take(context, database, settings, backup_id or _new_id())
        return Answer(_document(manifest), _text(manifest))
    store, job = plan(context, database, backup_id or _new_id())
    if dry_run:
        assert job.plan is not None
        return Answer({"plan": job}, plan_text(job.plan, job, None))
    return _answer(send(context, database, store, job, leaves=leave))


def _settings(database: DatabaseConfig) -> BackupSettings:
    if database.backup is None:
        hint = "add a `backup` section to its file; `backup: {}` takes the defaults"
        raise UsageError("back up", database.name, "its file has no backup section", hint=hint)
    return database.backup


def _take(context: Context, database: DatabaseConfig, settings: BackupSettings, name: str) -> Manifest:
    source, store = wiring.source(database), wiring.vault(database, "backup")
    require_conditional_writes(store, database.vault.url)
    directory = wiring.machines_directory(database)
    with workplace(directory, name, database.name, LONGEST) as home, context.progress() as progress:
        request = BackupRequest(
            backup=name,
            database=database.name,
            jobs=settings.jobs,
            level=settings.fingerprint,
            recipients=settings.encrypt_to,
            spool=home / "spool",
        )
        return backup.take(request, source, VaultBackups(store, AgeSealer(settings.encrypt_to)), progress)


def _new_id() -> str:
    return make_id(clock.utcnow(), secrets.token_hex(4))


# From a machine beside the source ---------------------------------------------------------------------------


def plan(context: Context, database: DatabaseConfig, name: str) -> tuple[VaultStore, BackupJob]:
    """What a machine is to do, under this id. The controller talks to the vault as whoever restores: it
    reads, and never touches the source. Raises what vault and cloud raise, `PlanUnmet`.
    """
    store, now = wiring.vault(database, "restore"), clock.utcnow()
    backups = VaultBackups(store)
    last = next((one for one in backups.list() if one.database == database.name), None)
    spec = wiring.located(database, "backup")
    journal = VaultJournal(store, context.pass_over)
    machine = wiring_ec2.plan_backup(database, spec, last, journal, store, now)
    return store, _job(database, name, machine, now)


def send(
    context: Context, database: DatabaseConfig, store: VaultStore, job: BackupJob, *, leaves: bool
) -> Sent:
    """Have it taken; see `sending.send`."""
    assert job.plan is not None
    context.tell(plan_text(job.plan, job, None))
    with context.progress() as progress:
        return sending.send(job, _hands(database, store, progress, leaves=leaves))


def go_on(context: Context, database: DatabaseConfig, name: str, *, leaves: bool) -> Sent | None:
    """Come to the end of a backup whose controller died; None: no machine was ever asked for it."""
    store = wiring.vault(database, "restore")
    try:
        job = VaultErrands(store).job(name)
    except VaultMissing:
        return None
    with context.progress() as progress:
        return sending.resume(job, _hands(database, store, progress, leaves=leaves))


def _answer(sent: Sent) -> Answer:
    document = {**_document(sent.manifest), "machine": sent.machine, "cost": sent.cost}
    left = "".join(f"\n  {'left':10s} {one}" for one in sent.machine.leftovers)
    status = Exit.LEFTOVERS if sent.machine.leftovers else Exit.PASSED
    return Answer(document, _text(sent.manifest) + _machine_text(sent) + left, status)


def _job(database: DatabaseConfig, name: str, machine: MachinePlan, now: datetime) -> BackupJob:
    settings = _settings(database)
    deadline_at = now + timedelta(seconds=settings.deadline_s)
    reference, source = wiring_ec2.source_url(database), database.source
    assert reference is not None
    assert source is not None
    return BackupJob(
        backup=name,
        database=database.name,
        vault=wiring_ec2.travelling(wiring.located(database, "backup")),
        provider="ec2",
        jobs=settings.jobs,
        source_url=reference,
        lock_timeout_s=source.lock_timeout_s,
        connect_timeout_s=source.connect_timeout_s,
        level=settings.fingerprint,
        recipients=settings.encrypt_to,
        started_at=now,
        deadline_at=deadline_at,
        expires_at=deadline_at + LEASE_MARGIN,
        plan=machine,
    )


def _hands(database: DatabaseConfig, store: VaultStore, progress: Progress, *, leaves: bool) -> Hands:
    errands, backups = VaultErrands(store), VaultBackups(store)
    return Hands(
        machine=wiring.machine("ec2", database, wiring.located(database, "restore"), None),
        errands=errands,
        manifest=lambda name: next((one for one in backups.list() if one.id == name), None),
        discard=backups.discard,
        leave=errands.leave,
        reckon=errands.reckon,
        watch=lambda event: show(event, progress),
        new_id=_new_id,
        bill=wiring.bill("ec2", database),
        facts=wiring.facts("ec2", database),
        leaves=leaves,
    )


def _machine_text(sent: Sent) -> str:
    machine = sent.machine
    where = ", ".join(filter(None, (machine.type, machine.zone, machine.market, machine.id)))
    lines = [f"  {'machine':10s} {where}"]
    if sent.cost is not None:
        lines.append(f"  {'cost':10s} {sent.cost.amount:.4f} {sent.cost.currency}")
    return "".join(f"\n{line}" for line in lines)


# What is said of it -----------------------------------------------------------------------------------------


def _document(manifest: Manifest) -> dict[str, object]:
    """The manifest without its longest parts."""
    document = manifest.model_dump(mode="json", by_alias=True, exclude={"files", "fingerprint"})
    tables = manifest.fingerprint.tables
    return {
        **document,
        "size_bytes": manifest.size_bytes,
        "files": len(manifest.files),
        "fingerprint": {
            "level": manifest.fingerprint.level,
            "tables": len(tables),
            "rows": sum(t.rows for t in tables),
        },
    }


def _text(manifest: Manifest) -> str:
    tables = manifest.fingerprint.tables
    seconds = (manifest.finished_at - manifest.started_at).total_seconds()
    sizes = (units.size(manifest.size_bytes), units.size(manifest.server.size_bytes))
    held = f"{sum(t.rows for t in tables):,} rows in {len(tables)} tables"
    rows = (
        ("state", f"{units.timestamp(manifest.taken_at)}, PostgreSQL {manifest.server.version}"),
        ("size", f"{sizes[0]} in {len(manifest.files)} objects (database {sizes[1]})"),
        ("holds", f"{held}, fingerprint {manifest.fingerprint.level.value}"),
        ("sealed", f"to {', '.join(manifest.recipients)}" if manifest.recipients else "no"),
        *(("note", note) for note in manifest.notes),
    )
    head = f"backup {manifest.id} of {manifest.database} taken in {units.duration(seconds)}"
    return "\n".join([head, *(f"  {name:10s} {words}" for name, words in rows)])
