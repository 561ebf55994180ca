"""From the documents of a vault, as they pass by one after the other, to what they prove. Pure."""

import re
from collections.abc import Mapping
from typing import TypeVar

from pydantic import ValidationError

from restoredrill.document import Document
from restoredrill.evidence import gaps
from restoredrill.evidence.coverage import (
    BackupLine,
    Coverage,
    DrillLine,
    MissedLine,
    Period,
    SettingsLine,
    begun_at,
)
from restoredrill.model import Job, Manifest, Report, Verdict
from restoredrill.records import Task, TaskState

REPORT, SIGNATURE, JOB = "report.json", "report.dsse.json", "job.json"

# A secret has no place in these documents; should one be there by mistake, it goes no further. Written so
# that this file does not match itself.
_SECRET = re.compile(rb"AGE-SECRET-K[E]Y-1|PRIVATE K[E]Y-----|://[^/\s:@\"]+:(?!\$\{)[^/\s@\"]+@")
_D = TypeVar("_D", bound=Document)


class Notes:
    """Backups first, then drills: one before the period counts for a backup that is still kept."""

    def __init__(self, period: Period) -> None:
        self._period = period
        self._backups: dict[str, BackupLine] = {}
        self._drills: list[DrillLine] = []
        self._missed: list[MissedLine] = []
        self._settings: list[SettingsLine] = []
        self._unreported: list[str] = []
        self._unreadable: list[str] = []
        self._left_out: list[str] = []

    def backup(self, identity: str, body: bytes) -> Mapping[str, bytes]:
        """What of a backup belongs into the archive; nothing, if it is another database's or too young."""
        name = f"backups/{identity}/manifest.json"
        manifest = self._read(name, body, Manifest)
        if manifest is None:
            return self._kept({name: body})
        if manifest.database != self._period.database or manifest.taken_at >= self._period.until:
            return {}
        self._backups[identity] = BackupLine(
            backup=identity,
            taken_at=manifest.taken_at,
            bytes=manifest.size_bytes,
            sealed=bool(manifest.recipients),
        )
        return self._kept({name: body})

    def drill(self, identity: str, files: Mapping[str, bytes]) -> Mapping[str, bytes]:
        """The same of a drill: `files` are those of its folder, by name."""
        in_period = self._period.holds(begun_at(identity))
        folder = f"drills/{identity}/"
        named = {f"{folder}{name}": body for name, body in files.items()}
        job = self._read_any(f"{folder}{JOB}", named, Job)
        report = self._read_any(f"{folder}{REPORT}", named, Report)
        known = report or job
        if known is None:
            return self._kept(named) if in_period else {}
        backup = report.backup.id if report and report.backup else job.backup if job else None
        if known.database != self._period.database or not (in_period or backup in self._backups):
            return {}
        kept = self._kept(named)
        if report is None and f"{folder}{REPORT}" not in named:
            self._unreported.append(identity)
        if report is not None and f"{folder}{REPORT}" in kept:
            self._note(identity, report, f"{folder}{SIGNATURE}" in kept, in_period)
        if job is not None and f"{folder}{JOB}" in kept and in_period:
            self._note_settings(job)
        return kept

    def task(self, identity: str, body: bytes) -> Mapping[str, bytes]:
        """The same of what was due."""
        name = f"tasks/{identity}.json"
        task = self._read(name, body, Task)
        if task is None:
            return self._kept({name: body})
        if task.database != self._period.database or not self._period.holds(task.due_at):
            return {}
        if task.state in (TaskState.SKIPPED, TaskState.CANCELLED):
            line = MissedLine(
                task=identity, kind=task.kind, due_at=task.due_at, state=task.state, reason=task.reason
            )
            self._missed.append(line)
        return self._kept({name: body})

    def coverage(self) -> Coverage:
        """All of it, in order of time."""
        found = Coverage(
            period=self._period,
            drills=tuple(sorted(self._drills, key=lambda line: line.drill)),
            backups=tuple(sorted(self._backups.values(), key=lambda line: (line.taken_at, line.backup))),
            missed=tuple(sorted(self._missed, key=lambda line: (line.due_at, line.task))),
            settings=tuple(self._settings),
            unreported=tuple(self._unreported),
            unreadable=tuple(self._unreadable),
            left_out=tuple(self._left_out),
        )
        return found.model_copy(update={"gaps": gaps.of(found)})

    def _note(self, identity: str, report: Report, signed: bool, in_period: bool) -> None:
        backup = None if report.backup is None else report.backup.id
        line = DrillLine(
            drill=identity,
            started_at=report.started_at,
            verdict=report.verdict,
            tier=report.tier,
            reason=report.reasons[0] if report.reasons else "",
            backup=backup,
            rto_s=report.rto_s,
            rto_target_s=report.rto_target_s,
            rpo_s=report.rpo_s,
            rpo_target_s=report.rpo_target_s,
            leftovers=report.machine.leftovers,
            signed=signed,
            in_period=in_period,
        )
        self._drills.append(line)
        if backup in self._backups and (line.proves or line.verdict is not Verdict.PASSED):
            known = self._backups[backup]
            drills = tuple(sorted((*known.drills, (identity, report.verdict))))
            self._backups[backup] = known.model_copy(update={"drills": drills})

    def _note_settings(self, job: Job) -> None:
        line = SettingsLine(
            first=job.drill,
            last=job.drill,
            drills=1,
            provider=job.provider,
            vault=job.vault.url,
            isolated=job.isolated,
            rto_target_s=job.rto_target_s,
            rpo_target_s=job.rpo_target_s,
            checks=job.checks,
            ignore=job.ignore,
        )
        before = self._settings[-1] if self._settings else None
        place = {"first": "", "last": "", "drills": 0}
        if before is not None and before.model_copy(update=place) == line.model_copy(update=place):
            more = {"last": job.drill, "drills": before.drills + 1}
            self._settings[-1] = before.model_copy(update=more)
        else:
            self._settings.append(line)

    def _kept(self, named: Mapping[str, bytes]) -> Mapping[str, bytes]:
        secretive = [name for name, body in named.items() if _SECRET.search(body)]
        self._left_out += secretive
        return {name: body for name, body in named.items() if name not in secretive}

    def _read_any(self, name: str, named: Mapping[str, bytes], kind: type[_D]) -> _D | None:
        return self._read(name, named[name], kind) if name in named else None

    def _read(self, name: str, body: bytes, kind: type[_D]) -> _D | None:
        try:
            return kind.model_validate_json(body)
        except ValidationError:
            self._unreadable.append(name)
            return None
