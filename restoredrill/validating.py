"""From what a YAML file holds to a frozen model; every problem with file, line and path. Pure."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from restoredrill import yaml_lines
from restoredrill.errors import ConfigError

_Settings = TypeVar("_Settings", bound=BaseModel)


def malformed(error: yaml_lines.Malformed, where: str) -> list[str]:
    """What is wrong with a text that is no YAML, one line each."""
    return [f"{where}:{p.line}: {_spell(p.path)}{p.reason}" for p in error.problems]


def validate(parsed: yaml_lines.Parsed, where: str, kind: type[_Settings]) -> _Settings:
    """The file as a `kind`. Raises `ConfigError`; `where` is what its problems start with."""
    try:
        return kind.model_validate(parsed.data)
    except ValidationError as error:
        found = sorted((parsed.line(_path(e)), _spell(_path(e)) + _reason(e, kind)) for e in error.errors())
        raise ConfigError(where, tuple(f"{where}:{line}: {reason}" for line, reason in found)) from None


_REASONS = {
    "missing": "is missing",
    "string_type": "must be a text; quotes make it one",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "model_type": "must have keys of its own below it",
    "string_too_short": "must not be empty",
    "too_short": "must not be an empty list",
}


def _reason(error: ErrorDetails, kind: type[BaseModel]) -> str:
    context = error.get("ctx", {})
    match error["type"]:
        case "extra_forbidden":
            return _unknown_key(_path(error), kind)
        case "value_error":
            return str(context["error"])
        case "literal_error" | "enum":
            return f"must be {str(context['expected']).replace(chr(39), '')}"
        case "greater_than":
            return f"must be more than {context['gt']:g}"
        case "greater_than_equal":
            return f"must be {context['ge']} or more"
        case "less_than_equal":
            return f"must be {context['le']} or less"
        case "string_pattern_mismatch":
            return "must not be blank" if context["pattern"] == r"\S" else f"must match {context['pattern']}"
    return _REASONS.get(error["type"], error["msg"][:1].lower() + error["msg"][1:])


def _unknown_key(path: yaml_lines.Path, kind: type[BaseModel]) -> str:
    section = _section(path[:-1], kind)
    there = [field.alias or name for name, field in section.model_fields.items()]
    near = get_close_matches(str(path[-1]), there, n=1)
    return "unknown key; " + (f"did you mean {near[0]}?" if near else f"there is {', '.join(there)}")


def _section(path: yaml_lines.Path, kind: type[BaseModel]) -> type[BaseModel]:
    section = kind
    for step in path:
        if isinstance(step, str):
            fields = {field.alias or name: field for name, field in section.model_fields.items()}
            section = next(_models(fields[step].annotation))
    return section


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models a field's type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _path(error: ErrorDetails) -> yaml_lines.Path:
    return tuple(error["loc"])


def _spell(path: yaml_lines.Path) -> str:
    """`drill.checks[2].rows: `, or nothing for the whole file."""
    spelt = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return f"{spelt.removeprefix('.')}: " if spelt else ""
