"""What a drill says in the end. Pure: documents in, documents out. Promise 1 is kept here and nowhere else.

PASSED: something was planned, everything planned ran and passed, and nothing that fails was found. FAILED: a
check failed or something that fails was found, whatever else could not be found out. Anything else is
INCONCLUSIVE. What is ignored, with a reason, fails nothing and stays in the report.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from restoredrill.checks.ignoring import mark
from restoredrill.known import IgnoreSpec
from restoredrill.model import CheckResult, Finding, Outcome, Verdict

_REASONS_AT_MOST = 10


@dataclass(frozen=True)
class Judgement:
    """The verdict, why, and results and findings as the report has them: ignored ones marked, none lost."""

    verdict: Verdict
    reasons: tuple[str, ...]
    checks: tuple[CheckResult, ...]
    findings: tuple[Finding, ...]


def judge(
    planned: Sequence[str],
    results: Sequence[CheckResult],
    findings: Sequence[Finding] = (),
    ignore: Sequence[IgnoreSpec] = (),
    broken: str | None = None,
    today: date | None = None,
) -> Judgement:
    """Judge a drill. `planned` names the checks that had to run, `findings` are those of no check, `broken`
    says why the drill ended early, if it did; by `today` an entry of `ignore` may be over.
    """
    checks = tuple(_reconsidered(result, ignore, today) for result in results)
    marked = (*mark(findings, ignore, today), *(finding for check in checks for finding in check.findings))
    failures = [*_bad_findings(marked), *_failed_checks(checks)]
    gaps = [*_gaps(planned, checks), *([f"broken off: {broken}"] if broken else [])]
    if failures:
        return Judgement(Verdict.FAILED, _few([*failures, *gaps]), checks, marked)
    if gaps:
        return Judgement(Verdict.INCONCLUSIVE, _few(gaps), checks, marked)
    return Judgement(Verdict.PASSED, (_passing(planned, marked),), checks, marked)


def _reconsidered(result: CheckResult, ignore: Sequence[IgnoreSpec], today: date | None) -> CheckResult:
    """A check that failed for nothing but what is ignored counts as passed, and says so."""
    findings = mark(result.findings, ignore, today)
    changed: dict[str, object] = {"findings": findings}
    bad = [finding for finding in findings if finding.severity.fails]
    if result.outcome is Outcome.FAILED and bad and all(finding.ignored for finding in bad):
        changed |= {"outcome": Outcome.PASSED, "detail": f"ignored: {result.detail}"}
    return result.model_copy(update=changed)


def _bad_findings(findings: Iterable[Finding]) -> list[str]:
    """Most severe first."""
    bad = [f for f in findings if f.severity.fails and f.ignored is None]
    severities = list(type(bad[0].severity)) if bad else []
    bad.sort(key=lambda finding: -severities.index(finding.severity))
    return [f"{finding.rule} {finding.object}: {finding.message}" for finding in bad]


def _failed_checks(checks: Iterable[CheckResult]) -> list[str]:
    """Those that no finding speaks for."""
    return [
        f"{check.name}: {check.detail or 'failed'}"
        for check in checks
        if check.outcome is Outcome.FAILED and not _bad_findings(check.findings)
    ]


def _gaps(planned: Sequence[str], checks: Sequence[CheckResult]) -> list[str]:
    if not planned:
        return ["nothing was planned, so nothing is proven"]
    # Counted, as a check of the user's own may be called like one of ours: neither answers for the other.
    wanted = Counter(planned)
    wanted.subtract(check.name for check in checks if check.outcome is not Outcome.NOT_RUN)
    details = {check.name: check.detail for check in checks if check.outcome is Outcome.NOT_RUN}
    # A check that was not planned and did not run is a gap all the same.
    missing = dict.fromkeys([*(name for name, more in wanted.items() if more > 0), *details])
    return [f"{name}: {details.get(name) or 'did not run'}" for name in missing]


def _few(reasons: Sequence[str]) -> tuple[str, ...]:
    more = len(reasons) - _REASONS_AT_MOST
    return (*reasons[:_REASONS_AT_MOST], f"and {more} more") if more > 0 else tuple(reasons)


def _passing(planned: Sequence[str], findings: Sequence[Finding]) -> str:
    ignored = sum(finding.ignored is not None for finding in findings)
    checks = f"all {len(planned)} checks that were planned ran and passed"
    return f"{checks}; {ignored} findings are ignored, with reasons" if ignored else checks
