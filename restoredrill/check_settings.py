"""The checks of a file in `schedules/`: a question about the restored database each, of exactly one kind."""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from restoredrill.model import CheckSpec
from restoredrill.sections import Section, not_empty, something
from restoredrill.values import Count, Duration, Expectation, Flag, Growth, Share, Words

CHECK_TIMEOUT_S = 60.0
COMMAND_TIMEOUT_S = 300.0


def _names(value: object) -> object:
    return [value] if isinstance(value, str) else value


_NAME = {"type": "string", "minLength": 1, "pattern": r"\S"}
Names = Annotated[
    tuple[Words, ...],
    BeforeValidator(_names),
    AfterValidator(not_empty),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1, "pattern": r"\S"},
                {
                    "type": "array",
                    "minItems": 1,
                    "items": {"type": "string", "minLength": 1, "pattern": r"\S"},
                },
            ]
        }
    ),
]


class RowsOptions(Section):
    """A table has so many rows: at least `min`, at most `max`; and not so many fewer or more than before."""

    table: Words
    min: Count | None = None
    max: Count | None = None
    max_fall: Share | None = None
    max_growth: Growth | None = None

    @model_validator(mode="after")
    def _asks_something(self) -> "RowsOptions":
        if (self.min, self.max, self.max_fall, self.max_growth) == (None, None, None, None):
            raise ValueError("needs min, max, max_fall or max_growth")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is more than max {self.max}")
        return self


class FreshnessOptions(Section):
    """The newest value of a column is at most `max_age` old."""

    table: Words
    column: Words
    max_age_s: Duration = Field(alias="max_age")


class UniqueOptions(Section):
    """No two rows of a table have the same values in some columns."""

    table: Words
    columns: Names
    nulls: Literal["distinct", "same"] = "distinct"


class ReferencesOptions(Section):
    """Every row of a table finds the row of another that it refers to."""

    table: Words
    columns: Names
    to: Words
    to_columns: Names

    @model_validator(mode="after")
    def _as_many(self) -> "ReferencesOptions":
        if len(self.columns) != len(self.to_columns):
            raise ValueError(f"{len(self.columns)} columns can't refer to {len(self.to_columns)}")
        return self


class QueryTimeOptions(Section):
    """A query is answered in time: the median of some runs."""

    sql: Words
    max_s: Duration = Field(alias="max")
    runs: Annotated[int, Field(strict=True, ge=1, le=100)] = 3


class SchemaOptions(Section):
    """Every object is as a file beside this one says; `restoredrill reference NAME` writes it."""

    reference: Words


def _one_kind(schema: dict[str, Any]) -> None:
    """What types can't tell a schema: exactly one kind, and `expect` with `sql` only."""
    for kind in CHECK_KINDS:
        wanted = schema["properties"][kind]["anyOf"]
        schema["properties"][kind] = next(option for option in wanted if option != {"type": "null"})
    schema["properties"]["command"]["minItems"] = 1
    schema["oneOf"] = [{"required": [kind]} for kind in CHECK_KINDS]
    expected = schema["properties"]["expect"]["anyOf"]
    schema["properties"]["expect"] = {"anyOf": [form for form in expected if form != {"type": "null"}]}
    schema["dependentRequired"] = {"sql": ["expect"], "expect": ["sql"], "write": ["command"]}


CHECK_KINDS = ("rows", "freshness", "unique", "references", "query_time", "schema", "sql", "command")


class CheckEntry(Section):
    """One question about the restored database, of exactly one kind."""

    model_config = ConfigDict(json_schema_extra=_one_kind)

    name: Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\r\n]*\S[^\r\n]*$")]
    rows: Annotated[RowsOptions | None, BeforeValidator(something)] = None
    freshness: Annotated[FreshnessOptions | None, BeforeValidator(something)] = None
    unique: Annotated[UniqueOptions | None, BeforeValidator(something)] = None
    references: Annotated[ReferencesOptions | None, BeforeValidator(something)] = None
    query_time: Annotated[QueryTimeOptions | None, BeforeValidator(something)] = None
    schema_: Annotated[SchemaOptions | None, BeforeValidator(something)] = Field(None, alias="schema")
    sql: Annotated[Words | None, BeforeValidator(something)] = None
    expect: Annotated[Expectation | None, BeforeValidator(something)] = None
    command: Annotated[tuple[Words, ...] | None, AfterValidator(not_empty), BeforeValidator(something)] = None
    write: Flag = False
    timeout_s: Duration | None = Field(None, alias="timeout")

    @model_validator(mode="after")
    def _is_one_kind(self) -> "CheckEntry":
        kinds = [kind for kind in CHECK_KINDS if self._of(kind) is not None]
        if len(kinds) != 1:
            found = " and ".join(kinds) or "none"
            raise ValueError(f"needs exactly one of {', '.join(CHECK_KINDS)}; has {found}")
        if (self.expect is not None) != (self.sql is not None):
            raise ValueError('sql and expect go together, such as expect: "== 0"')
        if "write" in self.model_fields_set and self.command is None:
            raise ValueError("write is for a command: every other check only reads")
        return self

    def _of(self, kind: str) -> Any:
        return getattr(self, "schema_" if kind == "schema" else kind)

    def spec(self) -> CheckSpec:
        """The check as the job carries it. Its options are plain JSON values.

        rows: table, min, max, max_fall, max_growth; freshness: table, column, max_age_s; unique: table,
        columns, nulls_equal; references: table, columns, to, to_columns; query_time: sql, max_s, runs;
        schema: reference (a path, until its text is put in its place); sql: sql, expect; command: argv,
        write. All: timeout_s.
        """
        timeout_s = self.timeout_s or (CHECK_TIMEOUT_S if self.command is None else COMMAND_TIMEOUT_S)
        kind = next(kind for kind in CHECK_KINDS if self._of(kind) is not None)
        options = {**self._options(kind), "timeout_s": timeout_s}
        return CheckSpec(name=self.name, kind=kind, options=options)

    def _options(self, kind: str) -> dict[str, Any]:
        match kind:
            case "sql":
                return {"sql": self.sql, "expect": self.expect}
            case "command":
                return {"argv": list(self.command or ()), "write": self.write}
        options: dict[str, Any] = self._of(kind).model_dump(mode="json")
        if kind == "unique":
            options["nulls_equal"] = options.pop("nulls") == "same"
        return options
