"""What is told: from a report, a task or an alarm to a notice. Pure.

A notice says what, since when, what was found, what to do, and where to read more. It names objects and never
rows, and is redacted here once more, as it goes to places that others read.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime

from restoredrill import secret
from restoredrill.model import Report, Severity, Verdict
from restoredrill.records import Alarm, Delivery, DrillRow, Notice, Task
from restoredrill.reports import reading, units
from restoredrill.reports.escaping import visible

TITLE_AT_MOST = 120  # characters: a pager or a subject line shows no more
BODY_AT_MOST = 8_000
TROUBLES_AT_MOST = 8
OBJECTS_AT_MOST = 5
REASONS_AT_MOST = 3

_SEVERITIES = {
    Verdict.PASSED: Severity.INFO,
    Verdict.FAILED: Severity.HIGH,
    Verdict.INCONCLUSIVE: Severity.MEDIUM,
}


def of_drill(report: Report, earlier: Sequence[DrillRow], web_url: str | None) -> Notice:
    """`earlier`: the database's drills before this one, newest first."""
    before = [row for row in earlier if row.drill != report.drill and row.started_at <= report.started_at]
    return _notice(
        key=f"drill:{report.drill}",
        database=report.database,
        kind=report.verdict.value,
        severity=_SEVERITIES[report.verdict],
        title=f"{report.database}: {report.verdict_words}: {_short(report)}",
        lines=[*_verdict(report), *_findings(report), *_since(report, before), *_facts(report)],
        link=drill_link(web_url, report.database, report.drill),
        at=report.finished_at,
    )


def of_leftovers(report: Report, web_url: str | None) -> Notice | None:
    """None where nothing was left."""
    left = report.machine.leftovers
    if not left:
        return None
    return _notice(
        key=f"leftovers:{report.drill}",
        database=report.database,
        kind="leftovers",
        severity=Severity.HIGH,
        title=f"{report.database}: {len(left)} left running after a drill",
        lines=[
            f"drill {report.drill} of {report.database} has ended, and not gone are:",
            *(f"  {name}" for name in _few(left, TROUBLES_AT_MOST)),
            "hint: `restoredrill reap` ends what outlived its lease; `restoredrill leases` lists what lives",
        ],
        link="" if web_url is None else f"{web_url.rstrip('/')}/leases",
        at=report.finished_at,
    )


def of_backup(task: Task, web_url: str | None) -> Notice:
    """Of a task that ended without a backup."""
    began = task.started_at or task.due_at
    return _notice(
        key=f"backup:{task.id}",
        database=task.database,
        kind="failed",
        severity=Severity.HIGH,
        title=f"{task.database}: BACKUP FAILED: {task.reason or 'it gave no reason'}",
        lines=[
            f"no backup was taken of {task.database}: {task.reason or 'it gave no reason'}",
            f"due {units.timestamp(task.due_at)}, begun {units.timestamp(began)}",
            f"hint: `restoredrill doctor {task.database}` says what is not as it must be",
        ],
        link=database_link(web_url, task.database),
        at=task.ended_at or began,
    )


def of_lost(task: Task, web_url: str | None) -> Notice:
    """Of a drill that ended without a report. One that turns up later is told by a notice of its own."""
    reason = task.reason or "it gave no reason"
    return _notice(
        key=f"lost:{task.id}",
        database=task.database,
        kind="inconclusive",
        severity=Severity.MEDIUM,
        title=f"{task.database}: INCONCLUSIVE: {reason}",
        lines=[
            f"drill {task.id} of {task.database} ended without a report: {reason}",
            f"due {units.timestamp(task.due_at)}",
            f"hint: `restoredrill doctor {task.database}` says what is not as it must be",
        ],
        link=database_link(web_url, task.database),
        at=task.ended_at or task.due_at,
    )


def of_alarm(alarm: Alarm, web_url: str | None) -> Notice:
    """Of an alarm that begins. The same alarm that begins anew later is another event."""
    return _notice(
        key=f"alarm:{alarm.key}:{units.timestamp(alarm.since)}",
        database=alarm.database,
        kind=_kind(alarm),
        severity=alarm.severity,
        title=f"{alarm.database or 'restoredrill'}: ALARM: {alarm.message}",
        lines=[
            alarm.message,
            f"since {units.timestamp(alarm.since)}",
            *([f"hint: {alarm.hint}"] if alarm.hint else []),
        ],
        link=database_link(web_url, alarm.database),
        at=alarm.since,
    )


def of_alarm_over(alarm: Alarm, now: datetime, web_url: str | None) -> Notice:
    """Of an alarm that is over."""
    lasted = units.duration(max(0.0, (now - alarm.since).total_seconds()))
    return _notice(
        key=f"over:{alarm.key}:{units.timestamp(alarm.since)}",
        database=alarm.database,
        kind=_kind(alarm),
        severity=Severity.INFO,
        title=f"{alarm.database or 'restoredrill'}: over: {alarm.message}",
        lines=["this is over:", alarm.message, f"since {units.timestamp(alarm.since)}, for {lasted}"],
        link=database_link(web_url, alarm.database),
        at=now,
    )


def of_budget(task: Task, now: datetime, web_url: str | None) -> Notice:
    """Of a task that waits for money or for a machine."""
    return _notice(
        key=f"budget:{task.id}",
        database=task.database,
        kind="budget",
        severity=Severity.MEDIUM,
        title=f"{task.database}: {task.kind} waits: {task.reason}",
        lines=[
            f"the {task.kind} {task.id} of {task.database} waits: {task.reason}",
            f"due since {units.timestamp(task.due_at)}",
            "hint: see `limits` in _service.yaml and `machines.ec2.budget` in the database's file",
        ],
        link=database_link(web_url, task.database),
        at=now,
    )


def of_problem(problem: str, now: datetime) -> Notice:
    """Of files that can't be used, once a day for the same problems: the last good ones stay in force."""
    digest = hashlib.sha256(problem.encode()).hexdigest()[:16]
    return _notice(
        key=f"config:{digest}:{now:%Y-%m-%d}",
        database="",
        kind="config",
        severity=Severity.HIGH,
        title="restoredrill: files in schedules/ can't be used",
        lines=[
            "what was read last goes on; this does not take effect:",
            *_few(problem.split("; "), TROUBLES_AT_MOST),
            "hint: `restoredrill validate` lists every problem",
        ],
        link="",
        at=now,
    )


def of_undelivered(delivery: Delivery, now: datetime) -> Notice:
    """Of a notice that could not be delivered, for whoever can still be reached."""
    notice = delivery.notice
    return _notice(
        key=f"undelivered:{delivery.address}:{notice.key}",
        database=notice.database,
        kind="undelivered",
        severity=Severity.HIGH,
        title=f"restoredrill: {delivery.address} was not reached: {notice.title}",
        lines=[
            f"{delivery.address} could not be told in {delivery.tries} tries: {delivery.problem}",
            f"hint: {_mend(delivery)}",
            f"what it was to be told, of {units.timestamp(notice.at)}:",
            "",
            notice.body,
        ],
        link=notice.link,
        at=now,
    )


def _mend(delivery: Delivery) -> str:
    file, _, entry = delivery.address.partition(".")
    if entry == "ticket":
        return f"see `ticket` in {file}.yaml: is what it names there, and may the token write?"
    return f"see `restoredrill notify test {delivery.notice.database}`".rstrip(" `") + "`"


def of_test(database: str, now: datetime) -> Notice:
    """To try an address."""
    return _notice(
        key=f"test:{database}:{units.timestamp(now)}",
        database=database,
        kind="test",
        severity=Severity.INFO,
        title=f"{database or 'restoredrill'}: this is a test",
        lines=["somebody tries whether messages of restoredrill arrive here; nothing has happened"],
        link="",
        at=now,
    )


def drill_link(web_url: str | None, database: str, drill: str) -> str:
    """Where the dashboard shows a drill; empty where there is none."""
    return "" if web_url is None else f"{web_url.rstrip('/')}/drills/{database}/{drill}"


def database_link(web_url: str | None, database: str) -> str:
    """Where the dashboard shows a database, or all of them."""
    if web_url is None:
        return ""
    return f"{web_url.rstrip('/')}/databases/{database}" if database else web_url


def _notice(
    *,
    key: str,
    database: str,
    kind: str,
    severity: Severity,
    title: str,
    lines: Iterable[str],
    link: str,
    at: datetime,
) -> Notice:
    body = "\n".join(lines)
    return Notice(
        key=key,
        database=database,
        kind=kind,
        severity=severity,
        title=_cut(secret.redact(visible(title)), TITLE_AT_MOST),
        body=_cut(secret.redact(visible(body, keep_newlines=True)), BODY_AT_MOST),
        link=secret.redact(link),
        at=at,
    )


def _kind(alarm: Alarm) -> str:
    """Silence is one kind, whatever it is of: `no_pass:shop` and the like."""
    word = alarm.key.partition(":")[0]
    return word if word in ("config", "undelivered", "leftovers", "budget") else "silence"


def _short(report: Report) -> str:
    """The first thing to know, in a few words."""
    found = _counting(report)
    if report.verdict is Verdict.FAILED and found:
        more = sum(len(trouble.objects) for trouble in found) - 1
        return f"{found[0].rule} {found[0].objects[0]}" + (f" and {more} more" if more else "")
    return reading.headline(report).rstrip(".")


def _verdict(report: Report) -> list[str]:
    told = f"{report.database} {report.verdict_words} its drill {report.drill}"
    lines = [f"{told} at {units.timestamp(report.finished_at)}"]
    if report.verdict is Verdict.FAILED and _counting(report):
        return lines
    return [*lines, reading.headline(report), *reading.more_reasons(report)[:REASONS_AT_MOST]]


def _findings(report: Report) -> list[str]:
    found = _counting(report)
    lines: list[str] = []
    for trouble in found[:TROUBLES_AT_MOST]:
        lines.append(f"{trouble.rule} {reading.objects(trouble, OBJECTS_AT_MOST)}: {trouble.message}")
        if trouble.hint:
            lines.append(f"  hint: {trouble.hint}")
    more = len(found) - TROUBLES_AT_MOST
    return [*lines, f"and {more} more kinds of findings"] if more > 0 else lines


def _counting(report: Report) -> tuple[reading.Trouble, ...]:
    """The findings that fail a drill, worst first."""
    return reading.troubles(one for one in reading.open_findings(report) if one.severity.fails)


def _since(report: Report, before: Sequence[DrillRow]) -> list[str]:
    """Since when it is so, and when it was last otherwise."""
    passed = next((row for row in before if row.verdict is Verdict.PASSED), None)
    newer = before[: before.index(passed)] if passed is not None else before
    failed = [row for row in newer if row.verdict is Verdict.FAILED]
    if report.verdict is Verdict.PASSED:
        since = f"before that it failed since {units.timestamp(failed[-1].started_at)}" if failed else ""
        return [since] if since else []
    last = "never passed before" if passed is None else f"last passed {_told(passed, report)}"
    if not failed:
        return [last]
    return [last, f"fails since {units.timestamp(failed[-1].started_at)}, drill {failed[-1].drill}"]


def _told(passed: DrillRow, report: Report) -> str:
    ago_s = max(0.0, (report.finished_at - passed.finished_at).total_seconds())
    return f"{units.timestamp(passed.finished_at)}, {units.duration(ago_s)} before, drill {passed.drill}"


def _facts(report: Report) -> list[str]:
    lines = []
    if report.backup is not None:
        lines.append(f"backup {report.backup.id}, {reading.age_sentence(report)}")
    for objective in reading.objectives(report):
        if objective.actual_s is None:
            continue
        target = f" of {units.duration(objective.target_s)}" if objective.target_s is not None else ""
        lines.append(f"{objective.name} {units.duration(objective.actual_s)}{target}, {objective.standing}")
    return [*lines, f"all of it: restoredrill report {report.database} {report.drill}"]


def _few(things: Sequence[str], at_most: int) -> list[str]:
    more = len(things) - at_most
    return [*things[:at_most], f"and {more} more"] if more > 0 else list(things)


def _cut(text: str, at_most: int) -> str:
    return text if len(text) <= at_most else text[: at_most - 1] + "\N{HORIZONTAL ELLIPSIS}"
