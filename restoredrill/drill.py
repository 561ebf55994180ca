"""The story of a drill, as the controller tells it: pick, plan, launch, follow, tear down, look again,
report.

The agent on the machine does the work (agent.py); the two talk through the vault only. So this side may die
at any line: the agent writes its report by itself, and whoever comes next finds the machine by looking.
"""

import random
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from restoredrill import __version__, clock
from restoredrill.errors import (
    DeadlineOver,
    Interrupted,
    MachineFailed,
    RestoredrillError,
    UsageError,
    VaultError,
)
from restoredrill.interruptions import postponed
from restoredrill.model import (
    BackupFacts,
    CheckSpec,
    Event,
    Finding,
    IgnoreSpec,
    Job,
    MachineFacts,
    Manifest,
    Report,
    Severity,
    VaultSpec,
    Verdict,
)
from restoredrill.protocols import Journal, Machine

LEASE_MARGIN = timedelta(minutes=10)  # past the deadline: time to report and tear down
REPORT_GRACE = timedelta(seconds=30)  # past the deadline: time for the agent's own word on it
LOOK_S = (0.25, 5.0)  # between two looks at the vault: more as time goes on, since each costs requests

Render = Callable[[Report], Mapping[str, str]]
"""Every form of a report besides report.json, by file name."""


@dataclass(frozen=True)
class DrillRequest:
    """What to drill and how, as the file and the command line say it."""

    database: str
    vault: VaultSpec  # with the credentials that restore
    pick: str
    provider: str
    jobs: int
    deadline_s: float
    isolated: bool = True
    decrypt_with: str | None = None
    checks: tuple[CheckSpec, ...] = ()
    ignore: tuple[IgnoreSpec, ...] = ()
    rto_target_s: float | None = None
    rpo_target_s: float | None = None
    keep_s: float | None = None


def choose(pick: str, backups: Sequence[Manifest], proven: frozenset[str], seed: int) -> Manifest:
    """The backup to drill, of `backups` newest first. Pure: the same seed picks the same one.

    `backups` is not empty. Raises `UsageError` if none has that id.
    """
    if pick == "latest":
        return backups[0]
    if pick == "random":
        return random.Random(seed).choice(list(backups))  # noqa: S311 - a sample, not a secret
    if pick == "oldest-unverified":
        unproven = [backup for backup in backups if backup.id not in proven]
        return unproven[-1] if unproven else backups[-1]
    for backup in backups:
        if backup.id == pick:
            return backup
    raise UsageError(
        "pick",
        pick,
        "no such backup in the vault",
        hint=f"the newest is {backups[0].id}; `restoredrill backups` lists all",
    )


def proven_by(reports: Iterable[Report]) -> frozenset[str]:
    """Ids of the backups that a drill has passed."""
    return frozenset(r.backup.id for r in reports if r.backup is not None and r.verdict is Verdict.PASSED)


def make_job(request: DrillRequest, drill: str, backup: Manifest, started_at: datetime) -> Job:
    """The plan as a document; nothing has been done yet."""
    deadline_at = started_at + timedelta(seconds=request.deadline_s)
    return Job(
        drill=drill,
        database=request.database,
        backup=backup.id,
        vault=request.vault,
        decrypt_with=request.decrypt_with,
        provider=request.provider,
        jobs=request.jobs,
        isolated=request.isolated,
        checks=request.checks,
        ignore=request.ignore,
        rto_target_s=request.rto_target_s,
        rpo_target_s=request.rpo_target_s,
        keep_s=request.keep_s,
        started_at=started_at,
        deadline_at=deadline_at,
        expires_at=deadline_at + LEASE_MARGIN,
    )


def conduct(
    job: Job,
    backup: Manifest,
    machine: Machine,
    journal: Journal,
    render: Render,
    watch: Callable[[Event], None],
) -> Report:
    """Carry out a drill and prove that nothing is left of it.

    The report comes back whatever happened on the machine. Raises `Interrupted` after cleaning up (the report
    says so too), `VaultError` if not even the job could be put out. No way out of here leaves a machine.
    """
    journal.submit(job)
    interruption: Interrupted | None = None
    try:
        report = _follow(job, machine, machine.launch(job), journal, watch)
    except KeyboardInterrupt:
        interruption = Interrupted("drill", job.database, "interrupted; its machine has been ended")
        report = inconclusive(job, backup, interruption)
    except RestoredrillError as error:
        report = inconclusive(job, backup, error)
    except BaseException:  # a mistake of ours: no reason to leave a machine behind
        with postponed():
            machine.terminate(job.drill)
        raise
    with postponed():
        final = _store(journal, _tear_down(job, report, machine), render)
    if interruption is not None:
        raise interruption if not final.machine.leftovers else _interrupted_but(final)
    return final


def _interrupted_but(report: Report) -> Interrupted:
    left = ", ".join(report.machine.leftovers)
    hint = "`restoredrill reap` ends what is left"
    return Interrupted("drill", report.database, f"interrupted; still there: {left}", hint=hint)


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
        drill=job.drill,
        database=job.database,
        verdict=Verdict.INCONCLUSIVE,
        reasons=(str(error),),
        backup=None if backup is None else BackupFacts.of(backup, job.started_at),
        machine=MachineFacts(provider=job.provider, id=job.drill),
        rto_target_s=job.rto_target_s,
        rpo_target_s=job.rpo_target_s,
        planned=tuple(check.name for check in job.checks),
        findings=(finding,),
        started_at=job.started_at,
        finished_at=now,
        made_by=f"restoredrill {__version__}",
    )


_RULES = {DeadlineOver: "DEADLINE_OVER", Interrupted: "INTERRUPTED"}


def _follow(
    job: Job, machine: Machine, name: str, journal: Journal, watch: Callable[[Event], None]
) -> Report:
    """Look at the machine and at what the agent says until there is a report or no agent.

    A vault that does not answer for a while changes nothing: the agent goes on by itself.
    """
    seen, began_s = 0, clock.monotonic_s()
    while True:
        state = machine.state(name)  # before the events: what it said last is then read too
        seen = _tell(journal, job.drill, seen, watch)
        if not state.running or _kept(job, journal):
            return _report_of(job, journal, state.detail)
        if clock.utcnow() > job.deadline_at + REPORT_GRACE:
            return _report_or_deadline(job, journal)
        clock.sleep(pause_s(clock.monotonic_s() - began_s))


def pause_s(elapsed_s: float) -> float:
    """How long to wait for the next look. Pure: a twentieth of what has passed, within `LOOK_S`."""
    return min(max(LOOK_S[0], elapsed_s / 20), LOOK_S[1])


def _tell(journal: Journal, drill: str, seen: int, watch: Callable[[Event], None]) -> int:
    try:
        for number, event in journal.events(drill, seen):
            watch(event)
            seen = number
    except VaultError:
        return seen  # said again by the next look, or by the report
    return seen


def _kept(job: Job, journal: Journal) -> bool:
    """Has a drill with `keep` written its report? Its machine lives on, so its end can't be waited for."""
    if job.keep_s is None:
        return False
    try:
        return next(iter(journal.reports(job.drill)), None) is not None
    except VaultError:
        return False


def _report_or_deadline(job: Job, journal: Journal) -> Report:
    """An agent that can't come to an end may have found out everything before that."""
    over = DeadlineOver("drill", job.database, "the deadline passed before the agent was done")
    try:
        found = next(iter(journal.reports(job.drill)), None)
    except VaultError:
        raise over from None
    if found is None:
        raise over
    return found


def _report_of(job: Job, journal: Journal, last_words: str) -> Report:
    found = next(iter(journal.reports(job.drill)), None)
    if found is None:
        hint = "run it again; if it happens again, look at memory and disk of the machine"
        raise MachineFailed(
            "drill", job.database, f"the agent ended without a report; it said last: {last_words}", hint=hint
        )
    return found


def _tear_down(job: Job, report: Report, machine: Machine) -> Report:
    """End the machine (unless it is kept on purpose), then look what is left of it."""
    if report.machine.url is not None:
        return report
    try:
        machine.terminate(job.drill)
        leftovers = machine.leftovers(job.drill)
    except RestoredrillError as error:
        leftovers = (f"unknown: {error}",)
    facts = report.machine.model_copy(update={"leftovers": leftovers, "swept_at": clock.utcnow()})
    return report.model_copy(update={"machine": facts})


def _store(journal: Journal, report: Report, render: Render) -> Report:
    """Write the final report. One that can't be stored is no proof, but it must not be lost on the way
    either.
    """
    try:
        journal.save(report, render(report))
    except VaultError as error:
        finding = Finding(
            rule="REPORT_NOT_STORED",
            severity=Severity.HIGH,
            object=report.drill,
            message=str(error),
            hint=error.hint or "keep this output: the vault does not have it",
        )
        verdict = Verdict.INCONCLUSIVE if report.verdict is Verdict.PASSED else report.verdict
        return report.model_copy(
            update={
                "verdict": verdict,
                "reasons": (*report.reasons, f"the report could not be stored: {error}"),
                "findings": (*report.findings, finding),
            }
        )
    return report
