"""What is due becomes a run: one at a time per database and kind, and whatever comes of it is said.

Besides, in rounds: drills whose controller died are gone on with, and what outlived its lease is ended.
"""

import json
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from restoredrill.errors import Exit, RestoredrillError

Kind = Literal["backup", "drill"]


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
class Ended:
    """How a run ended: its exit status, the JSON document it printed, what it said on standard error."""

    code: int
    out: str
    err: str


class Runner(Protocol):
    """Carries out runs in processes of their own, so that a crash of one is nobody else's."""

    def carry_out(self, run: Run) -> Ended | None:
        """Run it to its end; None at once if the last one of this database and kind still goes on."""

    def stop(self, patience_s: float) -> None:
        """Ask everything under way to clean up and end; kill what has not after `patience_s`."""


@dataclass(frozen=True)
class Open:
    """A drill that nobody has come to an end with."""

    database: str
    drill: str


class Resumer:
    """Goes on with drills whose controller died, each beside the others."""

    def __init__(
        self,
        find: Callable[[], Iterable[Open]],
        carry_out: Callable[[Open], Ended | None],
        say: Callable[[str], None],
    ) -> None:
        self._find = find
        self._carry_out = carry_out
        self._say = say

    def look(self) -> tuple[threading.Thread, ...]:
        """Start what there is to go on with; whoever works on a drill of that database already goes first."""
        threads = []
        for one in self._find():
            thread = threading.Thread(target=self._go_on, args=(one,), name=one.drill, daemon=True)
            thread.start()
            threads.append(thread)
        return tuple(threads)

    def _go_on(self, one: Open) -> None:
        run = Run(one.database, "drill", "", "")
        try:
            ended = self._carry_out(one)
        except (RestoredrillError, OSError) as error:
            self._say(f"{run.key}: {one.drill} could not be gone on with: {error}")
            return
        if ended is not None:
            self._say(f"{run.key}: gone on with {one.drill}: {outcome(run, ended)}")


class Rounds:
    """Deeds that are done again and again, each after so many seconds, until told to stop."""

    def __init__(
        self, say: Callable[[str], None], deeds: Sequence[tuple[float, Callable[[], object]]]
    ) -> None:
        self._say = say
        self._deeds = deeds
        self._stopped = threading.Event()

    def start(self) -> None:
        """Each for the first time at once, in a thread of its own."""
        for every_s, deed in self._deeds:
            threading.Thread(target=self._walk, args=(every_s, deed), daemon=True).start()

    def stop(self) -> None:
        """No deed begins after this."""
        self._stopped.set()

    def _walk(self, every_s: float, deed: Callable[[], object]) -> None:
        while not self._stopped.is_set():
            try:
                deed()
            except (RestoredrillError, OSError) as error:  # the next round must come whatever this one met
                self._say(f"round: {error}")
            self._stopped.wait(every_s)


class Controller:
    """Carries out what the scheduler says is due, and says in one line what became of it."""

    def __init__(self, runner: Runner, say: Callable[[str], None]) -> None:
        self._runner = runner
        self._say = say

    def due(self, run: Run) -> None:
        """Carry out one run. Never raises: the next time must come whatever happened to this one."""
        self._say(f"{run.key}: starts")
        try:
            ended = self._runner.carry_out(run)
        except (RestoredrillError, OSError) as error:  # OSError: no memory or no room for one more process
            self._say(f"{run.key}: could not be started: {error}")
            return
        if ended is None:
            self._say(f"{run.key}: skipped: the last one still runs")
            return
        for line in ended.err.splitlines():
            if line.startswith("warning: "):
                self._say(f"{run.key}: {line}")
        self._say(f"{run.key}: {outcome(run, ended)}")


def outcome(run: Run, ended: Ended) -> str:
    """One line about the end of a run, for the log. Pure."""
    document = _document(ended.out)
    problem = document.get("error", {})
    if ended.code == Exit.INTERRUPTED:
        return str(problem.get("reason") or "interrupted, and cleaned up")
    if problem or not document:
        reason = " ".join(str(problem.get(key, "")) for key in ("operation", "thing", "reason")).strip()
        said = ended.err.strip().splitlines()[-1:] or ["it said nothing"]
        return f"exit {ended.code}: {reason or said[0]}"
    if run.kind == "backup":
        return f"backup {document.get('id')} taken"
    reasons = "; ".join(document.get("reasons", ()))
    left = "; something was left running" if ended.code == Exit.LEFTOVERS else ""
    return f"{str(document.get('verdict', 'no verdict')).upper()} {document.get('drill')}: {reasons}{left}"


def _document(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
