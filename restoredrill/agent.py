"""What runs on the machine: takes a job, restores and checks one backup, tells events, writes the report.

It needs nobody: if the controller is gone, the report is in the vault and the server is ended all the same.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta

from restoredrill import __version__, clock
from restoredrill.checks import change, ignoring, own, tiers
from restoredrill.checks.verdict import judge
from restoredrill.errors import DumpUnfit, Exit, RestoredrillError, VaultMissing
from restoredrill.interruptions import postponed
from restoredrill.known import Measured, Tier
from restoredrill.model import (
    BackupFacts,
    CheckResult,
    CheckSpec,
    Event,
    Finding,
    Fingerprint,
    FingerprintLevel,
    Job,
    MachineFacts,
    Manifest,
    Outcome,
    Phase,
    Report,
    Severity,
    Verdict,
)
from restoredrill.protocols import Archive, Backups, Check, Journal, Progress, Target
from restoredrill.telling import Teller, beat_s

OWN_PHASES = ("provision", "prepare", "verify", "integrity", "checks")  # all others are parts of the restore

# What an error that ends a drill is called in the report, by its class.
BACKUP_RULES = {
    "ObjectCorrupt": "OBJECT_CORRUPT",
    "ArchiveCorrupt": "ARCHIVE_CORRUPT",
    "VaultMissing": "OBJECT_NOT_THERE",
}
OBSTACLE_RULES = {
    "DeadlineOver": "DEADLINE_OVER",
    "DiskFull": "DISK_FULL",
    "ServerFailed": "SERVER_DIED",
    "KeyMissing": "KEY_MISSING",
    "KeyWrong": "KEY_WRONG",
    "ServerTooOld": "SERVER_TOO_OLD",
    "ToolMissing": "TOOL_MISSING",
    "CloudDenied": "SECRET_UNREADABLE",
    "CloudMissing": "SECRET_UNREADABLE",
    "CloudUnreachable": "SECRET_UNREADABLE",
}

Compare = Callable[[Manifest, Fingerprint], tuple[CheckResult, ...]]
"""Results for the checks `structure` and `content` (or `rows`): what was dumped against what was restored."""

Select = Callable[[Archive, tuple[str, ...]], tuple[Archive, frozenset[str]]]
"""select(archive, tables): the schema and the rows of these tables and of what they need; which those are."""

Integrity = Callable[[str, bool, Progress], tuple[CheckResult, tuple[str, ...]]]
"""integrity(url, deep, progress): is the database there sound in itself, and what could not be looked at."""


@dataclass(frozen=True)
class Rung:
    """One more check that is asked after those of the fingerprint; it must have run for a pass."""

    name: str
    ask: Callable[[Fingerprint], CheckResult]


@dataclass(frozen=True)
class Parts:
    """What the agent works with; wiring makes it."""

    backups: Backups
    journal: Journal
    target: Target
    compare: Compare
    checks: Mapping[str, Check]
    render: Callable[[Report], Mapping[str, str]]
    keep: Callable[[datetime], None]  # moves the lease's end
    integrity: Integrity
    select: Select
    limit: Callable[[], AbstractContextManager[None]] = nullcontext  # raises `DeadlineOver` inside, in time
    facts: MachineFacts | None = None  # what the machine knows of itself; None: that it is the job's
    attempt: int = 1  # which of the errand's machines this is
    strays: Callable[[], tuple[str, ...]] = tuple  # keys among the backup's that it does not name
    rungs: tuple[Rung, ...] = ()


def run(job: Job, parts: Parts) -> Report:
    """Do the job and write its report; the server is ended before this returns, unless it passed and is to be
    kept.

    Never raises for what goes wrong with backup, server or checks: that is what the report says. Raises
    `VaultError` if the report itself can't be written, and `KeyboardInterrupt` after ending the server.
    """

    def emit(number: int, event: Event) -> None:
        parts.journal.emit(job.drill, number, event)

    kept = False
    with Teller(emit, parts.attempt, beat_s(job.plan)) as tell:
        try:
            story = _Story(job, parts, tell)
            story.walk()
            report = story.report()
            keep = report.machine.url is not None
            if keep:
                parts.keep(report.finished_at + timedelta(seconds=job.keep_s or 0))
            parts.journal.save(report, {**parts.render(report), **story.measured()})
            kept = keep  # nobody would know of a server whose report could not be written
        finally:
            if not kept:
                with postponed():
                    parts.target.stop()
    return report


class _Story:
    """One drill as it unfolds: what was measured and found so far."""

    def __init__(self, job: Job, parts: Parts, teller: Teller) -> None:
        self._job = job
        self._parts = parts
        self._teller = teller
        self._manifest: Manifest | None = None
        self._phases = [Phase(name="provision", seconds=_since(job.started_at))]  # until this machine works
        self._results: list[CheckResult] = []
        self._findings: list[Finding] = []
        self._not_proven: list[str] = []
        self._broken: str | None = None
        self._obstacle: tuple[Finding, ...] = ()  # what broke it off, where that has a name
        self._slowest_part: str | None = None  # of the restore
        self._rto_s: float | None = None
        self._measured: Measured | None = None
        self._tables: frozenset[str] | None = None  # whose rows are restored; None: all

    def walk(self) -> None:
        """Prepare, restore, verify; what can't be found out ends it, and so does the deadline. Where a bad
        object broke the restore off, there is nothing to verify.

        Only these are under the limit: the report must be written, and the server ended, in any case.
        """
        try:
            with self._parts.limit():
                self._restore()
                if any(one.outcome is Outcome.NOT_RUN for one in self._results):
                    return
                self._verify()
            self._rto_s = _since(self._job.started_at)
            self._results += own.targets(self._job, self._rto_s, self._rpo_s())
        except RestoredrillError as error:
            self._stopped_by(error)

    def report(self) -> Report:
        """All of it as a report; the verdict is `checks.verdict`'s."""
        manifest, job = self._manifest, self._job
        today = job.started_at.date()
        judgement = judge(self._planned(), self._results, self._findings, job.ignore, self._broken, today)
        used = ignoring.uses(
            judgement.findings,
            job.ignore,
            job.before.ignores,
            job.started_at,
            whole=self._broken is None,
        )
        keep = job.keep_s is not None and judgement.verdict is Verdict.PASSED
        undecided = judgement.verdict is Verdict.INCONCLUSIVE
        return Report(
            **job.repeated,
            verdict=judgement.verdict,
            reasons=judgement.reasons,
            backup=None if manifest is None else BackupFacts.of(manifest, job.started_at),
            machine=self._machine(keep),
            phases=tuple(self._phases),
            rto_s=self._rto_s,
            rpo_s=self._rpo_s(),
            bottleneck=self._bottleneck(),
            planned=self._planned(),
            checks=judgement.checks,
            # Beside the judgement: an obstacle says nothing about the backup, so it fails nothing, and where
            # something has failed, it is a consequence.
            findings=judgement.findings
            + ignoring.idle(used, job.started_at)
            + (self._obstacle if undecided else ()),
            ignores=used,
            not_proven=tuple(self._not_proven),
            finished_at=clock.utcnow(),
            made_by=f"restoredrill {__version__}",
        )

    def measured(self) -> Mapping[str, str]:
        """What the next drill will be compared with, by file name."""
        found = self._measured
        return {} if found is None else {"measured.json": found.model_dump_json(by_alias=True, indent=2)}

    def _machine(self, keep: bool) -> MachineFacts:
        known = self._parts.facts or MachineFacts(provider=self._job.provider, id=self._job.drill)
        url = self._parts.target.database().url if keep else None
        return known.model_copy(update={"attempts": self._parts.attempt, "url": url})

    def _restore(self) -> None:
        with self._phase("prepare"):
            whole = self._parts.backups.open(self._job.backup)
            archive = self._selected(whole)
            self._manifest = archive.manifest
            self._findings += own.strays(self._parts.strays())
            self._findings += own.out_of_time(archive.manifest, self._job)
            self._parts.target.start(archive.manifest.server, self._job.jobs)
        with self._phase("restore", timed=False):
            restored = self._parts.target.restore(archive, self._job.jobs, self._says("restore"))
        self._phases += restored.phases
        self._slowest_part = restored.bottleneck
        self._results += own.of_restore(restored)
        self._not_proven += archive.manifest.fingerprint.notes

    def _selected(self, whole: Archive) -> Archive:
        """What of the backup is restored; the report says what is not."""
        job = self._job
        if job.tier is Tier.FULL:
            return whole
        archive, tables = self._parts.select(whole, job.sample if job.tier is Tier.SAMPLE else ())
        self._tables = tables
        rest = f"all but those of {', '.join(sorted(tables))}" if tables else "all of them"
        self._not_proven.append(f"rows and large objects, {rest}: this drill was {job.tier.words}")
        return archive

    def _verify(self) -> None:
        with self._phase("verify"):
            self._compare()
        with self._phase("integrity"):
            url = self._parts.target.database().url
            result, gaps = self._parts.integrity(url, self._job.deep, self._says("integrity"))
            self._results.append(result)
            self._not_proven += gaps
        if self._checks:
            with self._phase("checks"):
                self._ask()

    def _compare(self) -> None:
        """With the backup's own fingerprint, and with what the last passed drill has measured. Rows are
        counted in any case: the next drill is compared with them.
        """
        manifest, job = self._manifest, self._job
        assert manifest is not None  # _restore raised otherwise
        level = manifest.fingerprint.level
        counted = FingerprintLevel.ROWS if level is FingerprintLevel.NONE else level
        began_s = clock.monotonic_s()
        restored = self._parts.target.fingerprint(counted, job.jobs, self._says("verify"))
        seconds = clock.monotonic_s() - began_s
        if job.dumps is not None:
            self._results += [rung.ask(restored) for rung in self._parts.rungs]
        elif level is FingerprintLevel.NONE:
            self._not_proven.append("structure and content: this backup was taken with `fingerprint: none`")
        else:
            results = self._compared(manifest, restored)
            self._results += [one.model_copy(update={"seconds": seconds}) for one in results]
        if level is FingerprintLevel.ROWS:
            self._not_proven.append("content: this backup was taken with `fingerprint: rows`")
        if job.tier is not Tier.FULL:
            return
        self._measured = change.measure(job.drill, manifest, restored)
        if job.before.passed is not None:
            self._results.append(change.change(job.before.passed, self._measured, job.max_fall))

    def _compared(self, manifest: Manifest, restored: Fingerprint) -> tuple[CheckResult, ...]:
        if self._tables is None:
            return self._parts.compare(manifest, restored)
        told = tiers.part(manifest.fingerprint, self._tables)
        part = manifest.model_copy(update={"fingerprint": told})
        results = self._parts.compare(part, tiers.part(restored, self._tables))
        return results if self._tables else tuple(one for one in results if one.name == "structure")

    def _ask(self) -> None:
        database = self._parts.target.database()
        for spec in self._checks:
            self._teller.progress("checks", spec.name, None, None)
            self._results.append(self._parts.checks[spec.kind](spec, database, self._job.started_at))

    def _planned(self) -> tuple[str, ...]:
        """Every check that has to have run for a pass, whatever came of the drill."""
        level = FingerprintLevel.CONTENT if self._manifest is None else self._manifest.fingerprint.level
        proof = {
            FingerprintLevel.CONTENT: ("structure", "content"),
            FingerprintLevel.ROWS: ("structure", "rows"),
        }
        compared = proof.get(level, ())[: 1 if self._job.tier is Tier.SCHEMA else None]
        targets = [("rto", self._job.rto_target_s), ("rpo", self._job.rpo_target_s)]
        return (
            *("archive", "restore"),
            *compared,
            *([change.NAME] if self._compares_with_before else []),
            *(rung.name for rung in self._parts.rungs),
            "integrity",
            *(check.name for check in self._checks),
            *(name for name, target_s in targets if target_s is not None),
        )

    @property
    def _compares_with_before(self) -> bool:
        return self._job.before.passed is not None and self._job.tier is Tier.FULL

    @property
    def _checks(self) -> tuple[CheckSpec, ...]:
        """Without rows only the schema can be asked about."""
        everything = self._job.tier is not Tier.SCHEMA
        return tuple(check for check in self._job.checks if everything or check.kind == "schema")

    def _rpo_s(self) -> float | None:
        """Age of the newest row where a freshness check measured one, but never less than the backup's."""
        if self._manifest is None:
            return None
        age_s = self._manifest.age_s(self._job.started_at)
        newest = [r.measured for r in self._results if r.kind == "freshness" and r.measured is not None]
        return max(age_s, min(newest)) if newest else age_s

    def _bottleneck(self) -> str | None:
        """What to make faster first: the longest phase, and where that is one of the restore's, its
        longest part.
        """
        if not self._phases:
            return None
        longest = max(self._phases, key=lambda phase: phase.seconds).name
        return longest if longest in OWN_PHASES else self._slowest_part or longest

    def _stopped_by(self, error: RestoredrillError) -> None:
        """What is bad about the backup is a finding; what could not be found out breaks the drill off."""
        if error.exit_code is Exit.FAILED or isinstance(error, VaultMissing):
            self._findings.append(_finding(error, _rule_of(error)))
        elif type(error).__name__ in OBSTACLE_RULES:
            self._obstacle = (_finding(error, OBSTACLE_RULES[type(error).__name__]),)
        self._broken = str(error) + (f" ({error.hint})" if error.hint else "")
        self._teller.tell("drill", "note", str(error))

    def _says(self, phase: str) -> Callable[[str, float | None, float | None], None]:
        return lambda message, percent, mb_per_s: self._teller.progress(phase, message, percent, mb_per_s)

    @contextmanager
    def _phase(self, name: str, *, timed: bool = True) -> Iterator[None]:
        self._teller.tell(name, "started")
        began_s = clock.monotonic_s()
        try:
            yield
        finally:
            if timed:
                self._phases.append(Phase(name=name, seconds=clock.monotonic_s() - began_s))
        self._teller.tell(name, "done")


def _rule_of(error: RestoredrillError) -> str:
    if isinstance(error, DumpUnfit):
        return error.rule
    return BACKUP_RULES.get(type(error).__name__, "RESTORE_ERROR")


def _since(started_at: datetime) -> float:
    """Seconds; a machine whose clock is behind makes it 0, never negative."""
    return max(0.0, (clock.utcnow() - started_at).total_seconds())


def _finding(error: RestoredrillError, rule: str) -> Finding:
    return Finding(
        rule=rule, severity=Severity.CRITICAL, object=error.thing, message=str(error), hint=error.hint
    )
