"""Reports that no agent wrote: there was no backup, no machine, or no word from it."""

from collections.abc import Collection
from datetime import datetime

from restoredrill import __version__, clock
from restoredrill.errors import (
    BootTimeout,
    CapacityMissing,
    DeadlineOver,
    Interrupted,
    MachineReclaimed,
    MachineSilent,
    PhaseTimeout,
    PlanUnmet,
    RestoredrillError,
)
from restoredrill.model import BackupFacts, Finding, Job, MachineFacts, Manifest, Report, Severity, Verdict
from restoredrill.picking import DrillRequest


def no_backup(database: str, others: Collection[str]) -> Finding:
    """The vault holds none of `database`, but maybe some of `others`."""
    hint = "take one with `restoredrill backup`, and find out why there was none"
    if others:
        hint = f"it holds some of {', '.join(sorted(others))}: a file is called like the database it protects"
    return Finding(
        rule="NO_BACKUP",
        severity=Severity.CRITICAL,
        object=database,
        message="the vault holds no backup of it",
        hint=hint,
    )


def no_dump(database: str, where: str, passed_over: Collection[str]) -> Finding:
    """Nothing that lies `where` is a dump; `passed_over` says of each thing there why it is none."""
    few = "; ".join(list(passed_over)[:3])
    return Finding(
        rule="NO_BACKUP",
        severity=Severity.CRITICAL,
        object=database,
        message=f"there is no dump of it in {where}",
        hint=f"passed over: {few}" if few else "nothing is there: correct source.dumps, or find out why",
    )


def unreadable(backup: str, reason: str) -> Finding:
    """The newest backup has a manifest that says nothing; an older one that passes would hide that."""
    return Finding(
        rule="MANIFEST_UNREADABLE",
        severity=Severity.CRITICAL,
        object=backup,
        message=f"the manifest of the newest backup can't be read: {reason}",
        hint="take another backup; `--backup ID` drills an older one",
    )


def hopeless(request: DrillRequest, drill: str, finding: Finding, now: datetime) -> Report:
    """The report of a drill that needs no machine to have failed: nothing could be recovered (promise 1)."""
    return Report(
        drill=drill,
        database=request.database,
        verdict=Verdict.FAILED,
        reasons=(finding.message,),
        machine=MachineFacts(provider=request.provider, id="none", swept_at=now),
        rto_target_s=request.rto_target_s,
        rpo_target_s=request.rpo_target_s,
        planned=tuple(check.name for check in request.checks),
        findings=(finding,),
        started_at=now,
        finished_at=now,
        made_by=f"restoredrill {__version__}",
    )


def unmet(request: DrillRequest, drill: str, backup: Manifest, error: PlanUnmet, now: datetime) -> Report:
    """The report of a drill for which no machine could be planned: nothing was started, nothing is known."""
    findings = tuple(
        Finding(rule="PLAN_UNMET", severity=Severity.HIGH, object=error.thing, message=one, hint=error.hint)
        for one in error.problems
    )
    return Report(
        drill=drill,
        database=request.database,
        verdict=Verdict.INCONCLUSIVE,
        reasons=error.problems,
        backup=BackupFacts.of(backup, now),
        machine=MachineFacts(provider=request.provider, id="none", swept_at=now),
        rto_target_s=request.rto_target_s,
        rpo_target_s=request.rpo_target_s,
        planned=tuple(check.name for check in request.checks),
        findings=findings,
        started_at=now,
        finished_at=now,
        made_by=f"restoredrill {__version__}",
    )


def inconclusive(job: Job, backup: Manifest | None, error: RestoredrillError) -> Report:
    """The report of a drill that could not find out."""
    now = clock.utcnow()
    finding = Finding(
        rule=_RULES.get(type(error), "MACHINE_FAILED"),
        severity=Severity.HIGH,
        object=error.thing,
        message=str(error),
        hint=error.hint,
    )
    return Report(
        **job.repeated,
        verdict=Verdict.INCONCLUSIVE,
        reasons=(str(error),),
        backup=None if backup is None else BackupFacts.of(backup, job.started_at),
        machine=MachineFacts(provider=job.provider, id=job.drill),
        planned=tuple(check.name for check in job.checks),
        findings=(finding,),
        finished_at=now,
        made_by=f"restoredrill {__version__}",
    )


_RULES = {
    DeadlineOver: "DEADLINE_OVER",
    Interrupted: "INTERRUPTED",
    CapacityMissing: "CAPACITY_MISSING",
    BootTimeout: "BOOT_TIMEOUT",
    MachineSilent: "MACHINE_SILENT",
    PhaseTimeout: "PHASE_TIMEOUT",
    MachineReclaimed: "MACHINE_RECLAIMED",
    PlanUnmet: "PLAN_UNMET",
}
