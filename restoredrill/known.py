"""What is known before a drill begins: findings to be ignored, and what earlier drills have said."""

from datetime import date
from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime, Field

from restoredrill.document import Document


class Tier(StrEnum):
    """How much of a backup a drill restores. Only `full` is proof of it."""

    FULL = "full"
    SAMPLE = "sample"  # the schema, and the rows of some tables with what they need
    SCHEMA = "schema"

    @property
    def words(self) -> str:
        """What a lesser tier is called wherever its verdict is."""
        return "" if self is Tier.FULL else f"{self.value.upper()} ONLY"


class IgnoreSpec(Document):
    """A rule (and maybe an object pattern, shell style) that does not fail a drill, and why."""

    rule: str
    object: str = "*"
    reason: str = Field(min_length=1)
    until: date | None = None  # the last day it holds; None: for good


class IgnoreUse(IgnoreSpec):
    """An entry of `ignore` that was in force, and how many findings it met."""

    met: int = Field(ge=0)
    idle_since: AwareDatetime | None = None  # None: it met something, or nobody knows


class Measured(Document):
    """What a drill has found in a restored database: what the next one is compared with.

    Lies in the vault as `measured.json` beside the report.
    """

    schema_: Literal["restoredrill.measured/1"] = Field("restoredrill.measured/1", alias="schema")
    drill: str
    backup: str
    taken_at: AwareDatetime
    database: str  # its name on the source
    tables: dict[str, int] = Field(default_factory=dict)  # rows by table; a partitioned one counts as one


class Picked(Document):
    """How the backup of a drill was chosen; the same seed among the same backups chooses the same."""

    by: str  # latest, random, oldest-unverified, coverage, or the id that was asked for
    seed: int
    why: str = ""


class CoverageFacts(Document):
    """How much of what was kept was proven when a drill began, and what is due next."""

    within_s: float | None = None  # what the file promises; None: nothing
    retained: int = Field(ge=0)
    verified: int = Field(ge=0)
    oldest_unverified: str | None = None
    oldest_unverified_at: AwareDatetime | None = None
    next_due: str | None = None
    next_due_at: AwareDatetime | None = None
    overdue: int = 0


class Before(Document):
    """What earlier drills of the same tier have said."""

    ignores: tuple[IgnoreUse, ...] = ()  # of the newest report
    rows: dict[str, float] = Field(default_factory=dict)  # what `rows` checks of that pass counted, by name
    passed: Measured | None = None  # of the newest pass on an older backup
