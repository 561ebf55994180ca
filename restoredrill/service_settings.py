"""What `schedules/_service.yaml` may say: restoredrill itself, beside the databases it looks after."""

from pydantic import BaseModel, ConfigDict, Field

from restoredrill.values import Duration, Reference, Words

FILE = "_service.yaml"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HistorySettings(_Section):
    """The index. `url`: sqlite or postgresql; none given: a file in the state directory."""

    url: Words | None = None  # may hold references
    keep_s: Duration = Field(400 * 86400.0, alias="keep", json_schema_extra={"default": "400d"})


class EvidenceSettings(_Section):
    """Every report is signed with this Ed25519 key (a PEM file)."""

    key: Reference | None = None


class ServiceSettings(_Section):
    """The whole file; without it everything has its default."""

    history: HistorySettings = HistorySettings()
    evidence: EvidenceSettings = EvidenceSettings()
