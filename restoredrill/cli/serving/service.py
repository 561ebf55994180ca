"""The service as a whole: configuration, history, schedule and controller, and one step of all of them."""

import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from restoredrill import clock, config
from restoredrill.cli import histories
from restoredrill.cli.serving.books import VaultBooks
from restoredrill.cli.serving.crew import Crew
from restoredrill.cli.serving.orders import FileOrders, planned
from restoredrill.cli.serving.places import Vaults
from restoredrill.configuration import Configuration, Loaded
from restoredrill.controller import Controller, Hook, Run, Say
from restoredrill.errors import RestoredrillError, UsageError
from restoredrill.history.database import DatabaseHistory
from restoredrill.machines.children import Children, lock
from restoredrill.records import Task
from restoredrill.scheduler import Schedule

PATIENCE_S = 6.0  # for what runs to clean up after SIGTERM; the whole of it ends within 10
LAST_WORDS_S = 1.5  # and then for what became of it to be written down
SCHEDULE = "schedule.sqlite"


class Service:
    """Made whole or not at all; `close` it. Raises `ConfigError`, `UsageError`, `HistoryError`."""

    def __init__(self, schedules: Path, say: Say) -> None:
        self._say = say
        self._state = config.state_directory()
        self.configuration = Configuration(schedules)
        loaded = self.configuration.current
        with ExitStack() as stack:
            if loaded.service.history.url is None:
                stack.enter_context(_alone(self._state))
            self.history: DatabaseHistory = stack.enter_context(histories.opened(loaded.service.history))
            self._open = stack.pop_all()
        self.vaults = Vaults(self.configuration)
        self.books = VaultBooks(self.vaults, self.history, self.configuration)
        self.orders = FileOrders(self.configuration, self.history)
        self.hooks: list[Hook] = []
        self.begins: list[Callable[[Task], None]] = []
        self.waits: list[Callable[[Task], None]] = []
        self.ticked_at = clock.utcnow()  # the last step that was done
        children = Children(self._state / "locks", config.own_environment())
        host = f"{socket.gethostname()}:{self._state}"
        self._crew = Crew(children, self.vaults, schedules, host, say)
        self.controller = Controller(
            self.history,
            self._crew,
            self.books,
            self.orders,
            say,
            host,
            self.begins,
            self.hooks,
            self.waits,
            self.wake,
        )
        self._schedule: Schedule | None = None
        self._settled: Loaded | None = None  # the files that the schedule is of
        self._woken = threading.Event()
        self.leads = False

    def wake(self) -> None:
        """Let the next step come now."""
        self._woken.set()

    def step(self, *, reread: bool = False) -> None:
        """Look at the files, at who leads, and do what is next. A history that does not answer is said, and
        looked for again with the next step.
        """
        try:
            changed = self.configuration.look(anyway=reread)
            problem = self.configuration.current.problem
            if changed:
                self._say("files read again" if problem is None else f"files not taken over: {problem}")
            self._lead(self.history.lead())
            self.controller.tick()
            self.ticked_at = clock.utcnow()
        except (RestoredrillError, OSError) as error:
            self._say(f"this step could not be done: {error}")

    def pause(self) -> None:
        """Until the next step is due, or something has happened."""
        self._woken.wait(self.configuration.current.service.ticks_s)
        self._woken.clear()

    def stop(self) -> None:
        """Within ten seconds: nothing new begins, what runs here cleans up, machines are left at work."""
        self.controller.halt()
        if self._schedule is not None:
            self._schedule.stop()
        self._crew.stop(PATIENCE_S)
        self.controller.stop(LAST_WORDS_S)

    def close(self) -> None:
        """Let go of history and state."""
        self._open.close()

    def _lead(self, leads: bool) -> None:
        if leads != self.leads:
            self._say("leads" if leads else "another one leads")
        self.leads = leads
        current = self.configuration.current
        if not leads:
            if self._schedule is not None:
                self._schedule.stop()
            self._schedule = self._settled = None
        elif self._settled is not current:  # also where the last try to settle it failed
            if self._schedule is None:
                self._begin(planned(current.databases))
            else:
                self._schedule.settle(planned(current.databases))
            self._settled = current

    def _begin(self, runs: Sequence[Run]) -> None:
        store = self.history.shared
        place = self._state / SCHEDULE if store is None else store
        schedule = Schedule(place, self._due, self._say)
        try:
            schedule.start(runs)
        except BaseException:
            schedule.stop()
            raise
        self._schedule = schedule
        upcoming = schedule.upcoming()
        for run, at in upcoming[:20]:
            line = f"{run.key}: next at {at.isoformat(timespec='seconds')} ({run.cron}, {run.timezone})"
            self._say(line, database=run.database)
        if len(upcoming) > 20:
            self._say(f"and {len(upcoming) - 20} more")

    def _due(self, run: Run, due_at: datetime) -> None:
        self.controller.due(run, due_at)
        self.wake()


def _alone(state: Path) -> ExitStack:
    """Two of them with one state would each drop the other's runs, or run the same ones twice."""
    hint = "end the other one, or give this one a directory of its own: RESTOREDRILL_STATE"
    stack = ExitStack()
    try:
        held = stack.enter_context(lock(state / "serve.lock"))
    except OSError as error:
        reason = (error.strerror or "?").lower()
        raise UsageError("lock", str(state), reason, hint="set RESTOREDRILL_STATE") from error
    if held is None:
        stack.close()
        raise UsageError("use", str(state), "another `restoredrill serve` does", hint=hint)
    return stack
