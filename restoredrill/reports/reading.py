"""What a report says, before any form says it: order, sums and sentences that all forms share."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from restoredrill.known import CoverageFacts
from restoredrill.model import CheckResult, Finding, Outcome, Report, Severity, Verdict
from restoredrill.reports.units import duration, money, percent, size, timestamp

GLYPHS = {
    Verdict.PASSED: "\N{HEAVY CHECK MARK}",
    Verdict.FAILED: "\N{HEAVY BALLOT X}",
    Verdict.INCONCLUSIVE: "?",
}
OUTCOMES = {
    Outcome.PASSED: ("\N{HEAVY CHECK MARK}", "passed"),
    Outcome.FAILED: ("\N{HEAVY BALLOT X}", "failed"),
    Outcome.NOT_RUN: ("\N{EN DASH}", "not run"),
}
TALLIED = (Outcome.PASSED, Outcome.FAILED, Outcome.NOT_RUN)
TROUBLE_FIRST = (Outcome.FAILED, Outcome.NOT_RUN, Outcome.PASSED)
EVIDENCE = ("structure", "content")  # kinds of checks whose detail counts objects, tables and rows
WORST_FIRST = tuple(reversed(Severity))


class Standing(StrEnum):
    """How a measured time stands against its target."""

    MET = "met"
    MISSED = "missed"
    UNKNOWN = "not measured"
    NO_TARGET = "no target"


@dataclass(frozen=True)
class Objective:
    """RTO or RPO: what was measured, what is allowed; None where there is no such figure."""

    name: str
    meaning: str
    actual_s: float | None
    target_s: float | None

    @property
    def standing(self) -> Standing:
        if self.actual_s is None:
            return Standing.UNKNOWN
        if self.target_s is None:
            return Standing.NO_TARGET
        return Standing.MET if self.actual_s <= self.target_s else Standing.MISSED

    @property
    def used(self) -> float | None:
        """The share of the target that was used up; above 1 it is missed."""
        if self.actual_s is None or not self.target_s:
            return None
        return self.actual_s / self.target_s


@dataclass(frozen=True)
class Stretch:
    """A phase in its place on the drill's time line."""

    name: str
    start_s: float
    seconds: float
    share: float  # of all phases together, 0 to 1
    bytes: int | None
    slowest: bool


@dataclass(frozen=True)
class Trouble:
    """One or more findings that differ in their object only."""

    rule: str
    severity: Severity
    message: str
    hint: str
    ignored: str | None
    objects: tuple[str, ...]


def objectives(report: Report) -> tuple[Objective, Objective]:
    """RTO, then RPO."""
    return (
        Objective("RTO", "time to a verified, usable database", report.rto_s, report.rto_target_s),
        Objective("RPO", "age of the newest data that survives", report.rpo_s, report.rpo_target_s),
    )


def choice_sentence(report: Report) -> str | None:
    """How the backup was chosen, where that was no matter of course."""
    picked = report.picked
    if picked is None or picked.by in ("latest", "" if report.backup is None else report.backup.id):
        return None
    seed = f" (seed {picked.seed})" if picked.by == "random" else ""
    return f"picked by {picked.by}{seed}" + (f": {picked.why}" if picked.why else "")


def coverage_sentence(report: Report) -> str | None:
    """How much of what is kept was proven before this drill."""
    known = report.coverage
    return None if known is None else coverage_words(known)


def coverage_words(known: CoverageFacts) -> str:
    """`5 of 7 backups verified; oldest unverified …; next due …`."""
    words = [f"{known.verified} of {known.retained} backups verified"]
    if known.oldest_unverified is not None:
        words.append(f"oldest unverified {known.oldest_unverified}")
    if known.next_due is not None and known.next_due_at is not None:
        words.append(f"next due {known.next_due} by {timestamp(known.next_due_at)}")
    if known.overdue:
        words.append(f"{known.overdue} overdue")
    return "; ".join(words)


def stretches(report: Report) -> tuple[Stretch, ...]:
    """The phases one after the other; the longest is marked, unless all took no time."""
    total_s = sum(phase.seconds for phase in report.phases)
    longest_s = max((phase.seconds for phase in report.phases), default=0.0)
    placed: list[Stretch] = []
    start_s = 0.0
    for phase in report.phases:
        slowest = 0 < longest_s == phase.seconds and not any(s.slowest for s in placed)
        share = phase.seconds / total_s if total_s else 0.0
        placed.append(Stretch(phase.name, start_s, phase.seconds, share, phase.bytes, slowest))
        start_s += phase.seconds
    return tuple(placed)


def checks_to_show(report: Report) -> tuple[CheckResult, ...]:
    """Trouble first, else as they ran; a check that was planned and left no result is shown as not run."""
    lacking = Counter(report.planned) - Counter(check.name for check in report.checks)
    absent = (
        CheckResult(name=name, kind="", outcome=Outcome.NOT_RUN, detail="planned, but it left no result")
        for name in lacking.elements()
    )
    return tuple(sorted((*report.checks, *absent), key=lambda check: TROUBLE_FIRST.index(check.outcome)))


def check_tally(report: Report) -> str:
    """`12 planned: 10 passed, 1 failed, 1 not run`."""
    checks = checks_to_show(report)
    if not checks:
        return "none planned"
    found = Counter(check.outcome for check in checks)
    parts = [f"{found[outcome]:,} {OUTCOMES[outcome][1]}" for outcome in TALLIED if found[outcome]]
    return f"{len(checks):,} planned: {', '.join(parts)}"


def open_findings(report: Report) -> tuple[Finding, ...]:
    """What counts."""
    return tuple(finding for finding in report.findings if finding.ignored is None)


def ignored_findings(report: Report) -> tuple[Finding, ...]:
    """What the database's file says not to count."""
    return tuple(finding for finding in report.findings if finding.ignored is not None)


def troubles(findings: Iterable[Finding]) -> tuple[Trouble, ...]:
    """Findings worst first, those that say the same of many objects told once."""
    alike: dict[tuple[str, Severity, str, str, str | None], list[str]] = {}
    for finding in sorted(findings, key=lambda finding: WORST_FIRST.index(finding.severity)):
        key = (finding.rule, finding.severity, finding.message, finding.hint, finding.ignored)
        alike.setdefault(key, []).append(finding.object)
    return tuple(Trouble(*key, objects=tuple(objects)) for key, objects in alike.items())


def objects(trouble: Trouble, at_most: int) -> str:
    """The objects' names, `and 22 more` for those past `at_most`."""
    names = ", ".join(trouble.objects[:at_most])
    return f"{names} and {more:,} more" if (more := len(trouble.objects) - at_most) > 0 else names


def finding_tally(findings: tuple[Finding, ...]) -> str:
    """`2 critical, 310 high`."""
    found = Counter(finding.severity for finding in findings)
    return (
        ", ".join(f"{found[severity]:,} {severity}" for severity in WORST_FIRST if found[severity]) or "none"
    )


def headline(report: Report) -> str:
    """One sentence that says why: the first reason, or what a pass rests on."""
    if report.verdict is Verdict.PASSED:
        usable = f" and usable after {duration(report.rto_s)}" if report.rto_s is not None else ""
        return f"Restored from the vault{usable}; {_passed(len(checks_to_show(report)))}."
    if reasons := _told(report):
        return reasons[0]
    if report.verdict is Verdict.INCONCLUSIVE:
        return "The drill could not find out whether this backup restores."
    failed = [check.name for check in report.checks if check.outcome is Outcome.FAILED]
    failed += [
        f"{finding.rule} {finding.object}" for finding in open_findings(report) if finding.severity.fails
    ]
    return f"The backup failed its drill: {failed[0]}" if failed else "The backup failed its drill."


def _passed(count: int) -> str:
    if count == 0:
        return "no check was planned"
    return "the one check passed" if count == 1 else f"all {count:,} checks passed"


def more_reasons(report: Report) -> tuple[str, ...]:
    """The reasons that the headline does not say already."""
    return _told(report) if report.verdict is Verdict.PASSED else _told(report)[1:]


def _told(report: Report) -> tuple[str, ...]:
    return tuple(reason for reason in report.reasons if reason.strip())


def age_sentence(report: Report) -> str:
    """How old the backup was: `45 m old when the drill began`."""
    if report.backup is None:
        return "no backup to pick"
    return f"{duration(report.backup.age_s)} old when the drill began"


def backup_sentence(report: Report) -> str:
    """`1.3 GB, from PostgreSQL 17.10`."""
    if report.backup is None:
        return "there was no backup to drill"
    return f"{size(report.backup.bytes)}, from PostgreSQL {report.backup.server_version}"


def spent(report: Report) -> str | None:
    """`0.0110 USD of 0.0120 USD estimated (92 %)`, or None where nothing was spent."""
    cost = report.cost
    if not cost.amount and not cost.estimate:
        return None
    amount = money(cost.amount, cost.currency)
    if not cost.estimate:
        return f"{amount}, not estimated"
    share = f" ({percent(cost.amount / cost.estimate)})" if cost.amount > 0 else ""
    return f"{amount} of {money(cost.estimate, cost.currency)} estimated{share}"


def spent_on(report: Report) -> str | None:
    """What the cost is made of, and whose prices those are; None where neither is known.

    `instance 0.0098 USD, volume 0.0012 USD; prices: pricing API, 2026-11-26`
    """
    cost = report.cost
    if spent(report) is None:
        return None
    dearest_first = sorted(cost.parts.items(), key=lambda part: (-part[1], part[0]))
    parts = ", ".join(f"{name} {money(amount, cost.currency)}" for name, amount in dearest_first)
    source = f"prices: {cost.prices_from}" if cost.prices_from else ""
    return "; ".join(filter(None, (parts, source))) or None


def leftovers_sentence(report: Report) -> str:
    """What a look at the account found after the end, or that nobody has looked yet."""
    machine = report.machine
    if machine.leftovers:
        return f"{len(machine.leftovers):,} not gone; restoredrill reap ends what outlived its lease"
    if machine.url is not None:
        return "kept running on purpose, under its lease"
    if machine.swept_at is None:
        return "not looked for yet"
    return f"nothing, looked at {timestamp(machine.swept_at)}"


def machine_sentence(report: Report) -> str:
    """`ec2 i-0abc (m7i.large, spot, eu-central-1a)`."""
    machine = report.machine
    told = ", ".join(filter(None, (machine.type, machine.market, machine.zone or machine.region)))
    return f"{machine.provider} {machine.id}" + (f" ({told})" if told else "")


def boot_sentence(report: Report) -> str | None:
    """How the machine came to life: `first word 41.0 s after the call; 2 machines were started, one after
    another`. None where there is nothing to tell, as on this host.
    """
    machine = report.machine
    told = []
    if machine.boot_s is not None:
        told.append(f"first word {duration(machine.boot_s)} after the call that started it")
    if machine.attempts > 1:
        told.append(f"the last of {machine.attempts:,} machines that were started for this drill")
    return "; ".join(told) or None


def time_sentence(report: Report) -> str:
    """`2 m 02 s in all; bottleneck: index build of orders_idx`."""
    total = f"{duration(sum(phase.seconds for phase in report.phases))} in all"
    return f"{total}; bottleneck: {report.bottleneck}" if report.bottleneck else total


def took(check: CheckResult) -> str:
    """How long a check ran; nothing for one that did not run or took no time of its own."""
    return duration(check.seconds) if check.seconds and check.outcome is not Outcome.NOT_RUN else ""


def evidence(report: Report) -> tuple[CheckResult, ...]:
    """The passed checks that say how much was compared: objects, tables, rows."""
    passed = (check for check in report.checks if check.outcome is Outcome.PASSED and check.detail)
    return tuple(check for check in passed if check.kind in EVIDENCE)
