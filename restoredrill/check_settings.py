"""The checks of a file in `schedules/`: a question about the restored database each, of exactly one kind."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from restoredrill.model import CheckSpec
from restoredrill.sections import Section, not_empty, something
from restoredrill.values import Count, Duration, Expectation, Words

CHECK_TIMEOUT_S = 60.0
COMMAND_TIMEOUT_S = 300.0


class RowsOptions(Section):
    """A table has so many rows: at least `min`, at most `max`."""

    table: Words
    min: Count | None = None
    max: Count | None = None

    @model_validator(mode="after")
    def _asks_something(self) -> "RowsOptions":
        if self.min is None and self.max is None:
            raise ValueError("needs min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is more than max {self.max}")
        return self


class FreshnessOptions(Section):
    """The newest value of a column is at most `max_age` old."""

    table: Words
    column: Words
    max_age_s: Duration = Field(alias="max_age")


def _one_kind(schema: dict[str, Any]) -> None:
    """What types can't tell a schema: exactly one kind, and `expect` with `sql` only."""
    for kind in CHECK_KINDS:
        wanted = schema["properties"][kind]["anyOf"]
        schema["properties"][kind] = next(option for option in wanted if option != {"type": "null"})
    schema["properties"]["command"]["minItems"] = 1
    schema["oneOf"] = [{"required": [kind]} for kind in CHECK_KINDS]
    schema["properties"]["expect"] = schema["properties"]["expect"]["anyOf"][0]
    schema["dependentRequired"] = {"sql": ["expect"], "expect": ["sql"]}


CHECK_KINDS = ("rows", "freshness", "sql", "command")


class CheckEntry(Section):
    """One question about the restored database, of exactly one kind."""

    model_config = ConfigDict(json_schema_extra=_one_kind)

    name: Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\r\n]*\S[^\r\n]*$")]
    rows: Annotated[RowsOptions | None, BeforeValidator(something)] = None
    freshness: Annotated[FreshnessOptions | None, BeforeValidator(something)] = None
    sql: Annotated[Words | None, BeforeValidator(something)] = None
    expect: Annotated[Expectation | None, BeforeValidator(something)] = None
    command: Annotated[tuple[Words, ...] | None, AfterValidator(not_empty), BeforeValidator(something)] = None
    timeout_s: Duration | None = Field(None, alias="timeout")

    @model_validator(mode="after")
    def _is_one_kind(self) -> "CheckEntry":
        kinds = [kind for kind in CHECK_KINDS if getattr(self, kind) is not None]
        if len(kinds) != 1:
            found = " and ".join(kinds) or "none"
            raise ValueError(f"needs exactly one of {', '.join(CHECK_KINDS)}; has {found}")
        if (self.expect is not None) != (self.sql is not None):
            raise ValueError('sql and expect go together, such as expect: "== 0"')
        return self

    def spec(self) -> CheckSpec:
        """The check as the job carries it. Its options are plain JSON values.

        rows: table, min, max; freshness: table, column, max_age_s; sql: sql, expect; command: argv. All:
        timeout_s.
        """
        timeout_s = self.timeout_s or (CHECK_TIMEOUT_S if self.command is None else COMMAND_TIMEOUT_S)
        if self.rows is not None:
            kind, options = "rows", self.rows.model_dump()
        elif self.freshness is not None:
            kind, options = "freshness", self.freshness.model_dump()
        elif self.sql is not None:
            kind, options = "sql", {"sql": self.sql, "expect": self.expect}
        else:
            kind, options = "command", {"argv": list(self.command or ())}
        return CheckSpec(name=self.name, kind=kind, options={**options, "timeout_s": timeout_s})
