"""`/drills/<database>/<id>`: one drill, while it runs and afterwards."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.routing import BaseRoute

from restoredrill.model import ID_PATTERN, Event, Report
from restoredrill.records import Task
from restoredrill.reports import html
from restoredrill.web.desk import Desk
from restoredrill.web.pages.frame import Facts, Now, named, shown
from restoredrill.web.safety.refusals import nothing

EVENTS = 40


def routes(desk: Desk, now: Now) -> list[BaseRoute]:
    """The page."""
    return [shown("/drills/{name}/{drill}", "drill.html.j2", lambda request: _gather(desk, request), now)]


def _gather(desk: Desk, request: Request) -> Facts:
    name, drill = named(request, desk), str(request.path_params["drill"])
    if not ID_PATTERN.fullmatch(drill):
        raise nothing("drill")
    report = desk.papers.report(name, drill)
    task = desk.history.tasks.get(drill)
    if task is not None and task.database != name:
        task = None
    if report is None and task is None:
        raise nothing("drill")
    open_still = task is not None and not task.state.final
    events = desk.papers.events(name, drill) if report is None or open_still else ()
    return {
        "name": name,
        "drill": drill,
        "task": task,
        "live": open_still,
        "progress": _progress(task, events, report),
        "events": [event for event in reversed(events) if event.kind != "beat"][:EVENTS],
        **_told(report),
    }


def _told(report: Report | None) -> Facts:
    return {"report": None} if report is None else html.facts(report)


def _progress(task: Task | None, events: Sequence[Event], report: Report | None) -> Event | None:
    """The last word that has a percentage, of a drill that runs."""
    if report is not None or task is None:
        return None
    return next((event for event in reversed(events) if event.percent is not None), None)
