"""Who does the work of a task: a process of its own on this host, or a machine of the cloud that a thread
here follows. Either comes to the same end if it is taken up by somebody else.
"""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restoredrill import clock, wiring
from restoredrill.cli import backup, drill
from restoredrill.cli.frame import Context
from restoredrill.cli.serving.places import Vaults
from restoredrill.controller import STOPPED, UNSETTLED, Result, Say
from restoredrill.errors import Exit, RestoredrillError, VaultMissing
from restoredrill.machines.children import Children
from restoredrill.machines.local import end_machine
from restoredrill.model import Job, Report
from restoredrill.process import Finished
from restoredrill.records import Task
from restoredrill.vault.catalog import VaultBackups
from restoredrill.vault.journal import VaultJournal
from restoredrill.vault.layout import backup_folder, manifest_key

if TYPE_CHECKING:
    from restoredrill.protocols import Progress
    from restoredrill.sending import Sent

LOOK_S = 1.0
QUIET_FOR = timedelta(minutes=5)  # longer than a boot, a pause between beats, and the end of a machine take
GRACE = timedelta(minutes=10)  # past its deadline, for somebody else's work to be over and told


@dataclass(frozen=True)
class Quietly(Context):
    """Of a command that runs inside the service: it shows nothing, and warns into the log."""

    say: Say

    def warn(self, text: str) -> None:
        """See `Context.warn`."""
        self.say(f"warning: {text}")

    @contextlib.contextmanager
    def progress(self) -> "Iterator[Progress]":
        """Nobody looks."""
        yield lambda message, percent, mb_per_s: None


class Crew:
    """See `controller.Crew`. `host` is where the processes of this one are."""

    def __init__(self, children: Children, vaults: Vaults, schedules: Path, host: str, say: Say) -> None:
        self._children = children
        self._vaults = vaults
        self._schedules = schedules.absolute()
        self._context = Quietly(self._schedules, True, say)
        self._host = host
        self._say = say

    def carry_out(self, task: Task) -> Result | None:
        """See `Crew.carry_out`."""
        if task.machine == "local":
            return self._by_a_process(task, _words(task))
        database = self._vaults.database(task.database)
        if task.kind == "drill":
            wanted = drill.Wanted(task.pick, task.machine, task.keep_s)
            planned = drill.plan(self._context, database, wanted, task.id)
            return of_report(drill.conduct(self._context, planned, leaves=True))
        store, job = backup.plan(self._context, database, task.id)
        return _of_sent(backup.send(self._context, database, store, job, leaves=True))

    def take_up(self, task: Task) -> Result | None:
        """See `Crew.take_up`."""
        if task.machine == "local":
            self._await_its_host(task)
            return self._finished(task) or self._broken_off(task)
        database = self._vaults.database(task.database)
        if task.kind == "backup":
            sent = backup.go_on(self._context, database, task.id, leaves=True)
            return None if sent is None else _of_sent(sent)
        journal = VaultJournal(self._vaults.of(task.database))
        try:
            job = journal.job(task.id)
        except VaultMissing:
            report = next(journal.reports(task.id), None)
            return None if report is None else of_report(report)
        if task.host != self._host:  # somebody may be following it there
            touched_at = journal.touched_at(task.id)
            while not forsaken(job, touched_at, clock.utcnow()):
                clock.sleep(LOOK_S * 10)
                touched_at = journal.touched_at(task.id)
        return of_report(drill.go_on(self._context, database, task.id, leaves=True))

    def stop(self, patience_s: float) -> None:
        """Ask the processes to clean up and end; kill what has not after `patience_s`."""
        self._children.stop(patience_s)

    # On this host -----------------------------------------------------------------------------------------

    def _by_a_process(self, task: Task, words: list[str]) -> Result | None:
        finished = self._children.run(_key(task), [*words, "--schedules", str(self._schedules)])
        if finished is None:
            return None
        for line in finished.err.splitlines():
            if line.startswith("warning: "):
                self._say(f"{task.kind} {task.database}: {line}", id=task.id, database=task.database)
        return of_process(task, finished)

    def _await_its_host(self, task: Task) -> None:
        """Until whatever works on it is over: a process here that outlived the service which started it, or
        one of another host, of which nothing but the vault tells.
        """
        database = self._vaults.database(task.database)
        if task.host != self._host and task.started_at is not None:
            section = database.section(task.kind)
            lasts = GRACE if section is None else GRACE + timedelta(seconds=section.deadline_s)
            while clock.utcnow() < task.started_at + lasts and self._finished(task) is None:
                clock.sleep(LOOK_S * 10)
            return
        while self._children.at_work(_key(task)):
            clock.sleep(LOOK_S)

    def _finished(self, task: Task) -> Result | None:
        """Its end, where the vault knows of it: a manifest, or a report after which nobody has to look for
        what is left.
        """
        store = self._vaults.of(task.database)
        if task.kind == "backup":
            taken = next(store.list(manifest_key(task.id)), None) is not None
            return Result("taken", f"backup {task.id}") if taken else None
        report = next(VaultJournal(store).reports(task.id), None)
        if report is None:
            return None
        over = report.machine.swept_at is not None or report.machine.url is not None
        return of_report(report) if over or not self._has_job(task) else None

    def _broken_off(self, task: Task) -> Result | None:
        """A drill is come to its end with, which says that nothing was found out; what there is of half a
        backup is discarded. None: it never began.
        """
        if task.kind == "backup":
            return self._discarded(task)
        if not self._has_job(task):
            return None
        return self._by_a_process(task, ["drill", task.database, "--resume", task.id, "--json", "--leave"])

    def _has_job(self, task: Task) -> bool:
        try:
            VaultJournal(self._vaults.of(task.database)).job(task.id)
        except VaultMissing:
            return False
        return True

    def _discarded(self, task: Task) -> Result | None:
        database = self._vaults.database(task.database)
        home = wiring.machines_directory(database) / task.id
        begun = home.exists()
        end_machine(home)
        store = wiring.vault(database, "backup")
        begun = begun or next(store.list(backup_folder(task.id)), None) is not None
        with contextlib.suppress(RestoredrillError):  # it may write and not delete: prune does it then
            VaultBackups(store).discard(task.id)
        return Result(STOPPED, "its process died; what there was of it is discarded") if begun else None


def forsaken(job: Job, touched_at: datetime | None, now: datetime) -> bool:
    """Is it worth going on with? Not while its machine speaks: it needs nobody, and somebody at another host
    may be following it. Pure.
    """
    return now > job.deadline_at or touched_at is None or now - touched_at > QUIET_FOR


def _key(task: Task) -> str:
    return f"{task.kind} {task.database}"


def _words(task: Task) -> list[str]:
    words = [task.kind, task.database, "--id", task.id, "--json", "--leave"]
    if task.machine is not None:
        words += ["--machine", task.machine]
    if task.pick is not None:
        words += ["--backup", task.pick]
    if task.keep_s is not None:
        words += ["--keep", f"{task.keep_s:.0f}s"]
    return words


# Ends -------------------------------------------------------------------------------------------------------


def of_report(report: Report) -> Result:
    """What a drill's report says of its task. Pure."""
    left = "; something was left running" if report.machine.leftovers else ""
    return Result(report.verdict.value, "; ".join(report.reasons) + left, report.cost.amount)


def _of_sent(sent: "Sent") -> Result:
    left = "; something was left running" if sent.machine.leftovers else ""
    usd = 0.0 if sent.cost is None else sent.cost.amount
    return Result("taken", f"backup {sent.manifest.id}{left}", usd)


def of_process(task: Task, finished: Finished) -> Result:
    """What the end of a command says of its task: its exit status and the document it printed. Pure."""
    document = _document(finished.out)
    problem = document.get("error", {})
    if finished.code == Exit.INTERRUPTED:
        said_why = str(problem.get("reason") or "what was under way has been cleaned up")
        return Result(STOPPED, said_why.removeprefix("interrupted; "))
    if not problem and document.get("schema", "").startswith("restoredrill.report/"):
        return of_report(Report.model_validate(document))
    if not problem and document:
        return Result("taken", f"backup {document.get('id')}")
    reason = " ".join(str(problem.get(key, "")) for key in ("operation", "thing", "reason")).strip()
    said = finished.err.strip().splitlines()[-1:] or ["it said nothing"]
    outcome = UNSETTLED if task.kind == "drill" else "failed"
    return Result(outcome, f"exit {finished.code}: {reason or said[0]}")


def _document(out: str) -> dict[str, Any]:
    """What a run printed; nothing, if it was killed before it could."""
    try:
        document = json.loads(out)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
