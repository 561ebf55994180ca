"""The report as JUnit XML, so that a build server shows a drill as it shows tests.

It satisfies both schemas in use, the strict one for Ant (github.com/windyroad/JUnit-Schema) and Jenkins' own,
junit-10.xsd (github.com/jenkinsci/xunit-plugin): nothing is used that either refuses.
"""

from datetime import UTC
from xml.etree import ElementTree as ET  # builds only; nothing is parsed here

from restoredrill.model import CheckResult, Outcome, Report, Verdict
from restoredrill.reports import reading, units
from restoredrill.reports.escaping import visible


def as_junit(report: Report) -> str:
    """One suite; its first case is the verdict, then one case a check.

    The verdict is a case of its own because a drill can fail, or find nothing out, without any check that
    failed, and no build may turn green on that. What was not run is `skipped`; an inconclusive verdict is an
    `error`.
    """
    checks = reading.checks_to_show(report)
    root = ET.Element("testsuites")
    suite = ET.SubElement(root, "testsuite", _suite_attributes(report, checks))
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(report):
        ET.SubElement(properties, "property", name=name, value=visible(value))
    _verdict(suite, report)
    for check in checks:
        _check(suite, report, check)
    ET.SubElement(suite, "system-out").text = visible(_findings(report), keep_newlines=True)
    ET.SubElement(suite, "system-err").text = visible("\n".join(report.machine.leftovers), keep_newlines=True)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite_attributes(report: Report, checks: tuple[CheckResult, ...]) -> dict[str, str]:
    outcomes = [check.outcome for check in checks]
    return {
        "name": _token(report.database),
        "package": "restoredrill",
        "id": "0",
        "timestamp": f"{report.started_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}",  # a zone is forbidden
        "hostname": _token(report.machine.id),
        "tests": str(1 + len(checks)),
        "failures": str(outcomes.count(Outcome.FAILED) + (report.verdict is Verdict.FAILED)),
        "errors": str(int(report.verdict is Verdict.INCONCLUSIVE)),
        "skipped": str(outcomes.count(Outcome.NOT_RUN)),
        "time": _seconds((report.finished_at - report.started_at).total_seconds()),
    }


def _properties(report: Report) -> list[tuple[str, str]]:
    values: list[tuple[str, object]] = [
        ("drill", report.drill),
        ("verdict", report.verdict.value),
        ("tier", report.tier.value),
        ("backup", report.backup.id if report.backup else None),
        ("backup_taken_at", units.timestamp(report.backup.taken_at) if report.backup else None),
        ("machine", reading.machine_sentence(report)),
        ("machine_type", report.machine.type),
        ("machine_region", report.machine.region),
        ("machine_zone", report.machine.zone),
        ("machine_market", report.machine.market),
        ("machine_attempts", report.machine.attempts if report.machine.boot_s is not None else None),
        ("machine_boot_s", report.machine.boot_s),
        ("cost", report.cost.amount or None),
        ("cost_estimate", report.cost.estimate or None),
        ("cost_currency", report.cost.currency if report.cost.amount or report.cost.estimate else None),
        *((f"cost.{_token(name)}", f"{amount:.6f}") for name, amount in sorted(report.cost.parts.items())),
        ("prices_from", report.cost.prices_from),
        ("leftovers", reading.leftovers_sentence(report)),
        ("rto_s", report.rto_s),
        ("rto_target_s", report.rto_target_s),
        ("rpo_s", report.rpo_s),
        ("rpo_target_s", report.rpo_target_s),
        ("bottleneck", report.bottleneck),
        *((f"phase.{_token(phase.name)}_s", _seconds(phase.seconds)) for phase in report.phases),
        ("made_by", report.made_by),
    ]
    return [(name, str(value)) for name, value in values if value not in (None, "")]


def _verdict(suite: ET.Element, report: Report) -> None:
    total_s = (report.finished_at - report.started_at).total_seconds() - sum(c.seconds for c in report.checks)
    case = _case(suite, report, "verdict", "drill", max(total_s, 0.0))
    if report.verdict is Verdict.PASSED:
        return
    kind = "failure" if report.verdict is Verdict.FAILED else "error"
    why = ET.SubElement(case, kind, type=report.verdict.value, message=visible(reading.headline(report)))
    why.text = visible("\n".join(report.reasons), keep_newlines=True)


def _check(suite: ET.Element, report: Report, check: CheckResult) -> None:
    case = _case(suite, report, check.name, check.kind or "planned", check.seconds)
    detail = visible(check.detail, keep_newlines=True)
    if check.outcome is Outcome.FAILED:
        ET.SubElement(case, "failure", type=_token(check.kind), message=visible(check.detail)).text = detail
    elif check.outcome is Outcome.NOT_RUN:
        ET.SubElement(case, "skipped", message=visible(check.detail)).text = detail


def _case(suite: ET.Element, report: Report, name: str, group: str, seconds: float) -> ET.Element:
    classname = f"restoredrill.{_token(report.database)}.{_token(group)}"
    return ET.SubElement(suite, "testcase", name=_token(name), classname=classname, time=_seconds(seconds))


def _findings(report: Report) -> str:
    lines: list[str] = []
    for trouble in reading.troubles(report.findings):
        for thing in trouble.objects:
            lines.append(visible(f"{trouble.severity} {trouble.rule} {thing}: {trouble.message}"))
        if trouble.hint:
            lines.append(visible(f"  hint: {trouble.hint}"))
        if trouble.ignored is not None:
            lines.append(visible(f"  ignored: {trouble.ignored}"))
    lines += [visible(f"not proven: {statement}") for statement in report.not_proven]
    return "\n".join(lines)


def _token(words: str) -> str:
    """An `xs:token` of at least one character: no white space at its ends and no two in a row."""
    return " ".join(visible(words).split()) or "unnamed"


def _seconds(seconds: float) -> str:
    return f"{max(seconds, 0.0):.3f}"
