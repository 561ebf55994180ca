"""The report for a terminal: what to know first comes first, and it fits 80 columns."""

from collections.abc import Iterable
from io import StringIO

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from restoredrill.model import Outcome, Report, Verdict
from restoredrill.reports import reading, units
from restoredrill.reports.escaping import visible
from restoredrill.reports.reading import Standing

VERDICT_STYLES = {
    Verdict.PASSED: "bold reverse green",
    Verdict.FAILED: "bold reverse red",
    Verdict.INCONCLUSIVE: "bold black on yellow",
}
OUTCOME_STYLES = {Outcome.PASSED: "green", Outcome.FAILED: "bold red", Outcome.NOT_RUN: "yellow"}
STANDING_STYLES = {
    Standing.MET: "green",
    Standing.MISSED: "bold red",
    Standing.UNKNOWN: "yellow",
    Standing.NO_TARGET: "dim",
}
TROUBLES_AT_MOST = 25  # a terminal is no place for hundreds; report.json and report.html hold them all
OBJECTS_AT_MOST = 6
NARROWEST = 40
LABEL_COLUMNS = 13
SLOWEST = "\N{LEFTWARDS ARROW} slowest"


def as_text(report: Report, *, width: int = 80, colour: bool = False) -> str:
    """Lines for a terminal of `width` columns, ANSI colours only if `colour`. Nothing is cut off."""
    width = max(width, NARROWEST)
    out = StringIO()
    console = Console(
        file=out,
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        no_color=not colour,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
        _environ={},  # the caller has looked at the environment already
    )
    console.print(Group(*_blocks(report, width)))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()).strip("\n") + "\n"


def _blocks(report: Report, width: int) -> list[RenderableType]:
    blocks: list[RenderableType] = [_banner(report), "", _facts(report)]
    sections = (
        _leftovers(report),
        _phases(report, width),
        _troubles(report, ignored=False),
        _checks(report),
        _troubles(report, ignored=True),
        _not_proven(report),
    )
    for section in sections:
        if section is not None:
            blocks += ["", section]
    return [*blocks, "", _footer(report)]


def _banner(report: Report) -> RenderableType:
    verdict = report.verdict
    top = Text.assemble(
        (f" {reading.GLYPHS[verdict]} {report.verdict_words} ", VERDICT_STYLES[verdict]),
        " ",
        (visible(report.database), "bold"),
        (f", drilled {units.minute(report.started_at)}", "dim"),
        overflow="fold",
    )
    why = Padding(Text(visible(reading.headline(report)), style="bold", overflow="fold"), (0, 0, 0, 1))
    return Group(top, "", why, _bullets(reading.more_reasons(report)))


def _bullets(lines: Iterable[str]) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    table.add_column()
    table.add_column(overflow="fold")
    for line in lines:
        table.add_row(" \N{BULLET}", Text(visible(line)))
    return table


def _section(label: str, summary: str, body: RenderableType, *, style: str = "bold") -> RenderableType:
    head = Text.assemble((f" {label:<{LABEL_COLUMNS - 1}}", style), visible(summary), overflow="fold")
    return Group(head, Padding(body, (0, 0, 0, 2)))


def _facts(report: Report) -> RenderableType:
    facts = Table.grid()
    facts.add_column(width=LABEL_COLUMNS, style="bold")
    facts.add_column(overflow="fold")
    backup = report.backup
    facts.add_row(
        " Backup", Text("" if backup is None else f"{visible(backup.id)}, ").append(_backup(report))
    )
    if backup is not None:
        facts.add_row("", f"taken {units.timestamp(backup.taken_at)}, {reading.age_sentence(report)}")
    if (choice := reading.choice_sentence(report)) is not None:
        facts.add_row("", visible(choice))
    if (coverage := reading.coverage_sentence(report)) is not None:
        facts.add_row(" Coverage", visible(coverage))
    for objective in reading.objectives(report):
        facts.add_row(f" {objective.name}", _objective(objective))
    facts.add_row(" Machine", visible(reading.machine_sentence(report)))
    if (boot := reading.boot_sentence(report)) is not None:
        facts.add_row("", boot)
    if report.machine.url is not None:
        facts.add_row(" Kept at", visible(report.machine.url))
    if not report.machine.leftovers:
        facts.add_row(" Left over", reading.leftovers_sentence(report))
    if (cost := reading.spent(report)) is not None:
        facts.add_row(" Cost", visible(cost))
        if (parts := reading.spent_on(report)) is not None:
            facts.add_row("", visible(parts))
    return facts


def _backup(report: Report) -> str:
    return visible(reading.backup_sentence(report))


def _objective(objective: reading.Objective) -> Text:
    standing = objective.standing
    measured = "not measured" if objective.actual_s is None else units.duration(objective.actual_s)
    line = Text(f"{measured:<9} ", style="bold")
    if objective.target_s is None:
        return line.append(" no target set", style="not bold dim")
    line.append(f" of {units.duration(objective.target_s):<9}", style="not bold")
    if (used := objective.used) is not None:
        style = "not bold " + STANDING_STYLES[standing]
        line.append(f" {bar(min(used, 1.0), 20)} {units.percent(used):>5}  {standing}", style=style)
    return line


def _phases(report: Report, width: int) -> RenderableType | None:
    stretches = reading.stretches(report)
    if not stretches:
        return None
    longest_s = max(stretch.seconds for stretch in stretches) or 1.0
    names = [visible(stretch.name) for stretch in stretches]
    roomy = width >= 66
    room = max(width - min(max(map(len, names)), 24) - (42 if roomy else 33), 6)
    table = Table.grid(padding=(0, 2))
    table.add_column(max_width=24, overflow="fold")
    for _ in ("duration", "share"):
        table.add_column(justify="right", no_wrap=True)
    table.add_column()
    for name, stretch in zip(names, stretches, strict=True):
        style = "bold cyan" if stretch.slowest else "cyan"
        words = [SLOWEST] if stretch.slowest else []
        words += filter(None, [units.rate(stretch.bytes or 0, stretch.seconds)] if roomy else [])
        drawn = bar(stretch.seconds / longest_s, room, fill="")
        table.add_row(
            Text(name, style="bold" if stretch.slowest else ""),
            units.duration(stretch.seconds),
            units.percent(stretch.share),
            Text.assemble((drawn, style), " ", ", ".join(words)),
        )
    return _section("Time", reading.time_sentence(report), table)


def bar(share: float, columns: int, *, fill: str = "\N{LIGHT SHADE}") -> str:
    """A bar of `columns` characters; something is never nothing.

    >>> bar(0.5, 8)
    '████░░░░'
    """
    full = min(max(round(share * columns), 1 if share > 0 else 0), columns)
    return "\N{FULL BLOCK}" * full + fill * (columns - full)


def _troubles(report: Report, *, ignored: bool) -> RenderableType | None:
    findings = reading.ignored_findings(report) if ignored else reading.open_findings(report)
    if not findings:
        return None
    troubles = reading.troubles(findings)
    rows: list[tuple[RenderableType, RenderableType]] = [
        (Text(trouble.severity, style=_severity_style(trouble)), _trouble(trouble))
        for trouble in troubles[:TROUBLES_AT_MOST]
    ]
    if (more := len(troubles) - TROUBLES_AT_MOST) > 0:
        rows.append(("", Text(f"and {more:,} more: see report.json or report.html", style="italic")))
    label, heading = ("Ignored", "what and why") if ignored else ("Findings", "what and what to do")
    return _section(label, reading.finding_tally(findings), _grid(rows, ("severity", heading)))


def _severity_style(trouble: reading.Trouble) -> str:
    return "bold red" if trouble.severity.fails and trouble.ignored is None else "dim"


def _trouble(trouble: reading.Trouble) -> Text:
    lines = Text.assemble(
        (visible(trouble.rule), "bold"), "  ", visible(reading.objects(trouble, OBJECTS_AT_MOST))
    )
    if trouble.message:
        lines.append("\n" + visible(trouble.message))
    if trouble.ignored is not None:
        lines.append("\nignored: ", style="cyan").append(visible(trouble.ignored), style="default")
    elif trouble.hint:
        lines.append("\nhint: ", style="cyan").append(visible(trouble.hint), style="default")
    return lines


def _grid(
    rows: Iterable[Iterable[RenderableType]], headings: tuple[str, ...], *, last: str = "left"
) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for number, heading in enumerate(headings):
        right = last == "right" and number == len(headings) - 1
        edge = number == 0 or right
        table.add_column(
            heading,
            overflow="fold",
            no_wrap=edge,
            justify="right" if right else "left",
            ratio=None if edge else 1,
        )
    for row in rows:
        table.add_row(*row)
    return table


def _checks(report: Report) -> RenderableType:
    rows = []
    for check in reading.checks_to_show(report):
        glyph, word = reading.OUTCOMES[check.outcome]
        outcome = Text(f"{glyph} {word}", style=OUTCOME_STYLES[check.outcome])
        rows.append((outcome, Text(visible(check.name)), Text(visible(check.detail)), reading.took(check)))
    summary = reading.check_tally(report)
    if not rows:
        return _section("Checks", summary, "")
    return _section("Checks", summary, _grid(rows, ("outcome", "check", "detail", "took"), last="right"))


def _not_proven(report: Report) -> RenderableType | None:
    if not report.not_proven:
        return None
    return _section("Not proven", "this verdict says nothing about", _bullets(report.not_proven))


def _leftovers(report: Report) -> RenderableType | None:
    if not report.machine.leftovers:
        return None
    summary = reading.leftovers_sentence(report)
    return _section("LEFT OVER", summary, _bullets(report.machine.leftovers), style="bold red")


def _footer(report: Report) -> RenderableType:
    made_by = visible(report.made_by) or "restoredrill"
    return Padding(
        Text(f"drill {visible(report.drill)}, {made_by}", style="dim", overflow="fold"), (0, 0, 0, 1)
    )
