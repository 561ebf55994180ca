"""The two checks that need no configuration: is everything there, and is it the same."""

from collections.abc import Mapping
from typing import Final

from restoredrill.checks import compare as comparing
from restoredrill.checks.results import judged
from restoredrill.checks.rules import finding
from restoredrill.model import CheckResult, Finding, Fingerprint, FingerprintLevel, Manifest, Outcome

# Kinds of which a database that is of use has at least one.
_SUBSTANCE: Final = frozenset(
    {
        *("table", "view", "materialized view", "foreign table", "sequence", "large objects"),
        *("function", "procedure", "aggregate", "type", "operator", "event trigger", "extension"),
    }
)


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
    found = comparing.structure(source, restored)
    return judged("structure", (*_nothing(kinds), *found), well)


def _nothing(kinds: Mapping[str, int]) -> tuple[Finding, ...]:
    """A backup of nothing is faithful, and of no use."""
    if kinds.keys() & _SUBSTANCE:
        return ()
    return (finding("DATABASE_EMPTY", "database", "there is nothing in the backup"),)


def content(source: Fingerprint, restored: Fingerprint) -> CheckResult:
    """Every table has the rows it had. Named `rows` if they were only counted.

    What can't be compared is `not_run`, unless something else is wrong already.
    """
    name = "content" if source.level is FingerprintLevel.CONTENT else "rows"
    findings = comparing.content(source, restored)
    if any(f.severity.fails for f in findings):
        return judged(name, findings, "")
    gap = _gap(source, restored)
    if gap:
        return _not_run(name, gap, findings)
    rows = sum(table.rows for table in source.tables)
    how = "all the same" if name == "content" else "counted and not compared"
    return judged(name, findings, f"{rows} rows of {len(source.tables)} tables, {how}", measured=rows)


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


def _not_run(name: str, why: str, findings: tuple[Finding, ...] = ()) -> CheckResult:
    return CheckResult(name=name, kind=name, outcome=Outcome.NOT_RUN, detail=why, findings=findings)
