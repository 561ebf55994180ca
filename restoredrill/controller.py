"""What is due becomes a run: one at a time per database and kind, and whatever comes of it is said."""

import json
from collections.abc import Callable
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
        return "interrupted, and cleaned up"
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
