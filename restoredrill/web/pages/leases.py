"""`/leases`: everything alive, extended or ended by hand; `/activity`: who did what, and what was done."""

from collections.abc import Mapping
from datetime import timedelta

from starlette.requests import Request
from starlette.routing import BaseRoute

from restoredrill import clock
from restoredrill.durations import parse_duration
from restoredrill.web.api.acting import Acting
from restoredrill.web.api.documents import ExtendLease
from restoredrill.web.desk import Desk
from restoredrill.web.pages.frame import Facts, Now, done, shown
from restoredrill.web.safety.entrance import visit
from restoredrill.web.safety.refusals import Refusal, nothing


def routes(desk: Desk, now: Now) -> list[BaseRoute]:
    """Both pages, and what their forms do."""
    acting = Acting(desk, now)
    return [
        shown("/leases", "leases.html.j2", lambda _: _leases(desk), now),
        done("/leases/extend", lambda request, fields: _extend(acting, request, fields)),
        done("/leases/end", lambda request, fields: _end(acting, request, fields)),
        shown("/activity", "activity.html.j2", lambda _: _activity(desk), now),
        done("/tasks/cancel", lambda request, fields: _cancel(desk, acting, request, fields)),
    ]


def _leases(desk: Desk) -> Facts:
    found = sorted(desk.estate.leases(), key=lambda lease: (lease.expires_at, lease.machine))
    return {"leases": found}


def _extend(acting: Acting, request: Request, fields: Mapping[str, str]) -> str:
    try:
        longer = timedelta(seconds=parse_duration(fields.get("for", "")))
    except ValueError as error:
        raise Refusal(400, "The lease can't be extended", str(error)) from None
    asked = ExtendLease(expires_at=clock.utcnow() + longer)
    acting.extend(visit(request), fields.get("machine", ""), asked)
    return "/leases"


def _end(acting: Acting, request: Request, fields: Mapping[str, str]) -> str:
    acting.end(visit(request), fields.get("machine", ""))
    return "/leases"


def _activity(desk: Desk) -> Facts:
    return {
        "audit": desk.history.alarms.audited(100),
        "open_tasks": desk.history.tasks.open()[:200],
        "past_tasks": desk.history.tasks.past(limit=100),
        "undelivered": desk.history.outbox.undelivered()[:50],
    }


def _cancel(desk: Desk, acting: Acting, request: Request, fields: Mapping[str, str]) -> str:
    task = desk.history.tasks.get(fields.get("task", ""))
    if task is None:
        raise nothing("task")
    acting.cancel(visit(request), task)
    return "/activity"
