"""What every page does: gather in a thread, and say in our own words what went wrong."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from restoredrill.errors import RestoredrillError
from restoredrill.web.desk import Desk
from restoredrill.web.safety.limits import BODY
from restoredrill.web.safety.refusals import Refusal, answer, nothing
from restoredrill.web.safety.trouble import refusal
from restoredrill.web.templating import page

Now = Callable[[], datetime]
Facts = Mapping[str, Any]


def shown(path: str, template: str, gather: Callable[[Request], Facts], now: Now) -> Route:
    """A page: `gather` raises `Refusal` for what there is not, and errors of the world."""

    async def show(request: Request) -> Response:
        try:
            facts = await anyio.to_thread.run_sync(gather, request)
        except Refusal as refused:
            return answer(request.scope, refused)
        except RestoredrillError as error:
            return answer(request.scope, refusal(error))
        return page(request, template, now(), **facts)

    return Route(path, show, methods=["GET"])


def done(path: str, do: Callable[[Request, Mapping[str, str]], str]) -> Route:
    """A form: `do` returns where to go next."""

    async def act(request: Request) -> Response:
        sent = parse_qs(request.scope[BODY].decode("utf-8", "replace"))
        fields = {name: values[0] for name, values in sent.items()}
        try:
            where = await anyio.to_thread.run_sync(do, request, fields)
        except Refusal as refused:
            return answer(request.scope, refused)
        except RestoredrillError as error:
            return answer(request.scope, refusal(error))
        return RedirectResponse(where, 303)

    return Route(path, act, methods=["POST"])


def named(request: Request, desk: Desk) -> str:
    """The database of the address. Raises `Refusal` where there is none."""
    name = str(request.path_params["name"])
    if name not in desk.loaded().databases:
        raise nothing("database")
    return name
