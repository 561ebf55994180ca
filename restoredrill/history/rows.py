"""From the vault's documents to the history's rows. Pure."""

from restoredrill.model import FingerprintLevel, Manifest, Outcome, Report
from restoredrill.records import BackupRow, DrillRow

_FINGERPRINTS = ("content", "rows")  # the checks that compare every table; `measured` is how many rows


def drill_row(report: Report) -> DrillRow:
    """A drill as the history knows it."""
    backup, machine = report.backup, report.machine
    phases_s: dict[str, float] = {}
    for phase in report.phases:
        phases_s[phase.name] = phases_s.get(phase.name, 0.0) + phase.seconds
    failing = (finding for finding in report.findings if finding.severity.fails and finding.ignored is None)
    return DrillRow(
        drill=report.drill,
        database=report.database,
        verdict=report.verdict,
        tier=report.tier,
        reasons=report.reasons,
        rules=tuple(dict.fromkeys(finding.rule for finding in failing)),
        backup=None if backup is None else backup.id,
        backup_bytes=None if backup is None else backup.bytes,
        rows=_rows(report),
        provider=machine.provider,
        machine_type=machine.type,
        leftovers=machine.leftovers,
        phases_s=phases_s,
        rto_s=report.rto_s,
        rto_target_s=report.rto_target_s,
        rpo_s=report.rpo_s,
        rpo_target_s=report.rpo_target_s,
        bottleneck=report.bottleneck,
        usd=report.cost.amount,
        started_at=report.started_at,
        finished_at=report.finished_at,
    )


def backup_row(manifest: Manifest) -> BackupRow:
    """A backup as the history knows it."""
    fingerprint = manifest.fingerprint
    counted = fingerprint.level is not FingerprintLevel.NONE
    return BackupRow(
        backup=manifest.id,
        database=manifest.database,
        taken_at=manifest.taken_at,
        finished_at=manifest.finished_at,
        bytes=manifest.size_bytes,
        database_bytes=manifest.server.size_bytes,
        rows=sum(table.rows for table in fingerprint.tables) if counted else None,
        server_version=manifest.server.version,
    )


def _rows(report: Report) -> int | None:
    """Where all tables were counted and found as they were; a check of the user's counts one table."""
    for kind in _FINGERPRINTS:
        for check in report.checks:
            if check.name == check.kind == kind and check.outcome is Outcome.PASSED:
                return None if check.measured is None else int(check.measured)
    return None
