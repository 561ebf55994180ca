"""The description of the API (OpenAPI 3.1), made from the table of operations and the documents."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from restoredrill import __version__
from restoredrill.web.api.operations import PARTS, Operation
from restoredrill.web.api.paging import CURSOR, LIMIT, LIMIT_MAX
from restoredrill.web.safety.refusals import PROBLEM, Problem

_REFERENCE = "#/components/schemas/{model}"
_WORDS = {
    400: "The query can't be read",
    401: "Nobody is signed in",
    403: "Not allowed, or without the token of this session",
    404: "There is no such thing",
    405: "This can't be done here",
    409: "It can't be done as things are",
    413: "The request is too long",
    414: "The address is too long",
    415: "This kind of content is not taken",
    421: "This is not that host",
    422: "The document can't be understood",
    500: "It did not work",
    502: "The vault refuses",
    503: "What had to be asked does not answer",
}
_ANY = (400, 401, 403, 414, 421, 500, 503)
_CHANGING = (413, 415)


def description(operations: Sequence[Operation]) -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        paths.setdefault(f"/api{one.path}", {})[one.method.lower()] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {"title": "restoredrill", "version": __version__, "description": _ABOUT},
        "paths": paths,
        "components": {
            "schemas": _schemas(operations),
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": "restoredrill"},
                "token": {"type": "apiKey", "in": "header", "name": "X-CSRF-Token"},
            },
        },
    }


_ABOUT = (
    "What the dashboard shows, and what it can do. A program signs in at /sign-in like a person and keeps "
    "the cookie (`__Host-restoredrill` under TLS); whatever changes something takes along the token that "
    "/api/session tells. Problems are documents of RFC 9457."
)


def _operation(one: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": one.name,
        "summary": one.summary,
        "parameters": [*map(_part, one.parts), *(_PAGE if one.paged else ())],
        "responses": {str(one.status): _answer(one), **_problems(one)},
        "security": [{"session": [], "token": []}] if one.method == "POST" else [{"session": []}, {}],
    }
    if one.takes is not None:
        schema = {"$ref": _REFERENCE.format(model=one.takes.__name__)}
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return described


def _part(name: str) -> dict[str, Any]:
    pattern, words = PARTS[name]
    schema = {"type": "string", "pattern": pattern}
    return {"name": name, "in": "path", "required": True, "description": words, "schema": schema}


_PAGE: tuple[dict[str, Any], ...] = (
    {
        "name": "limit",
        "in": "query",
        "description": "So many at most",
        "schema": {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT},
    },
    {
        "name": "cursor",
        "in": "query",
        "description": "What `next` of the page before says",
        "schema": {"type": "string", "pattern": CURSOR},
    },
)


def _answer(one: Operation) -> dict[str, Any]:
    if one.gives is None:
        return {"description": "Done"}
    schema = {"$ref": _REFERENCE.format(model=one.gives.__name__)}
    return {"description": one.summary, "content": {"application/json": {"schema": schema}}}


def _problems(one: Operation) -> Mapping[str, Any]:
    statuses = {*_ANY, *one.problems}
    statuses |= {404} if one.parts else set()
    statuses |= set(_CHANGING) if one.method == "POST" else set()
    statuses |= {422} if one.takes is not None else set()
    content = {PROBLEM: {"schema": {"$ref": _REFERENCE.format(model="Problem")}}}
    return {str(status): {"description": _WORDS[status], "content": content} for status in sorted(statuses)}


def _schemas(operations: Iterable[Operation]) -> dict[str, Any]:
    given: list[type[BaseModel]] = [Problem]
    taken: list[type[BaseModel]] = []
    for one in operations:
        given += [one.gives] if one.gives is not None else []
        taken += [one.takes] if one.takes is not None else []
    pairs = [(model, "serialization") for model in dict.fromkeys(given)]
    pairs += [(model, "validation") for model in dict.fromkeys(taken)]
    _, schema = models_json_schema(pairs, by_alias=True, ref_template=_REFERENCE)  # type: ignore[arg-type]
    found: dict[str, Any] = schema["$defs"]
    return found
