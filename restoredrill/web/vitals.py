"""For programs that look after the service: is it alive, and its figures."""

from collections.abc import Callable
from datetime import datetime
from typing import Literal

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from restoredrill.document import Document
from restoredrill.errors import RestoredrillError
from restoredrill.web.safety.gate import HEALTH, METRICS
from restoredrill.web.safety.refusals import Refusal, answer

STALE_TICKS = 12  # so many missed: whoever watches should start it anew
STALE_LEAST_S = 120.0  # a tick may have much to do

Alive = Callable[[], "Health"]
Render = Callable[[str], tuple[bytes, str]]
"""render(accept): the figures, and what kind of content that is."""


class Health(Document):
    """Tells nothing that a stranger should not know."""

    status: Literal["ok", "stale"]
    role: Literal["leader", "follower"]
    tick_age_s: float


def health(leads: bool, ticked_at: datetime, ticks_s: float, now: datetime) -> Health:
    """Alive means that the controller has ticked lately. Who follows looks, too, so the same holds. Pure."""
    age = max(0.0, (now - ticked_at).total_seconds())
    stale = age > max(STALE_LEAST_S, STALE_TICKS * ticks_s)
    return Health(
        status="stale" if stale else "ok",
        role="leader" if leads else "follower",
        tick_age_s=round(age, 1),
    )


def routes(health: Alive, render: Render | None) -> list[BaseRoute]:
    """To be put into the application, behind the gate, which lets strangers ask for the first."""

    async def tell(_request: Request) -> Response:
        found = health()  # looks at memory alone: the history may be what does not answer
        status = 200 if found.status == "ok" else 503
        return Response(found.model_dump_json(), status, media_type="application/json")

    async def figures(request: Request) -> Response:
        if render is None:
            return answer(request.scope, Refusal(404, "There are no figures"))
        try:
            accept = request.headers.get("accept", "")
            body, kind = await anyio.to_thread.run_sync(render, accept)
        except RestoredrillError as error:
            return answer(request.scope, Refusal(503, "The figures can't be told", str(error), error.hint))
        return Response(body, headers={"Content-Type": kind})

    return [Route(HEALTH, tell, methods=["GET"]), Route(METRICS, figures, methods=["GET"])]
