"""`restoredrill backup NAME`: take one now."""

import secrets
from datetime import timedelta

import click

from restoredrill import backup, clock, wiring
from restoredrill.backup import BackupRequest
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.errors import UsageError
from restoredrill.machines.local import workplace
from restoredrill.model import Manifest, make_id
from restoredrill.reports import units
from restoredrill.settings import DatabaseConfig
from restoredrill.vault.catalog import VaultBackups
from restoredrill.vault.conditional import require_conditional_writes
from restoredrill.vault.sealing import AgeSealer

LONGEST = timedelta(days=7)  # until a spool counts as left behind, even if its backup seems to live


@new_command
@click.argument("name")
def command(context: Context, name: str) -> Answer:
    """Take a backup of NAME now."""
    manifest = _take(context, context.database(name))
    return Answer(_document(manifest), _text(manifest))


def _take(context: Context, database: DatabaseConfig) -> Manifest:
    settings = database.backup
    if settings is None:
        hint = "add a `backup` section to its file; `backup: {}` takes the defaults"
        raise UsageError("back up", database.name, "its file has no backup section", hint=hint)
    source, store = wiring.source(database), wiring.vault(database, "backup")
    require_conditional_writes(store, database.vault.url)
    name = make_id(clock.utcnow(), secrets.token_hex(4))
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
