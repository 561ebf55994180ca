"""A result out of findings: what the checks that need no configuration have in common."""

from collections.abc import Iterable

from restoredrill.model import CheckResult, Finding, Outcome


def judged(
    name: str,
    findings: Iterable[Finding],
    well: str,
    *,
    measured: float | None = None,
    seconds: float = 0.0,
) -> CheckResult:
    """Failed if one of `findings` fails; `well` is said of a check that found nothing of that kind."""
    found = tuple(findings)
    bad = [one.message for one in found if one.severity.fails]
    more = f", and {len(bad) - 1} more" if len(bad) > 1 else ""
    return CheckResult(
        name=name,
        kind=name,
        outcome=Outcome.FAILED if bad else Outcome.PASSED,
        detail=bad[0] + more if bad else well,
        measured=measured,
        seconds=seconds,
        findings=found,
    )
