"""`restoredrill backups NAME`: what is in the vault, and what of it is proven."""

from collections.abc import Iterable, Sequence

import click
from rich.console import Group
from rich.table import Table
from rich.text import Text

from restoredrill import clock, wiring, wiring_dumps
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.dumps.catalog import Found
from restoredrill.model import Manifest, Report, Verdict
from restoredrill.reports import units
from restoredrill.vault.catalog import VaultBackups
from restoredrill.vault.journal import VaultJournal


@new_command
@click.argument("name")
def command(context: Context, name: str) -> Answer:
    """List the backups of NAME, newest first, with the last verdict on each."""
    database = context.database(name)
    store = wiring.vault(database, "restore")
    spec = wiring_dumps.located(database)
    if spec is not None:
        decrypt_with = None if database.drill is None else database.drill.decrypt_with
        found = wiring_dumps.backups(spec, decrypt_with).look()
        return _dumps(name, found, _verdicts(VaultJournal(store, context.pass_over).reports()))
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


def _dumps(name: str, found: Found, verdicts: dict[str, Report]) -> Answer:
    """Dumps that somebody else takes, and what lies beside them."""
    documents = [
        {
            **_document(dump.manifest, verdicts.get(dump.manifest.id)),
            "key": dump.key,
            "form": dump.form,
            "problem": dump.problem or None,
        }
        for dump in found.dumps
    ]
    passed_over = [{"key": one.key, "reason": one.reason} for one in found.passed_over]
    table = _table_of_dumps(found, verdicts)
    return Answer({"database": name, "backups": documents, "passed_over": passed_over}, table)


def _table_of_dumps(found: Found, verdicts: dict[str, Report]) -> Group:
    table = Table("backup", "age", "size", "PostgreSQL", "form", "drilled", "dump", box=None)
    now = clock.utcnow()
    for dump in found.dumps:
        table.add_row(
            dump.manifest.id,
            units.duration(dump.manifest.age_s(now)),
            units.size(dump.manifest.size_bytes),
            dump.manifest.server.version,
            dump.form,
            _drilled(verdicts.get(dump.manifest.id)),
            Text(f"{dump.key}: {dump.problem}" if dump.problem else dump.key),
        )
    over = Table("passed over", "why", box=None)
    for one in found.passed_over:
        over.add_row(Text(one.key), one.reason)
    return Group(table if found.dumps else Text("no dumps"), *([over] if found.passed_over else []))


def _drilled(report: Report | None) -> str:
    return "never" if report is None else f"{report.verdict_words}, {report.drill}"


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
            _drilled(report),
        )
    return table
