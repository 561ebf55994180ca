"""What every section of a file in `schedules/` has in common."""

from pydantic import BaseModel, ConfigDict


def not_empty(items: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """No list may be given for nothing."""
    if items == ():
        raise ValueError("must not be an empty list")
    return items


def something(value: object) -> object:
    """A name with nothing below it is a slip and no default."""
    if value is None:
        raise ValueError("has nothing below it; write {} for the defaults, or remove the line")
    return value


class Section(BaseModel):
    """Base of everything in a file: nothing unknown, nothing changed later."""

    model_config = ConfigDict(frozen=True, extra="forbid")
