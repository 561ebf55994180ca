"""What is due becomes a task, and a task is begun, followed and closed.

A tick looks at the history and does the next safe step. All that is remembered of a task lies in the history
and in the vault; a thread for each that is under way only carries it on. So a controller may be killed at any
line, and the next one takes up every task from what it finds.
"""

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from restoredrill import clock
from restoredrill.admission import Asked, Room, decide
from restoredrill.errors import RestoredrillError
from restoredrill.ledger import History
from restoredrill.model import Report, make_id
from restoredrill.records import Kind, Task, TaskState

PAUSES_S = (1.0, 60.0)  # between tries to close a task, longer and longer
STOPPED = "interrupted"
UNSETTLED = "inconclusive"
AGAIN_LATER = timedelta(seconds=30)


@dataclass(frozen=True)
class Run:
    """Something that a file in `schedules/` wants done again and again; `cron` has five fields, days by
    name.
    """

    database: str
    kind: Kind
    cron: str
    timezone: str

    @property
    def key(self) -> str:
        return f"{self.kind} {self.database}"


@dataclass(frozen=True)
class Result:
    """How a task ended: `passed`, `failed`, `inconclusive`, `taken` or `interrupted`, and why."""

    outcome: str
    reason: str = ""
    usd: float = 0.0


class Crew(Protocol):
    """Does the work. Both block until there is a result; they raise any `RestoredrillError`, `OSError`."""

    def carry_out(self, task: Task) -> Result | None:
        """Begin a task and come to its end. None: it can't begin now, as somebody else is at work on one of
        the same kind; nothing has been done.
        """

    def take_up(self, task: Task) -> Result | None:
        """Come to the end of a task that somebody else has begun, wherever that was. None: it never began."""


class Books(Protocol):
    """Where the end of a task is written down, beside the history. Raises `VaultError` and others."""

    def kept(self, task: Task) -> Task | None:
        """How it ended, if that is in its vault already."""

    def keep(self, task: Task) -> Task:
        """Put its end into its vault, once; returns what is there."""

    def take_in(self, task: Task) -> None:
        """Let the history know what is new in its vault."""

    def report(self, task: Task) -> Report | None:
        """Of a drill that came to a report."""


@dataclass(frozen=True)
class Orders:
    """What the files want at a moment: what they say of each task (None: they want it no more), what there is
    room for, and how often a drill that could not find out is tried again.
    """

    asked: Callable[[Task], Asked | None]
    room: Callable[[datetime], Room]
    retries: int = 0
    jitter: Callable[[str], timedelta] = field(default=lambda database: timedelta())


Hook = Callable[[Task, Report | None], None]
Say = Callable[..., None]
"""say(event, **facts): a line for the log."""


class Controller:
    """Carries tasks from `waiting` to their end. `hooks` hear of each end at least once: they tell one from
    another by its id. `host` names this process's place: local work of another one is left to it.
    """

    def __init__(
        self,
        history: History,
        crew: Crew,
        books: Books,
        orders: Callable[[], Orders],
        say: Say,
        host: str = "",
        begins: Sequence[Callable[[Task], None]] = (),
        hooks: Sequence[Hook] = (),
        waits: Sequence[Callable[[Task], None]] = (),
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._history = history
        self._crew = crew
        self._books = books
        self._orders = orders
        self._say = say
        self._host = host
        self._begins = begins
        self._hooks = hooks
        self._waits = waits
        self._wake = wake
        self._under_way: dict[str, threading.Thread] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    # What is due ------------------------------------------------------------------------------------------

    def due(self, run: Run, due_at: datetime) -> None:
        """Queue what a schedule wants, once for each `due_at`. Raises `HistoryError`."""
        not_before = due_at + self._orders().jitter(run.database)
        task = Task(
            id=_id_for(due_at, run.key),
            database=run.database,
            kind=run.kind,
            due_at=due_at,
            not_before=not_before,
        )
        if self._history.tasks.add(task):
            self._tell(task, "due")

    # One step ---------------------------------------------------------------------------------------------

    def tick(self) -> bool:
        """Take up what others have left, begin what there is room for. False, and nothing is done, where
        another process leads. Raises `HistoryError`.
        """
        if self._stopping.is_set() or not self._history.lead():
            return False
        orders, now = self._orders(), clock.utcnow()
        busy = self._busy()  # before the look at the history: what is closed in between is in neither
        tasks = [task for task in self._history.tasks.open() if not _is_closing(task, busy)]
        for task in tasks:
            if task.state is TaskState.RUNNING and task.id not in busy:
                self._go(task, self._take_up)
        asked = {task.id: found for task in tasks if (found := orders.asked(task)) is not None}
        decisions = decide(tasks, asked, orders.room(now), now)
        for task, reason in decisions.skip:
            self._go(_over(task, TaskState.SKIPPED, Result("", reason)), self._skip)
        for task, reason in decisions.wait:
            if reason != task.reason:
                self._wait(task, reason)
        for task in decisions.start:
            self._begin(task, asked[task.id], now)
        return True

    def halt(self) -> None:
        """Begin nothing more."""
        self._stopping.set()

    def stop(self, patience_s: float) -> None:
        """Begin nothing more; those that can come to their end within `patience_s` do, the others are left as
        they are, for the next one to take up.
        """
        self._stopping.set()
        end_s = clock.monotonic_s() + patience_s
        with self._lock:
            threads = tuple(self._under_way.values())
        for thread in threads:
            thread.join(max(0.0, end_s - clock.monotonic_s()))

    def _busy(self) -> frozenset[str]:
        with self._lock:
            return frozenset(self._under_way)

    def _wait(self, task: Task, reason: str) -> None:
        waiting = task.model_copy(update={"reason": reason})
        if self._history.tasks.update(waiting, TaskState.WAITING):
            self._tell(task, "waits", why=reason)
            for hear in self._waits:
                hear(waiting)

    def _begin(self, task: Task, asked: Asked, now: datetime) -> None:
        change = {
            "state": TaskState.RUNNING,
            "started_at": now,
            "host": self._host,
            "machine": asked.provider,
            "usd": asked.usd,
            "reason": "",
        }
        begun = task.model_copy(update=change)
        if self._history.tasks.update(begun, TaskState.WAITING):
            self._tell(begun, "starts")
            self._go(begun, self._carry_out)

    # One task, in a thread of its own -----------------------------------------------------------------------

    def _go(self, task: Task, deed: Callable[[Task], None]) -> None:
        thread = threading.Thread(target=self._walk, args=(task, deed), name=task.id, daemon=True)
        with self._lock:
            self._under_way[task.id] = thread
        thread.start()

    def _walk(self, task: Task, deed: Callable[[Task], None]) -> None:
        """Nothing that goes wrong is the end of it: the next tick finds the task as it is."""
        try:
            deed(task)
        except (RestoredrillError, OSError) as error:
            self._tell(task, "left as it is", why=str(error))
            self._stopping.wait(AGAIN_LATER.total_seconds())
        except Exception as error:
            self._tell(task, "left as it is", why=f"unexpected {type(error).__name__}: {error}")
            self._stopping.wait(AGAIN_LATER.total_seconds())
        finally:
            with self._lock:
                del self._under_way[task.id]
            self._wake()

    def _carry_out(self, task: Task) -> None:
        for begin in self._begins:
            begin(task)
        try:
            result = self._crew.carry_out(task)
        except (RestoredrillError, OSError) as error:
            result = Result(UNSETTLED if task.kind == "drill" else "failed", str(error))
        if result is None:
            self._back(task, f"another {task.kind} of {task.database} is still at work", AGAIN_LATER)
        else:
            self._end(task, result)

    def _take_up(self, task: Task) -> None:
        kept = self._books.kept(task)
        if kept is not None:
            self._close(kept)
            return
        self._tell(task, "taken up")
        result = self._crew.take_up(task)
        if result is None:
            self._back(task, "it had not begun")
        else:
            self._end(task, result)

    def _back(self, task: Task, reason: str, pause: timedelta = timedelta()) -> None:
        change = {
            "state": TaskState.WAITING,
            "started_at": None,
            "reason": reason,
            "usd": 0.0,
            "not_before": clock.utcnow() + pause,
        }
        self._history.tasks.update(task.model_copy(update=change), TaskState.RUNNING)
        self._tell(task, "waits again", why=reason)

    def _skip(self, final: Task) -> None:
        self._tell(final, "skipped", why=final.reason)
        self._close(final)

    def _end(self, task: Task, result: Result) -> None:
        self._tell(task, result.outcome, why=result.reason)
        self._close(_over(task, TaskState.DONE, result))

    def _close(self, final: Task) -> None:
        """Try until it is written down, or until this process ends: the next one then finds it still open."""
        pause_s = PAUSES_S[0]
        while True:
            try:
                self._write_down(final)
                return
            except (RestoredrillError, OSError) as error:
                self._tell(final, "can't be closed yet", why=str(error))
            if self._stopping.wait(pause_s):
                return
            pause_s = min(pause_s * 2, PAUSES_S[1])

    def _write_down(self, final: Task) -> None:
        """Each step may be repeated, and the last one says that all of them are done."""
        kept = self._books.keep(final)
        self._books.take_in(kept)
        report = self._books.report(kept)
        for hook in self._hooks:
            hook(kept, report)
        if _worth_another(kept, self._orders().retries):
            self._history.tasks.add(_again(kept))
        for before in (TaskState.RUNNING, TaskState.WAITING):
            if self._history.tasks.update(kept, before):
                return

    def _tell(self, task: Task, what: str, **facts: object) -> None:
        told = {name: fact for name, fact in facts.items() if fact}
        self._say(f"{task.kind} {task.database}: {what}", id=task.id, database=task.database, **told)


def _is_closing(task: Task, busy: frozenset[str]) -> bool:
    """One that waits and that a thread works on is being skipped."""
    return task.state is TaskState.WAITING and task.id in busy


def _id_for(due_at: datetime, key: str) -> str:
    """The same for the same run at the same time: whoever queues it twice queues it once."""
    return make_id(due_at, hashlib.sha256(key.encode()).hexdigest()[:12])


def _over(task: Task, state: TaskState, result: Result) -> Task:
    change = {
        "state": state,
        "outcome": result.outcome,
        "reason": result.reason,
        "usd": result.usd,
        "ended_at": clock.utcnow(),
    }
    return task.model_copy(update=change)


def _worth_another(final: Task, retries: int) -> bool:
    """Once where it was us who stopped it, else as often as `retries` says where nothing was found out."""
    if final.state is not TaskState.DONE:
        return False
    if final.outcome == STOPPED:
        return final.attempt == 1
    return final.kind == "drill" and final.outcome == UNSETTLED and final.attempt <= retries


def _again(final: Task) -> Task:
    """The next attempt: the same one, however often it is made."""
    assert final.ended_at is not None
    change = {
        "id": _id_for(final.ended_at, f"after {final.id}"),
        "due_at": final.ended_at,
        "not_before": final.ended_at,
        "attempt": final.attempt + 1,
        "state": TaskState.WAITING,
        "reason": f"again: {final.id} was {final.outcome}",
        "outcome": "",
        "usd": 0.0,
        "started_at": None,
        "ended_at": None,
        "host": "",
    }
    return final.model_copy(update=change)


class Rounds:
    """Deeds that are done again and again, each after so many seconds, until told to stop."""

    def __init__(self, say: Say, deeds: Mapping[str, tuple[float, Callable[[], object]]]) -> None:
        self._say = say
        self._deeds = deeds
        self._stopped = threading.Event()

    def start(self) -> None:
        """Each for the first time at once, in a thread of its own."""
        for name, (every_s, deed) in self._deeds.items():
            threading.Thread(target=self._walk, args=(name, every_s, deed), name=name, daemon=True).start()

    def stop(self) -> None:
        """No deed begins after this."""
        self._stopped.set()

    def _walk(self, name: str, every_s: float, deed: Callable[[], object]) -> None:
        while not self._stopped.is_set():
            try:
                deed()
            except (RestoredrillError, OSError) as error:
                self._say(f"{name}: {error}")
            except Exception as error:  # the next round must come whatever this one met
                self._say(f"{name}: unexpected {type(error).__name__}: {error}", level="error")
            self._stopped.wait(every_s)
