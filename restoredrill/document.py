"""What every document in the vault has in common."""

from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    """Base of everything that is written to the vault as JSON: frozen, and a field that a later version
    added is ignored, not refused, since old binaries must read new backups.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)
