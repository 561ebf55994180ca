"""The words of the service that runs unwatched: what was asked for, what became of it, whom to tell.

Everything here is a document: it lies in the history database, and where losing it would lose a fact, in the
vault too.
"""

from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime, Field

from restoredrill.document import Document
from restoredrill.known import Tier
from restoredrill.model import ID_PATTERN, Severity, Verdict

Kind = Literal["backup", "drill"]
ON_DEMAND = 10  # the priority of what a person asks for; a schedule's is 0


class TaskState(StrEnum):
    """How far a task is. The last three are final, and stay for ever."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self in (TaskState.DONE, TaskState.SKIPPED, TaskState.CANCELLED)


class Task(Document):
    """A backup or drill that is to be done, is under way, or was: from the moment it was due.

    Its id is the errand's: the backup's or the drill's that comes of it. So whoever takes it up again after a
    crash does the same thing, and nothing runs twice. Final ones lie in the vault as `tasks/<id>.json`.
    """

    schema_: Literal["restoredrill.task/1"] = Field("restoredrill.task/1", alias="schema")
    id: str = Field(pattern=ID_PATTERN.pattern)
    database: str
    kind: Kind
    due_at: AwareDatetime  # when the schedule wanted it, or when it was asked for
    not_before: AwareDatetime  # with its jitter
    asked_by: Literal["schedule", "person"] = "schedule"
    asker: str = ""  # who, where a person asked
    priority: int = 0
    pick: str | None = None  # of a drill: a backup's id; None: as the file says
    machine: str | None = None
    keep_s: float | None = None
    state: TaskState = TaskState.WAITING
    reason: str = ""  # why it waits, was skipped or cancelled; or why it did not pass
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    outcome: str = ""  # passed, failed, inconclusive; taken, failed
    usd: float = 0.0  # what it has cost, or while it runs what it is expected to
    host: str = ""  # whose process does it, or did
    attempt: int = 1  # 2 and more: what the one before could not come to an end with


class DrillRow(Document):
    """A drill as the history knows it: what trends, calendars and metrics need of its report."""

    drill: str
    database: str
    verdict: Verdict
    tier: Tier = Tier.FULL
    reasons: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()  # of the findings that fail, in order
    backup: str | None
    backup_bytes: int | None
    rows: int | None  # restored, where a fingerprint counted them
    provider: str
    machine_type: str = ""
    leftovers: tuple[str, ...] = ()
    phases_s: dict[str, float] = Field(default_factory=dict)
    rto_s: float | None
    rto_target_s: float | None
    rpo_s: float | None
    rpo_target_s: float | None
    bottleneck: str | None
    usd: float
    started_at: AwareDatetime
    finished_at: AwareDatetime

    @property
    def proves(self) -> bool:
        """See `Report.proves`."""
        return self.verdict is Verdict.PASSED and self.tier is Tier.FULL

    @property
    def told(self) -> bool:
        """Did it find out something about the backup as a whole: a lesser pass did not."""
        return self.proves or self.verdict is Verdict.FAILED


class BackupRow(Document):
    """A backup as the history knows it."""

    backup: str
    database: str
    taken_at: AwareDatetime
    finished_at: AwareDatetime
    bytes: int
    database_bytes: int
    rows: int | None
    server_version: str


class Notice(Document):
    """One thing to tell, once. `key` names the event: the same key is never queued twice."""

    key: str  # drill:20260923T031500Z-7f3a, silence:shop:no_pass:2026-09-23
    database: str  # empty: it is about the service itself
    kind: str  # failed, inconclusive, passed, leftovers, silence, config, undelivered, budget
    severity: Severity
    title: str
    body: str  # what, since when, the finding, the hint
    link: str = ""
    at: AwareDatetime


class Delivery(Document):
    """A notice on its way to one address, named by its place (`shop.notify[0]`), as the URL is a secret."""

    notice: Notice
    address: str
    tries: int = 0
    next_at: AwareDatetime
    delivered_at: AwareDatetime | None = None
    given_up: bool = False
    problem: str = ""


class Alarm(Document):
    """Something that is wrong and stays so until it is not: silence, leaks, a bad file, an undeliverable
    notice.
    """

    key: str  # no_pass:shop
    database: str
    severity: Severity
    message: str
    hint: str = ""
    since: AwareDatetime


class AuditEntry(Document):
    """Who did what by hand."""

    at: AwareDatetime
    who: str
    what: str  # run drill, extend lease, end machine, sign in, sign in refused
    database: str = ""
    detail: str = ""
