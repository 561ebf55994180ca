"""What goes in and out beside the documents that exist anyway. Frozen; what comes in has nothing unknown."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from restoredrill.document import Document
from restoredrill.model import ID_PATTERN, Event, Lease
from restoredrill.records import Alarm, AuditEntry, BackupRow, DrillRow, Task

Id = Annotated[str, Field(pattern=ID_PATTERN.pattern)]
KEEP_LONGEST_S = 7 * 86400.0
LEASE_LONGEST_S = 7 * 86400.0


class Who(Document):
    """Whoever asks. `token` goes along as X-CSRF-Token with whatever changes something."""

    user: str
    role: Literal["read", "run"]
    token: str


class Stand(Document):
    """Where a database stands. Proven: the newest drill that found out something passed."""

    database: str
    proven: bool
    proof_age_s: float | None
    backup_age_s: float | None
    backups: int
    verified: int
    coverage: float | None
    usd_this_month: float
    last_drill: DrillRow | None
    last_pass: DrillRow | None
    newest_backup: BackupRow | None


class Stands(Document):
    items: tuple[Stand, ...]
    next: str | None = None  # the cursor of the next page; None: this is the last


class Drills(Document):
    items: tuple[DrillRow, ...]
    next: str | None = None


class Backups(Document):
    items: tuple[BackupRow, ...]
    next: str | None = None


class Tasks(Document):
    items: tuple[Task, ...]
    next: str | None = None


class Events(Document):
    items: tuple[Event, ...]


class Alarms(Document):
    items: tuple[Alarm, ...]


class Leases(Document):
    items: tuple[Lease, ...]


class Audit(Document):
    items: tuple[AuditEntry, ...]


class _Asked(BaseModel):
    """Base of what comes in."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class RunDrill(_Asked):
    """A drill now. Whatever is not said is as the database's file says."""

    backup: Id | None = None
    machine: Literal["local", "ec2"] | None = None
    keep_s: Annotated[float, Field(gt=0, le=KEEP_LONGEST_S)] | None = None


class ExtendLease(_Asked):
    """Until when a machine may live: later than now, and at most seven days away."""

    expires_at: AwareDatetime
