"""`/`: is every database proven; one glance says good or bad."""

from dataclasses import dataclass
from datetime import datetime
from math import ceil

from starlette.requests import Request
from starlette.routing import BaseRoute

from restoredrill.model import Severity
from restoredrill.records import Alarm, TaskState
from restoredrill.standing import Standing, month_of
from restoredrill.web.desk import Desk
from restoredrill.web.pages.frame import Facts, Now, shown

ROWS = 50
FILTERS = ("all", "bad", "good")


@dataclass(frozen=True)
class Row:
    """A database; `state` is good, bad or doubt."""

    stands: Standing
    alarms: tuple[Alarm, ...]

    @property
    def state(self) -> str:
        if any(alarm.severity in (Severity.CRITICAL, Severity.HIGH) for alarm in self.alarms):
            return "bad"
        if self.stands.proven:
            return "good"
        return "bad" if self.stands.last_drill is not None else "doubt"


def routes(desk: Desk, now: Now) -> list[BaseRoute]:
    """The page."""
    return [shown("/", "now.html.j2", lambda request: _gather(desk, request, now()), now)]


def _gather(desk: Desk, request: Request, now: datetime) -> Facts:
    loaded, history = desk.loaded(), desk.history
    standings, alarms = history.proofs.standings(now), history.alarms.standing()
    by_name: dict[str, list[Alarm]] = {}
    for alarm in alarms:
        by_name.setdefault(alarm.database, []).append(alarm)
    every = [
        Row(standings.get(name) or Standing(name), tuple(by_name.get(name, ()))) for name in loaded.databases
    ]
    wanted = request.query_params.get("show", "all")
    words = request.query_params.get("q", "").strip()[:100]
    rows = [row for row in every if words.lower() in row.stands.database.lower() and _fits(row, wanted)]
    rows.sort(key=lambda row: (("bad", "doubt", "good").index(row.state), row.stands.database))
    pages = max(1, ceil(len(rows) / ROWS))
    number = min(pages, max(1, _number(request.query_params.get("page", "1"))))
    tasks = history.tasks.open()
    return {
        "rows": rows[(number - 1) * ROWS : number * ROWS],
        "counts": {state: sum(row.state == state for row in every) for state in ("good", "doubt", "bad")},
        "total": len(every),
        "found": len(rows),
        "show": wanted if wanted in FILTERS else "all",
        "q": words,
        "number": number,
        "pages": pages,
        "alarms": alarms[:20],
        "more_alarms": max(0, len(alarms) - 20),
        "running": [task for task in tasks if task.state is TaskState.RUNNING][:20],
        "waiting": [task for task in tasks if task.state is TaskState.WAITING],
        "spent_usd": history.proofs.spent_usd(month_of(now)),
        "budget_usd": loaded.service.limits.usd_per_month,
        "problem": loaded.problem,
    }


def _fits(row: Row, wanted: str) -> bool:
    return row.state == "good" if wanted == "good" else row.state != "good" if wanted == "bad" else True


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else 1
