"""Where anything is printed: answers on standard output, complaints on standard error."""

import contextlib
import dataclasses
import json
import os
import sys
from datetime import datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from restoredrill import secret
from restoredrill.errors import ConfigError, PlanUnmet, RestoredrillError

if TYPE_CHECKING:  # imported where it is used, as most answers need none of it
    from rich.console import RenderableType

_WIDTH_ELSEWHERE = 120  # columns where there is no terminal to ask


def show(text: "RenderableType") -> None:
    """Print on standard output. If nobody reads any more, nothing is printed from now on, and that is no
    error.

    Raises `RestoredrillError` if it can't be written for another reason (a full disk).
    """
    try:
        if isinstance(text, str):
            print(secret.redact(text), flush=True)
        else:
            _render(text)
    except BrokenPipeError:
        close()
    except OSError as error:
        close()
        raise RestoredrillError("write", "standard output", str(error.strerror).lower()) from error


def close() -> None:
    """Nobody reads standard output: let the rest go nowhere, also what the interpreter flushes in the end."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def complain(line: str) -> None:
    """Print on standard error, without any secret that was resolved; silent if that is closed."""
    with contextlib.suppress(OSError, ValueError):
        print(secret.redact(line), file=sys.stderr, flush=True)


def to_json(document: Any) -> str:
    """Values, dataclasses, pydantic models, times and paths as JSON text, without any resolved secret."""
    return secret.redact(json.dumps(document, indent=2, default=_plain))


def describe(error: RestoredrillError) -> dict[str, Any]:
    """An error as `--json` prints it."""
    problems = list(_problems(error))
    return {
        "operation": error.operation,
        "thing": error.thing,
        "reason": f"{len(problems)} problems" if len(problems) > 1 else error.reason,
        "hint": error.hint,
        "problems": problems,
    }


def explain(error: RestoredrillError) -> list[str]:
    """An error in lines for people."""
    problems = _problems(error)
    if len(problems) > 1:
        lines = [f"restoredrill: {error.thing}: {len(problems)} problems", *(f"  {p}" for p in problems)]
    elif problems and problems[0].startswith(error.thing):
        lines = [f"restoredrill: {problems[0]}"]
    else:
        lines = [f"restoredrill: {error}"]
    return [*lines, f"hint: {error.hint}"] if error.hint else lines


def _problems(error: RestoredrillError) -> tuple[str, ...]:
    """The single ones of an error that gathers them."""
    return error.problems if isinstance(error, ConfigError | PlanUnmet) else ()


def _render(text: "RenderableType") -> None:
    from rich.console import Console

    width = None if sys.stdout.isatty() else _WIDTH_ELSEWHERE
    Console(file=sys.stdout, width=width, highlight=False).print(text)
    sys.stdout.flush()


def _plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"a {type(value).__name__} has no form in JSON")
