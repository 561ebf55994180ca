"""`restoredrill backups NAME`: what is in the vault, and what of it is proven."""

from collections.abc import Iterable, Sequence

import click
from rich.table import Table

from restoredrill import clock, wiring
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.model import Manifest, Report, Verdict
from restoredrill.reports import units
from restoredrill.vault.catalog import VaultBackups
from restoredrill.vault.journal import VaultJournal


@new_command
@click.argument("name")
def command(context: Context, name: str) -> Answer:
    """List the backups of NAME, newest first, with the last verdict on each."""
    store = wiring.vault(context.database(name), "restore")
    listing = VaultBackups(store).look()
    manifests = [manifest for manifest in listing.manifests if manifest.database == name]
    verdicts = _verdicts(VaultJournal(store, context.pass_over).reports())
    for one in listing.unreadable:
        context.warn(f"backup {one.backup}: its manifest can't be read: {one.reason}")
    return Answer(
        {
            "database": name,
            "backups": [_document(manifest, verdicts.get(manifest.id)) for manifest in manifests],
            "unreadable": [{"id": one.backup, "reason": one.reason} for one in listing.unreadable],
        },
        _table(manifests, verdicts) if manifests else f"no backups of {name} yet",
    )


def _verdicts(reports: Iterable[Report]) -> dict[str, Report]:
    """The newest report on each backup, but a pass is never hidden by a later drill that could not find
    out.
    """
    found: dict[str, Report] = {}
    for report in reports:
        if report.backup is None:
            continue
        known = found.get(report.backup.id)
        if known is None or (
            known.verdict is Verdict.INCONCLUSIVE and report.verdict is not Verdict.INCONCLUSIVE
        ):
            found[report.backup.id] = report
    return found


def _document(manifest: Manifest, report: Report | None) -> dict[str, object]:
    return {
        "id": manifest.id,
        "taken_at": manifest.taken_at,
        "size_bytes": manifest.size_bytes,
        "server_version": manifest.server.version,
        "fingerprint": manifest.fingerprint.level,
        "encrypted": bool(manifest.recipients),
        "verdict": None if report is None else report.verdict,
        "drill": None if report is None else report.drill,
    }


def _table(manifests: Sequence[Manifest], verdicts: dict[str, Report]) -> Table:
    table = Table("backup", "age", "size", "PostgreSQL", "fingerprint", "sealed", "drilled", box=None)
    now = clock.utcnow()
    for manifest in manifests:
        report = verdicts.get(manifest.id)
        table.add_row(
            manifest.id,
            units.duration(manifest.age_s(now)),
            units.size(manifest.size_bytes),
            manifest.server.version,
            manifest.fingerprint.level.value,
            "yes" if manifest.recipients else "no",
            "never" if report is None else f"{report.verdict_words}, {report.drill}",
        )
    return table
