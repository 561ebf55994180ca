"""Which of the tasks that wait begin now, and why the others do not. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from restoredrill.records import ON_DEMAND, Kind, Task
from restoredrill.service_settings import LimitSettings

FRESHEST = (None, "latest")


@dataclass(frozen=True)
class Asked:
    """What a file says of a task: where it would run, and what that may cost in US dollars."""

    provider: str
    usd: float = 0.0


@dataclass(frozen=True)
class Room:
    """What there is room for. `closed`: until when nothing that a schedule wants may begin, by kind;
    `spent_usd` of this month's budget, those under way with what they are expected to cost.
    """

    limits: LimitSettings
    spent_usd: float = 0.0
    closed: Mapping[Kind, datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class Decisions:
    """Every task that waits is in exactly one of these. Reasons name nothing that changes with each look."""

    start: tuple[Task, ...]
    wait: tuple[tuple[Task, str], ...]
    skip: tuple[tuple[Task, str], ...]


def decide(tasks: Sequence[Task], asked: Mapping[str, Asked], room: Room, now: datetime) -> Decisions:
    """Of all open `tasks`: people's first, then whoever was due first. `asked`, by the task's id, has those
    that a file still wants.
    """
    start: list[Task] = []
    wait: list[tuple[Task, str]] = []
    skip: list[tuple[Task, str]] = []
    busy = _Busy(room, asked, [task for task in tasks if task.state == "running"])
    waiting = [task for task in tasks if task.state == "waiting"]
    replaced = dict(_replaced(waiting, now))
    for task in sorted(waiting, key=lambda one: (-one.priority, one.not_before, one.id)):
        if task.id not in asked:
            skip.append((task, f"no file asks for a {task.kind} of {task.database} any more"))
        elif task.id in replaced:
            skip.append((task, replaced[task.id]))
        elif reason := _too_early(task, room, now) or busy.obstacle(task):
            wait.append((task, reason))
        else:
            start.append(task)
            busy.add(task)
    return Decisions(tuple(start), tuple(wait), tuple(skip))


def _replaced(waiting: Sequence[Task], now: datetime) -> Iterator[tuple[str, str]]:
    """A schedule's drills of the newest backup, and its backups: of several that wait, the last does for all,
    as it takes what is newest when it begins. One that is due only later replaces nothing yet.
    """
    newest: dict[tuple[str, Kind], Task] = {}
    alike = [task for task in waiting if task.priority < ON_DEMAND and task.pick in FRESHEST]
    for task in sorted(alike, key=lambda one: (one.due_at, one.id)):
        if task.not_before <= now:
            newest[task.database, task.kind] = task
    for task in alike:
        later = newest.get((task.database, task.kind))
        if later is not None and task.id != later.id and task.due_at <= later.due_at:
            yield task.id, f"replaced by {later.id}, which was due later and takes what is newer"


def _too_early(task: Task, room: Room, now: datetime) -> str:
    if task.not_before > now:
        return f"not before {task.not_before:%Y-%m-%d %H:%M:%S} UTC"
    until = None if task.priority >= ON_DEMAND else room.closed.get(task.kind)
    return "" if until is None else f"blackout until {until:%Y-%m-%d %H:%M} UTC"


class _Busy:
    """What is taken by those that run and those that are about to."""

    def __init__(self, room: Room, asked: Mapping[str, Asked], running: Sequence[Task]) -> None:
        self._limits = room.limits
        self._asked = asked
        self._taken: set[tuple[str, Kind]] = set()
        self._counted: Counter[str] = Counter()
        self._usd = room.spent_usd
        for task in running:
            self.add(task, paid=True)

    def add(self, task: Task, *, paid: bool = False) -> None:
        """Those that are `paid` are in what is spent already."""
        self._taken.add((task.database, task.kind))
        self._counted.update(self._counters(task))
        if not paid:
            self._usd += self._usd_of(task)

    def obstacle(self, task: Task) -> str:
        """Why it can't begin; nothing, if it can."""
        if (task.database, task.kind) in self._taken:
            return f"another {task.kind} of {task.database} is under way"
        allowed = self._limits.model_dump()
        for counter in self._counters(task):
            if self._counted[counter] >= allowed[counter]:
                return f"as many are under way as limits.{counter} allows: {allowed[counter]}"
        budget, usd = self._limits.usd_per_month, self._usd_of(task)
        if budget is not None and self._provider(task) != "local" and self._usd + usd > budget:
            return f"this month's budget, limits.usd_per_month ({budget:.2f} USD), does not allow for it"
        return ""

    def _counters(self, task: Task) -> list[str]:
        """The names of the limits that it counts towards."""
        away = self._provider(task) != "local"
        here = ["local_drills"] if task.kind == "drill" else []
        return [f"{task.kind}s", *(["machines"] if away else here)]

    def _provider(self, task: Task) -> str:
        found = self._asked.get(task.id)
        return found.provider if found is not None else task.machine or "local"

    def _usd_of(self, task: Task) -> float:
        found = self._asked.get(task.id)
        return 0.0 if found is None else found.usd
