"""What every section of a file in `schedules/` has in common."""

from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.json_schema import GenerateJsonSchema


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


class _Plainly(GenerateJsonSchema):
    """Without a title for every field, which only repeats its name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def schema_of(file: type[BaseModel], title: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a file."""
    schema = file.model_json_schema(schema_generator=_Plainly)
    return {"$schema": GenerateJsonSchema.schema_dialect, **schema, "title": title}
