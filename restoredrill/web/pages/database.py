"""`/databases/<name>`: how it has fared, and what comes next; `/databases/<name>/run`: a drill now."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from starlette.requests import Request
from starlette.routing import BaseRoute

from restoredrill.durations import parse_duration
from restoredrill.records import BackupRow
from restoredrill.reports import units
from restoredrill.standing import standing
from restoredrill.web import charts
from restoredrill.web.api.acting import Acting
from restoredrill.web.api.documents import RunDrill
from restoredrill.web.desk import Desk
from restoredrill.web.pages.frame import Facts, Now, done, named, shown
from restoredrill.web.safety.entrance import visit
from restoredrill.web.safety.refusals import Refusal

BARS = 30
MACHINES = ("local", "ec2")


def routes(desk: Desk, now: Now) -> list[BaseRoute]:
    """Both pages, and what their forms do."""
    acting = Acting(desk, now)
    place = "/databases/{name}"
    return [
        shown(place, "database.html.j2", lambda request: _database(desk, request, now()), now),
        shown(f"{place}/run", "run.html.j2", lambda request: _run(desk, request), now),
        done(f"{place}/run", lambda request, fields: _start(desk, acting, request, fields)),
        done(f"{place}/backup", lambda request, _: _backup(desk, acting, request)),
    ]


def _database(desk: Desk, request: Request, now: datetime) -> Facts:
    name = named(request, desk)
    proofs, tasks = desk.history.proofs, desk.history.tasks
    drills, backups = proofs.drills(name, limit=500), proofs.backups(name)
    newest = {row.backup: row for row in reversed(drills) if row.backup is not None}
    told = [row for row in drills[:BARS] if row.rpo_s is not None]
    return {
        "name": name,
        "stands": standing(name, drills, backups, now),
        "alarms": [alarm for alarm in desk.history.alarms.standing() if alarm.database == name],
        "phases": charts.phases(drills[:BARS], units.duration),
        "sizes": _line("Size of backups", backups, lambda row: float(row.bytes), units.size),
        "rows": _line(
            "Rows in backups", backups, lambda row: None if row.rows is None else float(row.rows), _count
        ),
        "rpo": charts.line(
            "Age of the newest row that survived",
            [(row.finished_at, row.rpo_s or 0.0) for row in reversed(told)],
            units.duration,
            told[0].rpo_target_s if told else None,
            charts.SECONDS,
        ),
        "calendar": charts.calendar(drills, now.date()),
        "drills": drills[:20],
        "backups": [(row, newest.get(row.backup)) for row in backups[:50]],
        "upcoming": desk.upcoming(name),
        "open_tasks": [task for task in tasks.open() if task.database == name],
        "past_tasks": tasks.past(name, 20),
    }


def _line(
    title: str,
    backups: Sequence[BackupRow],
    figure: Callable[[BackupRow], float | None],
    words: Callable[[float], str],
) -> charts.Chart | None:
    samples = [(row.taken_at, figure(row)) for row in reversed(backups[:200])]
    return charts.line(title, [(at, value) for at, value in samples if value is not None], words)


def _count(number: float) -> str:
    return f"{number:,.0f}"


# A drill now ------------------------------------------------------------------------------------------------


def _run(desk: Desk, request: Request) -> Facts:
    """The form; asked with its fields, also the plan and its price."""
    name = named(request, desk)
    asked = {field: request.query_params.get(field, "") for field in ("backup", "machine", "keep")}
    wanted = _wanted(asked) if "plan" in request.query_params else None
    plan = None
    if wanted is not None:
        plan = desk.plan(name, wanted.backup, wanted.machine, wanted.keep_s)
    database = desk.loaded().databases[name]
    machines = [one for one in MACHINES if one == "local" or database.machines.ec2 is not None]
    return {
        "name": name,
        "asked": asked,
        "plan": plan,
        "backups": desk.history.proofs.backups(name)[:100],
        "machines": machines,
        "usual": None if database.drill is None else database.drill.machine,
    }


def _start(desk: Desk, acting: Acting, request: Request, fields: Mapping[str, str]) -> str:
    name = named(request, desk)
    task = acting.run_drill(visit(request), name, _wanted(fields))
    return f"/drills/{name}/{task.id}"


def _backup(desk: Desk, acting: Acting, request: Request) -> str:
    name = named(request, desk)
    acting.run_backup(visit(request), name)
    return f"/databases/{name}#tasks"


def _wanted(fields: Mapping[str, str]) -> RunDrill:
    """Raises `Refusal` where a field makes no sense."""
    keep = fields.get("keep", "").strip()
    try:
        keep_s = parse_duration(keep) if keep else None
        return RunDrill.model_validate(
            {
                "backup": fields.get("backup") or None,
                "machine": fields.get("machine") or None,
                "keep_s": keep_s,
            }
        )
    except ValueError as error:
        raise Refusal(400, "This can't be drilled", str(error).splitlines()[0]) from None
