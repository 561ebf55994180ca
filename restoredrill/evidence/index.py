"""What an archive says it holds; everything else is held against this, and this against its signature."""

from typing import Literal

from pydantic import Field

from restoredrill.document import Document
from restoredrill.evidence.coverage import Period

INDEX, SIGNED_INDEX = "index.json", "index.dsse.json"
COVERAGE, SUMMARY, README, PUBLIC_KEY = "coverage.json", "summary.html", "README.txt", "public-key.pem"


class IndexedFile(Document):
    """A file in an archive."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size_bytes: int = Field(ge=0)


class Index(Document):
    """`index.json`: every file of an archive but this one and the signature under it."""

    schema_: Literal["restoredrill.evidence/1"] = Field("restoredrill.evidence/1", alias="schema")
    period: Period
    files: dict[str, IndexedFile]
