"""Breaks copies of a good backup, one way after the other, and sees what a drill says of each."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from restoredrill import clock
from restoredrill.errors import RestoredrillError
from restoredrill.model import Outcome, Report, Verdict
from restoredrill.sabotage.bench import Bench, NotApplicable, Planted, Sabotage

Drill = Callable[[Planted], Report]
"""drill(planted): drill a backup of the scratch vault as the file says, but for what `planted` says."""


class End(StrEnum):
    """What became of a sabotage."""

    CAUGHT = "caught"
    MISSED = "missed"  # it passed, or did not pass for another reason
    MUTED = "muted"  # the file ignores it, with a reason
    NOT_APPLICABLE = "not applicable"  # the backup has nothing of the kind


@dataclass(frozen=True)
class Tried:
    """One sabotage and what a drill said of it."""

    name: str
    expected: tuple[str, ...]
    end: End
    verdict: Verdict | None
    found: tuple[str, ...]  # rules of findings that fail, the worst first
    detail: str
    seconds: float


def each(bench: Bench, corpus: Iterable[Sabotage], drill: Drill) -> Iterator[Tried]:
    """Try one after the other. A drill that can't be carried out at all is a miss: no alarm was heard."""
    for sabotage in corpus:
        began_s = clock.monotonic_s()
        try:
            report = drill(sabotage.make(bench))
        except NotApplicable as why:
            yield _tried(sabotage, End.NOT_APPLICABLE, str(why), began_s)
        except RestoredrillError as error:
            yield _tried(sabotage, End.MISSED, str(error), began_s)
        else:
            yield judged(sabotage, report, clock.monotonic_s() - began_s)


def judged(sabotage: Sabotage, report: Report, seconds: float) -> Tried:
    """Was it caught, and for the right reason. Pure."""
    found = tuple(dict.fromkeys(f.rule for f in report.findings if f.severity.fails and not f.ignored))
    skipped = any(check.outcome is Outcome.NOT_RUN for check in report.checks)
    right = bool(set(found).intersection(sabotage.rules)) if sabotage.rules else skipped
    muted = {f.rule for f in report.findings if f.ignored}.intersection(sabotage.rules)
    caught = report.verdict is not Verdict.PASSED and right
    end = End.CAUGHT if caught else End.MUTED if muted else End.MISSED
    return Tried(
        name=sabotage.name,
        expected=sabotage.rules,
        end=end,
        verdict=report.verdict,
        found=found,
        detail=report.reasons[0] if report.reasons else "",
        seconds=seconds,
    )


def _tried(sabotage: Sabotage, end: End, detail: str, began_s: float) -> Tried:
    seconds = clock.monotonic_s() - began_s
    return Tried(sabotage.name, sabotage.rules, end, None, (), detail, seconds)
