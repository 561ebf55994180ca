"""Which backup is drilled, and how: what the file and the command line say becomes a job. Pure."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from restoredrill.errors import UsageError
from restoredrill.known import Before, CoverageFacts, IgnoreSpec, Picked, Tier
from restoredrill.model import CheckSpec, DumpsSpec, Job, Manifest, Report, VaultSpec
from restoredrill.plan import MachinePlan

LEASE_MARGIN = timedelta(minutes=10)  # past the deadline: time to report and tear down


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
    tier: Tier = Tier.FULL
    sample: tuple[str, ...] = ()
    decrypt_with: str | None = None
    deep: bool = False
    max_fall: float = 0.5
    checks: tuple[CheckSpec, ...] = ()
    ignore: tuple[IgnoreSpec, ...] = ()
    stale_after_s: float | None = None
    rto_target_s: float | None = None
    rpo_target_s: float | None = None
    keep_s: float | None = None
    limits_s: Mapping[str, float] = field(default_factory=dict)
    dumps: DumpsSpec | None = None


@dataclass(frozen=True)
class Choice:
    """A backup, how it was chosen, and how the others stand."""

    backup: Manifest
    picked: Picked
    coverage: CoverageFacts


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
    """Ids of the backups that a drill has proven."""
    return frozenset(r.backup.id for r in reports if r.backup is not None and r.proves)


def last_pass(reports: Iterable[Report], backup: Manifest) -> Report | None:
    """Of `reports`, newest first, the one whose findings those on `backup` are compared with: the newest pass
    on an older backup of the same database.
    """
    return next(
        (
            report
            for report in reports
            if report.proves
            and report.database == backup.database
            and report.backup is not None
            and report.backup.taken_at < backup.taken_at
        ),
        None,
    )


def _compared(check: CheckSpec, last: Mapping[str, float]) -> CheckSpec:
    """A `rows` check that knows what the last pass has counted."""
    if check.kind != "rows":
        return check
    return check.model_copy(update={"options": {**check.options, "last_rows": last.get(check.name)}})


def make_job(
    request: DrillRequest,
    drill: str,
    backup: Manifest,
    started_at: datetime,
    plan: MachinePlan | None = None,
    before: Before | None = None,
    choice: Choice | None = None,
) -> Job:
    """The plan as a document; nothing has been done yet.

    The lease of a machine that has to be started is written on it once: it has to hold for what is kept, too.
    """
    known = before or Before()
    deadline_at = started_at + timedelta(seconds=request.deadline_s)
    kept = timedelta(seconds=request.keep_s or 0.0) if plan is not None else timedelta()
    return Job(
        **{name: getattr(request, name) for name in _REPEATED},
        drill=drill,
        backup=backup.id,
        checks=tuple(_compared(check, known.rows) for check in request.checks),
        before=known,
        picked=None if choice is None else choice.picked,
        coverage=None if choice is None else choice.coverage,
        limits_s=dict(request.limits_s),
        dumps=request.dumps,
        plan=plan,
        started_at=started_at,
        deadline_at=deadline_at,
        expires_at=deadline_at + LEASE_MARGIN + kept,
    )


# What a job says in the request's own words.
_REPEATED = (
    *("database", "vault", "decrypt_with", "provider", "jobs", "isolated", "deep", "max_fall", "ignore"),
    *("tier", "sample", "stale_after_s", "rto_target_s", "rpo_target_s", "keep_s"),
)
