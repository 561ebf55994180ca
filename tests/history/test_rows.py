"""From documents to rows."""

import pytest

from restoredrill.history.rows import backup_row, drill_row
from restoredrill.model import (
    CheckResult,
    Cost,
    Finding,
    Fingerprint,
    FingerprintLevel,
    Outcome,
    Phase,
    Severity,
    TableFingerprint,
    Verdict,
)
from tests.vault.samples import NOON, a_manifest, a_report, an_id


def finding(rule: str, severity: Severity = Severity.HIGH, ignored: str | None = None) -> Finding:
    return Finding(rule=rule, severity=severity, object="public.orders", message="m", ignored=ignored)


def check(
    kind: str, measured: float | None, name: str = "", outcome: Outcome = Outcome.PASSED
) -> CheckResult:
    return CheckResult(name=name or kind, kind=kind, outcome=outcome, measured=measured)


def test_a_drill_in_a_row() -> None:
    report = a_report(an_id(), an_id(-1), Verdict.FAILED).model_copy(
        update={
            "reasons": ("rows are missing",),
            "findings": (
                finding("ROWS_MISSING"),
                finding("OWNER_CHANGED", Severity.LOW),
                finding("INDEX_MISSING", ignored="known"),
                finding("ROWS_MISSING"),
                finding("TABLE_MISSING"),
            ),
            "phases": (
                Phase(name="restore", seconds=1),
                Phase(name="checks", seconds=2),
                Phase(name="restore", seconds=4),
            ),
            "cost": Cost(amount=0.25, estimate=1),
            "rto_s": 9.0,
            "bottleneck": "orders_idx",
        }
    )
    row = drill_row(report)
    assert row.rules == ("ROWS_MISSING", "TABLE_MISSING")
    assert row.phases_s == {"restore": 5, "checks": 2}
    assert (row.drill, row.database, row.verdict) == (an_id(), "shop", Verdict.FAILED)
    assert (row.backup, row.backup_bytes, row.provider) == (an_id(-1), 1, "local")
    assert (row.usd, row.rto_s, row.rpo_s, row.bottleneck) == (0.25, 9.0, None, "orders_idx")
    assert (row.started_at, row.finished_at, row.reasons) == (NOON, NOON, ("rows are missing",))


def test_a_drill_that_found_no_backup_in_a_row() -> None:
    row = drill_row(a_report(an_id(), None, Verdict.FAILED))
    assert (row.backup, row.backup_bytes, row.rows) == (None, None, None)


@pytest.mark.parametrize(
    ("checks", "rows"),
    [
        ((), None),
        ((check("inventory", None), check("content", 7.0)), 7),
        ((check("rows", 8.0),), 8),
        ((check("rows", 9.0, "orders are there"),), None),
        ((check("rows", 9.0, "orders are there"), check("rows", 8.0)), 8),
        ((check("content", None),), None),
        ((check("content", 7.0, outcome=Outcome.FAILED),), None),
    ],
)
def test_rows_are_those_of_all_tables(checks: tuple[CheckResult, ...], rows: int | None) -> None:
    assert drill_row(a_report(an_id(), an_id()).model_copy(update={"checks": checks})).rows == rows


@pytest.mark.parametrize(("level", "rows"), [(FingerprintLevel.ROWS, 5), (FingerprintLevel.NONE, None)])
def test_a_backup_in_a_row(level: FingerprintLevel, rows: int | None) -> None:
    tables = (TableFingerprint(table="a", rows=2), TableFingerprint(table="b", rows=3))
    fingerprint = Fingerprint(level=level, algorithm="none", tables=tables)
    row = backup_row(a_manifest(an_id()).model_copy(update={"fingerprint": fingerprint}))
    assert (row.backup, row.database, row.bytes, row.database_bytes) == (an_id(), "shop", 0, 1)
    assert (row.rows, row.taken_at, row.server_version) == (rows, NOON, "17.10")
