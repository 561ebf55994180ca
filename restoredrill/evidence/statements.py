"""What is signed: in-toto statements (version 1) with predicates of our own; README.md beside says what they
mean.
"""

import hashlib
import json
from typing import Any, Literal

from pydantic import Field, ValidationError

from restoredrill.document import Document
from restoredrill.model import Report, Verdict

STATEMENT = "https://in-toto.io/Statement/v1"
PAYLOAD = "application/vnd.in-toto+json"
DRILL = "urn:restoredrill:drill:1"
ARCHIVE = "urn:restoredrill:archive:1"


class Subject(Document):
    """Something that a statement is about, by its SHA-256."""

    name: str
    digest: dict[str, str]

    @property
    def sha256(self) -> str:
        return self.digest.get("sha256", "")


class Statement(Document):
    """An in-toto statement; `predicate` is one of ours."""

    type_: Literal["https://in-toto.io/Statement/v1"] = Field(
        "https://in-toto.io/Statement/v1", alias="_type"
    )
    subject: tuple[Subject, ...] = Field(min_length=1)
    predicate_type: str = Field(alias="predicateType")
    predicate: dict[str, Any]

    def sha256_of(self, name: str) -> str | None:
        """The digest of the subject of this name, if there is one."""
        return next((one.sha256 for one in self.subject if one.name == name), None)


class DrillPredicate(Document):
    """What a signature under a report says besides the report's digest."""

    drill: str
    database: str
    verdict: Verdict
    backup: str | None
    started_at: str
    finished_at: str
    made_by: str

    @classmethod
    def of(cls, report: Report) -> "DrillPredicate":
        return cls(
            drill=report.drill,
            database=report.database,
            verdict=report.verdict,
            backup=None if report.backup is None else report.backup.id,
            started_at=report.started_at.isoformat(),
            finished_at=report.finished_at.isoformat(),
            made_by=report.made_by,
        )


def sha256(body: bytes) -> str:
    """In hexadecimal digits, as everywhere."""
    return hashlib.sha256(body).hexdigest()


def of_drill(report: bytes, manifest: bytes | None) -> bytes:
    """The statement about one report, and the manifest of the backup that it drilled. `ValueError` for what
    is no report.
    """
    told = _report(report)
    subjects = [_subject(report_name(told.drill), report)]
    if manifest is not None and told.backup is not None:
        subjects.append(_subject(manifest_name(told.backup.id), manifest))
    predicate = DrillPredicate.of(told).model_dump(mode="json")
    return _statement(subjects, DRILL, predicate)


def of_archive(index_name: str, index: bytes, predicate: dict[str, Any]) -> bytes:
    """The statement about an archive: its index holds the digest of everything in it."""
    return _statement([_subject(index_name, index)], ARCHIVE, predicate)


def parsed(payload: bytes) -> Statement:
    """`ValueError` for what is no statement."""
    try:
        return Statement.model_validate_json(payload)
    except ValidationError as error:
        raise ValueError("what is signed is no in-toto statement") from error


def report_name(drill: str) -> str:
    """Where a report lies, in a vault as in an archive."""
    return f"drills/{drill}/report.json"


def manifest_name(backup: str) -> str:
    """Where a backup's manifest lies, in a vault as in an archive."""
    return f"backups/{backup}/manifest.json"


def _report(body: bytes) -> Report:
    try:
        return Report.model_validate_json(body)
    except ValidationError as error:
        raise ValueError("no report") from error


def _subject(name: str, body: bytes) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": sha256(body)}}


def _statement(subjects: list[dict[str, Any]], kind: str, predicate: dict[str, Any]) -> bytes:
    document = {"_type": STATEMENT, "subject": subjects, "predicateType": kind, "predicate": predicate}
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
