"""The report for tickets and job summaries: GitHub-flavoured Markdown in which no name becomes markup."""

import re
from collections.abc import Iterable, Sequence

from restoredrill.model import Report, Verdict
from restoredrill.reports import reading, units
from restoredrill.reports.escaping import visible

SIGNS = {
    Verdict.PASSED: "\N{WHITE HEAVY CHECK MARK}",
    Verdict.FAILED: "\N{CROSS MARK}",
    Verdict.INCONCLUSIVE: "\N{WHITE QUESTION MARK ORNAMENT}",
}
TROUBLES_AT_MOST = 50  # GitHub refuses a job summary above 1 MiB
OBJECTS_AT_MOST = 20
ANYWHERE = re.compile(r"([\\`*\[\]|~<&$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|:(?=//))")
AT_START = re.compile(
    r"^(\d+(?=[.)](?:\s|$))|(?=[-+#>=]))"
)  # would begin a list, a heading, a quotation or a rule
CALLING = re.compile(r"(@|#|www)(?=[\w.])")  # calls a person, links an issue or a page


def as_markdown(report: Report) -> str:
    """A heading with the verdict, the reasons, and a table each of facts, findings and checks."""
    parts = [
        f"## {SIGNS[report.verdict]} {report.verdict_words}: {escape(report.database)}",
        f"**{escape(reading.headline(report))}**",
        _bullets(reading.more_reasons(report)),
        _table(("", ""), _facts(report)),
        _section("Left over", _bullets(report.machine.leftovers)),
        _section("Findings", _troubles(report, ignored=False)),
        _section(f"Checks: {reading.check_tally(report)}", _checks(report)),
        _section("Time", _phases(report)),
        _section("Ignored", _troubles(report, ignored=True)),
        _section("Not proven", _bullets(report.not_proven)),
        f"Drill {escape(report.drill)}, {escape(report.made_by) or 'restoredrill'}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def escape(words: str) -> str:
    r"""Words as words: every character that Markdown or GitHub could read as markup is escaped.

    An invisible space parts `@` and `#` from what follows, so that nobody is called and no issue is linked.

    >>> escape("a|b *c* snake_case _d_")
    'a\\|b \\*c\\* snake_case \\_d\\_'
    """
    one_line = " ".join(visible(words).split())
    return AT_START.sub(r"\1\\", CALLING.sub("\\1\N{ZERO WIDTH SPACE}", ANYWHERE.sub(r"\\\1", one_line)))


def _facts(report: Report) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    backup = report.backup
    if backup is None:
        rows.append(("Backup", reading.backup_sentence(report)))
    else:
        rows.append(("Backup", f"{escape(backup.id)}, {escape(reading.backup_sentence(report))}"))
        rows.append(("Taken", f"{units.timestamp(backup.taken_at)}, {reading.age_sentence(report)}"))
    if (choice := reading.choice_sentence(report)) is not None:
        rows.append(("Chosen", escape(choice)))
    if (coverage := reading.coverage_sentence(report)) is not None:
        rows.append(("Coverage, before this drill", escape(coverage)))
    for objective in reading.objectives(report):
        rows.append((f"{objective.name}, {objective.meaning}", _objective(objective)))
    rows.append(
        ("Drilled", f"{units.timestamp(report.started_at)} on {escape(reading.machine_sentence(report))}")
    )
    if (boot := reading.boot_sentence(report)) is not None:
        rows.append(("Machine", escape(boot)))
    if report.machine.url is not None:
        rows.append(("Kept at", escape(report.machine.url)))
    rows.append(("Left over", escape(reading.leftovers_sentence(report))))
    if (cost := reading.spent(report)) is not None:
        rows.append(("Cost", escape("; ".join(filter(None, (cost, reading.spent_on(report)))))))
    return rows


def _objective(objective: reading.Objective) -> str:
    if objective.actual_s is None:
        return "not measured"
    measured = f"**{units.duration(objective.actual_s)}**"
    if objective.target_s is None:
        return f"{measured}, no target set"
    sign = "" if objective.standing is reading.Standing.MET else f" {SIGNS[Verdict.FAILED]}"
    return f"{measured} of {units.duration(objective.target_s)}: {objective.standing}{sign}"


def _troubles(report: Report, *, ignored: bool) -> str:
    findings = reading.ignored_findings(report) if ignored else reading.open_findings(report)
    troubles = reading.troubles(findings)
    rows = [
        (
            f"**{trouble.severity}**" if trouble.severity.fails and not ignored else str(trouble.severity),
            escape(trouble.rule),
            escape(reading.objects(trouble, OBJECTS_AT_MOST)),
            escape(trouble.message),
            escape((trouble.ignored or "") if ignored else trouble.hint),
        )
        for trouble in troubles[:TROUBLES_AT_MOST]
    ]
    table = _table(("Severity", "Rule", "Object", "What", "Why ignored" if ignored else "Hint"), rows)
    if (more := len(troubles) - TROUBLES_AT_MOST) > 0:
        table += f"\n\nand {more:,} more: see report.json or report.html"
    return table


def _checks(report: Report) -> str:
    rows = []
    for check in reading.checks_to_show(report):
        glyph, word = reading.OUTCOMES[check.outcome]
        cells = (escape(check.name), escape(check.kind), escape(check.detail), reading.took(check))
        rows.append((f"{glyph} {word}", *cells))
    return _table(("Outcome", "Check", "Kind", "Detail", "Took"), rows, right=True)


def _phases(report: Report) -> str:
    rows = [
        (
            escape(stretch.name) + (" (slowest)" if stretch.slowest else ""),
            units.duration(stretch.seconds),
            escape(units.percent(stretch.share)),
        )
        for stretch in reading.stretches(report)
    ]
    if not rows:
        return ""
    return f"{escape(reading.time_sentence(report))}\n\n" + _table(
        ("Phase", "Took", "Share"), rows, right=True
    )


def _section(title: str, body: str) -> str:
    return f"### {escape(title)}\n\n{body}" if body else ""


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {escape(line) or '(empty)'}" for line in lines)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, right: bool = False) -> str:
    if not rows:
        return ""
    rules = ["---"] * (len(headings) - 1) + ["---:" if right else "---"]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (headings, rules, *rows))
