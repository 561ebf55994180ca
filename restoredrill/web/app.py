"""The dashboard as one application: pages and API behind the same guards."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from restoredrill import clock
from restoredrill.reports import html
from restoredrill.web import vitals
from restoredrill.web.api.routes import api
from restoredrill.web.desk import Desk
from restoredrill.web.pages import database, drill, leases, now
from restoredrill.web.safety import signing_in
from restoredrill.web.safety.entrance import Entrance
from restoredrill.web.safety.guards import guards

STATIC = Path(__file__).parent / "static"


def create(desk: Desk, entrance: Entrance, alive: vitals.Alive, figures: vitals.Render) -> Starlette:
    """For uvicorn with `safety.listening.SERVER_OPTIONS`, without which the guards are not right."""
    pages = [one for module in (now, database, drill, leases) for one in module.routes(desk, clock.utcnow)]
    app = Starlette(
        routes=[
            *pages,
            api(desk, clock.utcnow),
            *signing_in.routes(),
            *vitals.routes(alive, figures),
            Route("/static/report.css", _report_css),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=list(guards(entrance)),
    )
    app.router.redirect_slashes = False
    return app


async def _report_css(_request: Request) -> Response:
    return Response(html.style_sheet(), media_type="text/css")
