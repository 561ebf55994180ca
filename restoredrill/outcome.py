"""What became of a backup that was taken on a machine: the machine's own word, beside its events."""

from typing import Literal

from pydantic import AwareDatetime, Field

from restoredrill import secret
from restoredrill.document import Document
from restoredrill.errors import Exit, RestoredrillError
from restoredrill.model import ID_PATTERN, MachineFacts


class Trouble(Document):
    """An error as a document: the parts of it, and what it was called."""

    kind: str  # SourceDenied
    operation: str
    thing: str
    reason: str
    hint: str = ""
    exit: int = int(Exit.INCONCLUSIVE)

    @classmethod
    def of(cls, error: RestoredrillError) -> "Trouble":
        """An error's parts, without what the machine was told in confidence."""
        return cls(
            kind=type(error).__name__,
            operation=error.operation,
            thing=secret.redact(error.thing),
            reason=secret.redact(error.reason),
            hint=error.hint,
            exit=int(error.exit_code),
        )

    def error(self) -> RestoredrillError:
        """An error with the same words and the same exit status."""
        made = RestoredrillError(self.operation, self.thing, self.reason, hint=self.hint)
        known = {status.value for status in Exit}
        made.exit_code = Exit(self.exit) if self.exit in known else Exit.INCONCLUSIVE
        return made


class BackupOutcome(Document):
    """`jobs/<backup id>/outcome.json`. The manifest is the proof of a backup; this says why there is none."""

    schema_: Literal["restoredrill.backup-outcome/1"] = Field("restoredrill.backup-outcome/1", alias="schema")
    backup: str = Field(pattern=ID_PATTERN.pattern)
    database: str
    taken: bool
    machine: MachineFacts
    trouble: Trouble | None = None
    finished_at: AwareDatetime
    made_by: str = ""
