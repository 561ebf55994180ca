"""What the drills of a period prove, and what nobody can know: made from the documents in a vault. Pure."""

from datetime import UTC, datetime
from typing import Literal

from pydantic import AwareDatetime, Field

from restoredrill.document import Document
from restoredrill.known import IgnoreSpec, Tier
from restoredrill.model import CheckSpec, Verdict
from restoredrill.records import TaskState


class Period(Document):
    """From `since` on and before `until`, as it looked at `made_at`."""

    database: str
    since: AwareDatetime
    until: AwareDatetime
    made_at: AwareDatetime
    made_by: str

    def holds(self, at: datetime) -> bool:
        return self.since <= at < self.until

    @property
    def months(self) -> tuple[str, ...]:
        """Every month that the period touches: `2026-09`."""
        found = []
        year, month = self.since.year, self.since.month
        while datetime(year, month, 1, tzinfo=self.until.tzinfo) < self.until:
            found.append(f"{year:04d}-{month:02d}")
            year, month = (year, month + 1) if month < 12 else (year + 1, 1)
        return tuple(found)


class DrillLine(Document):
    """A drill in a line."""

    drill: str
    started_at: AwareDatetime
    verdict: Verdict
    tier: Tier = Tier.FULL
    reason: str
    backup: str | None
    rto_s: float | None
    rto_target_s: float | None
    rpo_s: float | None
    rpo_target_s: float | None
    leftovers: tuple[str, ...] = ()
    signed: bool
    in_period: bool  # else it is here for a backup that is still kept

    @property
    def proves(self) -> bool:
        """See `Report.proves`."""
        return self.verdict is Verdict.PASSED and self.tier is Tier.FULL


class BackupLine(Document):
    """A backup that is still kept, and the drills it went through, in order."""

    backup: str
    taken_at: AwareDatetime
    bytes: int
    sealed: bool
    drills: tuple[tuple[str, Verdict], ...] = ()

    @property
    def passed(self) -> str | None:
        """The last drill that it passed."""
        return next((d for d, verdict in reversed(self.drills) if verdict is Verdict.PASSED), None)


class MissedLine(Document):
    """Something that was due and was not done, and why."""

    task: str
    kind: str
    due_at: AwareDatetime
    state: TaskState
    reason: str


class SettingsLine(Document):
    """What drills asked for, from one on until another asked for something else. References, no secrets."""

    first: str
    last: str
    drills: int
    provider: str
    vault: str
    isolated: bool
    rto_target_s: float | None
    rpo_target_s: float | None
    checks: tuple[CheckSpec, ...]
    ignore: tuple[IgnoreSpec, ...]


class Coverage(Document):
    """Everything above; `gaps` says in words what is missing."""

    schema_: Literal["restoredrill.coverage/1"] = Field("restoredrill.coverage/1", alias="schema")
    period: Period
    drills: tuple[DrillLine, ...] = ()
    backups: tuple[BackupLine, ...] = ()
    missed: tuple[MissedLine, ...] = ()
    settings: tuple[SettingsLine, ...] = ()
    unreported: tuple[str, ...] = ()  # drills that began, and there is no report
    unreadable: tuple[str, ...] = ()  # documents that nobody can make sense of
    left_out: tuple[str, ...] = ()  # documents that hold what looks like a secret
    gaps: tuple[str, ...] = ()

    @property
    def inside(self) -> tuple[DrillLine, ...]:
        """The drills of the period."""
        return tuple(line for line in self.drills if line.in_period)


def begun_at(identity: str) -> datetime:
    """The time in an id."""
    return datetime.strptime(identity[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
