"""Every operation of the API in one table: the routes and their description are both made from it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel

from restoredrill.model import ID_PATTERN, Lease, Report
from restoredrill.records import Task
from restoredrill.settings import NAME_PATTERN
from restoredrill.web.api import documents as doc
from restoredrill.web.api.acting import Acting
from restoredrill.web.api.paging import Page, nothing_else, page
from restoredrill.web.api.reading import Reading
from restoredrill.web.safety.entrance import Visit

# What a part of an address may be, and what it is called where it is described.
PARTS = {
    "database": (rf"^{NAME_PATTERN}$", "A database's name: its file's stem"),
    "drill": (ID_PATTERN.pattern, "A drill's id"),
    "task": (ID_PATTERN.pattern, "A task's id: that of the backup or drill that comes of it"),
    "machine": (r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$", "A machine's id, as its lease names it"),
}


@dataclass(frozen=True)
class Call:
    """One request, its words checked against the table."""

    visit: Visit
    names: Mapping[str, str]
    query: Sequence[tuple[str, str]]
    body: BaseModel | None = None

    def __getitem__(self, name: str) -> str:
        """A part of the address."""
        return self.names[name]

    @property
    def page(self) -> Page:
        """Raises `Refusal`."""
        return page(self.query)


@dataclass(frozen=True)
class Operation:
    """`path` is below /api. `problems`: statuses beside those that any request may meet."""

    method: Literal["GET", "POST"]
    path: str
    name: str
    summary: str
    do: Callable[[Call], BaseModel | None]
    gives: type[BaseModel] | None
    takes: type[BaseModel] | None = None
    status: int = 200
    paged: bool = False
    problems: tuple[int, ...] = field(default=())

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(re.findall(r"\{(\w+)\}", self.path))


_Do = Callable[[Call], BaseModel | None]


def table(reading: Reading, acting: Acting) -> tuple[Operation, ...]:
    """All of them."""
    return (*_told(reading), *_of_a_database(reading), *_deeds(reading, acting))


def _told(reading: Reading) -> tuple[Operation, ...]:
    return (
        _get("/session", "who", "Who asks, and the token for what changes something", _who, doc.Who),
        _list(
            "/databases",
            "databases",
            "Every database by name",
            lambda it: reading.stands(it.page),
            doc.Stands,
        ),
        _list("/tasks", "queue", "All that wait or run", lambda it: reading.queue(it.page), doc.Tasks),
        _get(
            "/tasks/{task}", "task", "One, whatever became of it", lambda it: reading.task(it["task"]), Task
        ),
        _get("/alarms", "alarms", "What is wrong now", lambda _: reading.alarms(), doc.Alarms),
        _get("/audit", "audit", "The last 200 deeds, newest first", lambda _: reading.audit(), doc.Audit),
        _get("/leases", "leases", "What lives", lambda _: reading.leases(), doc.Leases),
    )


def _of_a_database(reading: Reading) -> tuple[Operation, ...]:
    at = "/databases/{database}"

    def drills(it: Call) -> doc.Drills:
        return reading.drills(it["database"], it.page)

    def backups(it: Call) -> doc.Backups:
        return reading.backups(it["database"], it.page)

    def tasks(it: Call) -> doc.Tasks:
        return reading.tasks(it["database"], it.page)

    def report(it: Call) -> Report:
        return reading.report(it["database"], it["drill"])

    def events(it: Call) -> doc.Events:
        return reading.events(it["database"], it["drill"])

    vault = (502,)
    return (
        _get(at, "database", "Where it stands", lambda it: reading.stand(it["database"]), doc.Stand),
        _list(f"{at}/drills", "drills", "Its drills, newest first", drills, doc.Drills),
        _list(f"{at}/backups", "backups", "Its backups, newest first", backups, doc.Backups),
        _list(f"{at}/tasks", "tasks", "What was, is and will be done", tasks, doc.Tasks),
        _get(f"{at}/drills/{{drill}}", "report", "A report, out of the vault", report, Report, vault),
        _get(f"{at}/drills/{{drill}}/events", "events", "What its agent has told", events, doc.Events, vault),
    )


def _deeds(reading: Reading, acting: Acting) -> tuple[Operation, ...]:
    at = "/databases/{database}"

    def drill(it: Call) -> Task:
        assert isinstance(it.body, doc.RunDrill)
        return acting.run_drill(it.visit, reading.known(it["database"]), it.body)

    def backup(it: Call) -> Task:
        return acting.run_backup(it.visit, reading.known(it["database"]))

    def cancel(it: Call) -> Task:
        return acting.cancel(it.visit, reading.task(it["task"]))

    def extend(it: Call) -> Lease:
        assert isinstance(it.body, doc.ExtendLease)
        return acting.extend(it.visit, it["machine"], it.body)

    def end(it: Call) -> None:
        acting.end(it.visit, it["machine"])

    return (
        _post(f"{at}/drills", "runDrill", "Queue a drill before all others", drill, Task, 202, doc.RunDrill),
        _post(f"{at}/backups", "runBackup", "Queue a backup before all others", backup, Task, 202),
        _post("/tasks/{task}/cancel", "cancelTask", "Let what waits not be done", cancel, Task),
        _post(
            "/leases/{machine}/extend",
            "extendLease",
            "Until when it lives",
            extend,
            Lease,
            200,
            doc.ExtendLease,
        ),
        _post("/leases/{machine}/end", "endLease", "End a machine now", end, None, 204),
    )


def _get(
    path: str, name: str, summary: str, do: _Do, gives: type[BaseModel], problems: tuple[int, ...] = ()
) -> Operation:
    return Operation("GET", path, name, summary, _plain(do), gives, problems=problems)


def _list(path: str, name: str, summary: str, do: _Do, gives: type[BaseModel]) -> Operation:
    return Operation("GET", path, name, summary, do, gives, paged=True)


def _post(
    path: str,
    name: str,
    summary: str,
    do: _Do,
    gives: type[BaseModel] | None,
    status: int = 200,
    takes: type[BaseModel] | None = None,
) -> Operation:
    return Operation("POST", path, name, summary, _plain(do), gives, takes, status, problems=(409,))


def _plain(do: _Do) -> _Do:
    """One that has no query."""

    def checked(call: Call) -> BaseModel | None:
        nothing_else(call.query)
        return do(call)

    return checked


def _who(call: Call) -> doc.Who:
    caller = call.visit.caller
    assert caller is not None  # the gate lets nobody else through to the API
    return doc.Who(user=caller.name, role=caller.role, token=call.visit.token())
