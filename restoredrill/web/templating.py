"""Templates to pages: filters for figures, and what every page needs."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment
from markupsafe import escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from restoredrill import __version__
from restoredrill.reports import html, units
from restoredrill.reports.escaping import visible
from restoredrill.web.safety.entrance import visit
from restoredrill.web.safety.signing_in import csrf_field


def page(request: Request, template: str, now: datetime, status: int = 200, **facts: Any) -> Response:
    """A page as HTML."""
    common = {
        "request": request,
        "now": now,
        "version": __version__,
        "caller": visit(request).caller,
        "may_run": request.state.may_run,
        "csrf_field": csrf_field,
        "here": request.url.path,
    }
    text = _environment().get_template(template).render({**common, **facts})
    return HTMLResponse(text, status)


@cache
def _environment() -> Environment:
    environment = html.environment("restoredrill.web")
    environment.filters |= _FILTERS
    return environment


_FILTERS: Mapping[str, Any] = {
    "money": units.money,
    "percent": units.percent,
    "ago": units.ago,
    "count": lambda number: f"{number:,}",
    "visible_lines": lambda text: escape(visible(text, keep_newlines=True)),
}
