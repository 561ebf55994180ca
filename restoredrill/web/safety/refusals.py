"""How a request is refused: a problem document (RFC 9457) for programs, a plain page for people."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape

from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from restoredrill.document import Document

API = "/api/"
PROBLEM = "application/problem+json"


class Problem(Document):
    """What is wrong, where, and what to do next (RFC 9457; `hint` is ours)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""
    instance: str = ""
    hint: str = ""


@dataclass(eq=False)
class Refusal(Exception):
    """Why a request is not answered. `detail` has no full stop, `hint` says what to do next."""

    status: int
    title: str
    detail: str = ""
    hint: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def problem(self, path: str) -> Problem:
        """As a document about `path`."""
        return Problem(
            title=self.title, status=self.status, detail=self.detail, instance=path[:200], hint=self.hint
        )


def answer(scope: Scope, refusal: Refusal) -> Response:
    """To whoever asked."""
    path = scope["path"]
    if path.startswith(API):
        document = refusal.problem(path).model_dump()
        return JSONResponse(document, refusal.status, dict(refusal.headers), PROBLEM)
    return Response(_page(refusal), refusal.status, dict(refusal.headers), "text/html")


def nothing(what: str) -> Refusal:
    """There is none of this name."""
    return Refusal(404, f"There is no such {what}", hint="the list that it would be in tells the names")


def bounce(path: str) -> Response:
    """A page that opens `path` at once. A cookie that is kept from other sites is not sent where a link on
    one of those was followed, but is with what our own page opens.
    """
    here = escape(path)
    return Response(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>restoredrill</title>'
        f'<meta http-equiv="refresh" content="0; url={here}"></head>'
        f'<body><main><h1>One moment</h1><p><a href="{here}">Go on</a></p></main></body></html>',
        media_type="text/html",
    )


def _page(refusal: Refusal) -> str:
    said = (refusal.detail, refusal.hint)
    words = "".join(f"<p>{escape(one[:1].upper() + one[1:])}.</p>" for one in said if one)
    title = escape(refusal.title)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{title} - restoredrill</title><link rel="icon" href="/static/icon.svg">'
        '<link rel="stylesheet" href="/static/report.css">'
        '<link rel="stylesheet" href="/static/style.css"></head>'
        f'<body class="board alone"><main><h1>{title}</h1>{words}'
        '<p><a href="/">To the overview</a></p></main></body></html>'
    )
