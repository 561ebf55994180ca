"""What is known before a drill begins: findings to be ignored, and what earlier drills have said."""

from datetime import date
from typing import Literal

from pydantic import AwareDatetime, Field

from restoredrill.document import Document


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


class Before(Document):
    """What earlier drills of the same tier have said."""

    ignores: tuple[IgnoreUse, ...] = ()  # of the newest report
    rows: dict[str, float] = Field(default_factory=dict)  # what `rows` checks of that pass counted, by name
    passed: Measured | None = None  # of the newest pass on an older backup
