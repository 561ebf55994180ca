"""Somebody at the dashboard, with a jar for cookies; and a small application behind the guards."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import argon2
import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from restoredrill.errors import HistoryError
from restoredrill.records import AuditEntry
from restoredrill.service_settings import User, WebSettings
from restoredrill.web.safety.accounts import Accounts, write_key
from restoredrill.web.safety.entrance import Entrance, visit
from restoredrill.web.safety.guards import guards
from restoredrill.web.safety.patience import Patience
from restoredrill.web.safety.refusals import Refusal
from restoredrill.web.safety.sessions import Sessions
from restoredrill.web.safety.signing_in import csrf_field, routes

CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)  # tests sign in often
ANNA = User(name="anna", password=CHEAP.hash("correct horse"), role="run")
REED = User(name="reed", password=CHEAP.hash("only looking"), role="read")


class Times:
    """A clock that stands still until somebody moves it."""

    def __init__(self) -> None:
        self.at = datetime(2026, 9, 23, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def now_s(self) -> float:
        return self.at.timestamp()

    def pass_by(self, **some: float) -> None:
        self.at += timedelta(**some)


@dataclass
class Dashboard:
    """What was made for a test: the settings may be changed, the audit log looked at."""

    settings: WebSettings
    state: Path
    times: Times = field(default_factory=Times)
    audited: list[AuditEntry] = field(default_factory=list)
    audit: Callable[[AuditEntry], None] | None = None
    session_key: str | None = None

    def __post_init__(self) -> None:
        self.key = write_key(self.state)
        accounts = Accounts(lambda: self.settings, self.key)
        self.entrance = Entrance(
            lambda: self.settings,
            accounts,
            Sessions(self.session_key),
            self.audit or self.audited.append,
            Patience(self.times.now_s),
            self.times.now,
        )
        self.app = _app(self.entrance)

    def visitor(self, url: str = "http://localhost:8765", address: str = "127.0.0.1") -> "Visitor":
        return Visitor(self.app, url, address)


class Visitor:
    """A browser, less what it shows: keeps cookies, follows nothing."""

    def __init__(self, app: ASGIApp, url: str = "http://localhost:8765", address: str = "127.0.0.1") -> None:
        self.app = app
        self.url = url
        self.address = address
        self.cookies = httpx.Cookies()

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(
                self.app, raise_app_exceptions=False, client=(self.address, 50_000)
            )
            async with httpx.AsyncClient(
                transport=transport, base_url=self.url, cookies=self.cookies
            ) as client:
                answer = await client.request(method, path, **more)
                self.cookies = client.cookies
                return answer

        return anyio.run(call)

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.ask("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self.ask("POST", path, **more)

    def token(self, path: str = "/sign-in") -> str:
        """Out of the form that a page holds."""
        page = self.get(path).text
        return page.partition('name="csrf_token" value="')[2].partition('"')[0]

    def sign_in(self, name: str, password: str, **more: str) -> httpx.Response:
        fields = {"name": name, "password": password, "csrf_token": self.token(), **more}
        return self.post("/sign-in", data=fields)

    def do(self, fields: Mapping[str, str] | None = None, headers: Sequence[tuple[str, str]] = ()) -> int:
        """The status of a deed with the token of the page before."""
        whole = {"csrf_token": self.token("/"), **(fields or {})}
        return self.post("/deed", data=whole, headers=list(headers)).status_code


def _app(entrance: Entrance) -> Starlette:
    async def front(request: Request) -> Response:
        name = request.state.caller.name
        return HTMLResponse(f"{name} {request.state.may_run} {csrf_field(request)}", headers={"server": "x"})

    async def deed(request: Request) -> Response:
        if "quietly" not in (await request.body()).decode():
            visit(request).note("run drill", "shop", "latest")
        return JSONResponse({"done": True})

    async def plain(_request: Request) -> Response:
        return PlainTextResponse("fine")

    async def lost(_request: Request) -> Response:
        raise HistoryError("read", "drills", "the disk is gone", hint="look at it")

    async def refused(_request: Request) -> Response:
        raise Refusal(418, "Teapot")

    async def broken(_request: Request) -> Response:
        raise ValueError("hunter2 is wrong")

    own = [
        Route("/lost", lost),
        Route("/refused", refused),
        Route("/broken", broken),
        Route("/", front),
        Route("/deed", deed, methods=["POST"]),
        Route("/api/deed", deed, methods=["POST", "PUT", "DELETE"]),
        Route("/api/things", plain),
        Route("/static/style.css", plain),
        Route("/healthz", plain),
        Route("/metrics", plain),
    ]
    return Starlette(routes=[*own, *routes()], middleware=list(guards(entrance)))
