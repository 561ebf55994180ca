"""The two checks that need no configuration: is everything there, and is it the same."""

from collections.abc import Iterable

from restoredrill.checks import compare as comparing
from restoredrill.model import CheckResult, Finding, Fingerprint, FingerprintLevel, Manifest, Outcome


def compare(manifest: Manifest, restored: Fingerprint) -> tuple[CheckResult, ...]:
    """Results for `structure` and for `content` or `rows`, as far as the backup's fingerprint goes."""
    source = manifest.fingerprint
    if not source.version_num:
        source = source.model_copy(update={"version_num": manifest.server.version_num})
    if source.level is FingerprintLevel.NONE:
        return ()
    return structure(source, restored), content(source, restored)


def structure(source: Fingerprint, restored: Fingerprint) -> CheckResult:
    """Every object that the source had is there, and as it was."""
    kinds = {kind: len(there) for kind, there in source.objects.items() if there}
    if not source.objects or not restored.objects:
        return _not_run("structure", "one of the fingerprints has no list of objects")
    well = f"{sum(kinds.values())} objects of {len(kinds)} kinds, as on the source"
    return _result("structure", comparing.structure(source, restored), well)


def content(source: Fingerprint, restored: Fingerprint) -> CheckResult:
    """Every table has the rows it had. Named `rows` if they were only counted.

    What can't be compared is `not_run`, unless something else is wrong already.
    """
    name = "content" if source.level is FingerprintLevel.CONTENT else "rows"
    findings = comparing.content(source, restored)
    if any(f.severity.fails for f in findings):
        return _result(name, findings, "")
    gap = _gap(source, restored)
    if gap:
        return _not_run(name, gap, findings)
    rows = sum(table.rows for table in source.tables)
    how = "all the same" if name == "content" else "counted and not compared"
    return _result(name, findings, f"{rows} rows of {len(source.tables)} tables, {how}", rows)


def _gap(source: Fingerprint, restored: Fingerprint) -> str:
    """Why equal row counts are not equal contents, where content was promised."""
    if not source.tables or not restored.tables:
        return "one of the fingerprints has no tables"
    if source.level is not FingerprintLevel.CONTENT:
        return ""
    if source.algorithm != restored.algorithm:
        return f"digests by {source.algorithm} and {restored.algorithm} can't be compared"
    if any(table.digest is None for table in (*source.tables, *restored.tables)):
        return "one of the fingerprints has tables whose rows were only counted"
    return ""


def _result(
    name: str, findings: tuple[Finding, ...], well: str, measured: float | None = None
) -> CheckResult:
    bad = [f for f in findings if f.severity.fails]
    return CheckResult(
        name=name,
        kind=name,
        outcome=Outcome.FAILED if bad else Outcome.PASSED,
        detail=_summary(bad) if bad else well,
        measured=measured,
        findings=findings,
    )


def _not_run(name: str, why: str, findings: tuple[Finding, ...] = ()) -> CheckResult:
    return CheckResult(name=name, kind=name, outcome=Outcome.NOT_RUN, detail=why, findings=findings)


def _summary(bad: Iterable[Finding]) -> str:
    messages = [f.message for f in bad]
    return messages[0] + (f", and {len(messages) - 1} more" if len(messages) > 1 else "")
