"""What every request goes through before anything answers it: is the host ours, who is it, may they, and was
it one of our own pages that sent them.
"""

import contextlib
from urllib.parse import parse_qs, quote, urlsplit

import anyio.to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from restoredrill.errors import HistoryError
from restoredrill.service_settings import WebSettings
from restoredrill.web.safety import addresses
from restoredrill.web.safety.entrance import Entrance, Visit
from restoredrill.web.safety.headers import STATIC, under_tls
from restoredrill.web.safety.limits import BODY, CHANGING
from restoredrill.web.safety.refusals import API, Refusal, answer, bounce

SIGN_IN, SIGN_OUT = "/sign-in", "/sign-out"
HEALTH, METRICS = "/healthz", "/metrics"
FIELD, HEADER = "csrf_token", "x-csrf-token"
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
FIELDS_MAX = 100


class Gate:
    """Behind `Limits`, which has read the body. Sets `request.state`: `visit`, `caller`, `may_run`."""

    def __init__(self, app: ASGIApp, entrance: Entrance) -> None:
        self._app = app
        self._entrance = entrance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            visit = self._let_in(scope)
        except _ToSignIn:
            await _to_sign_in(scope)(scope, receive, send)
            return
        except Refusal as refusal:
            await answer(scope, refusal)(scope, receive, send)
            return
        status = 0

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._keep(visit, MutableHeaders(scope=message))
            await send(message)

        await self._app(scope, receive, send_on)
        if scope["method"] in CHANGING and not visit.noted and status < 400:
            await anyio.to_thread.run_sync(_note, visit, f"{scope['method']} {scope['path']}")

    def _let_in(self, scope: Scope) -> Visit:
        """Raises `Refusal`, `_ToSignIn`."""
        settings, headers = self._entrance.settings(), Headers(scope=scope)
        if scope["path"] != HEALTH:
            _check_host(headers, settings)
        visit = self._entrance.visit(scope)
        if scope["method"] in CHANGING:
            _check_origin(headers, scope["scheme"], settings)
            _check_token(headers, scope[BODY], visit)
        _check_role(scope, visit, settings)
        state = scope.setdefault("state", {})
        state["visit"], state["caller"] = visit, visit.caller
        state["may_run"] = visit.caller is not None and visit.caller.may_run
        return visit

    def _keep(self, visit: Visit, headers: MutableHeaders) -> None:
        secure = "; Secure" if under_tls(self._entrance.settings()) else ""
        rest = f"; Path=/; HttpOnly; SameSite=Strict{secure}"
        if visit.given is not None:
            value = self._entrance.sessions.cookie(visit.given)
            headers.append("Set-Cookie", f"{self._entrance.cookie}={value}{rest}")
        elif visit.taken:
            headers.append("Set-Cookie", f"{self._entrance.cookie}=; Max-Age=0{rest}")


class _ToSignIn(Exception):
    """A person has to sign in first."""


def _note(visit: Visit, what: str) -> None:
    """Whatever no handler has written down itself. It is done already, so a history that fails changes
    nothing any more.
    """
    with contextlib.suppress(HistoryError):
        visit.note(what)


def _check_host(headers: Headers, settings: WebSettings) -> None:
    named = headers.getlist("host")
    if len(named) != 1 or not addresses.is_ours(named[0], settings):
        hint = "ask for the address it listens on, or set web.url (and users or proxy) in _service.yaml"
        raise Refusal(421, "This is not that host", hint=hint)


def _check_origin(headers: Headers, scheme: str, settings: WebSettings) -> None:
    """A browser says where a request comes from; who says nothing at all is no browser, and needs a token
    like everybody.
    """
    site = headers.getlist("sec-fetch-site")
    ours = addresses.origins(headers["host"], scheme, settings)
    named = [one.lower() for one in headers.getlist("origin")]
    if not named:
        for referrer in headers.getlist("referer"):
            parts = urlsplit(referrer)
            named.append(f"{parts.scheme}://{parts.netloc}".lower())
    if site not in ([], ["same-origin"]) or any(one not in ours for one in named):
        hint = "open the page here and send it again; behind a proxy, set web.url"
        raise Refusal(403, "This was sent by another page", hint=hint)


def _check_token(headers: Headers, body: bytes, visit: Visit) -> None:
    """A program sends the token in a header; `GET /api/session` tells it."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind not in (FORM, JSON):
        raise Refusal(415, "This kind of content is not taken", f"send {FORM} or {JSON}")
    tokens = headers.getlist(HEADER)
    if not tokens and kind == FORM:
        tokens = _fields(body).get(FIELD, [])
    if len(tokens) != 1 or not visit.has(tokens[0]):
        hint = "load the page again; a program sends what GET /api/session calls token as X-CSRF-Token"
        raise Refusal(403, "The form is out of date, or not ours", hint=hint)


def _fields(body: bytes) -> dict[str, list[str]]:
    try:
        return parse_qs(body.decode("utf-8"), max_num_fields=FIELDS_MAX, keep_blank_values=True)
    except ValueError:
        raise Refusal(400, "The form can't be read") from None


def _check_role(scope: Scope, visit: Visit, settings: WebSettings) -> None:
    path = scope["path"]
    if path in (SIGN_IN, HEALTH) or path.startswith(STATIC):
        return
    if visit.caller is None:
        if path == METRICS and _may_scrape(scope, settings):
            return
        if scope["method"] in CHANGING or path.startswith(API) or path == METRICS:
            hint = f"sign in at {SIGN_IN}"
            raise Refusal(401, "Nobody is signed in", hint=hint, headers={"WWW-Authenticate": "Session"})
        raise _ToSignIn
    if scope["method"] in CHANGING and not visit.caller.may_run and path != SIGN_OUT:
        hint = f"sign in as somebody with the role run, at {SIGN_IN}"
        raise Refusal(403, "You may read, and no more", hint=hint)


def _may_scrape(scope: Scope, settings: WebSettings) -> bool:
    """Figures are no secret on the host itself; elsewhere only to the addresses that the settings name."""
    client = scope.get("client")
    peer = client[0] if client else ""
    if addresses.among(peer, addresses.networks(settings.scrapers)):
        return True
    behind = settings.tls_by_proxy or settings.proxy is not None
    return not behind and addresses.came_directly(peer, scope["headers"])


def _to_sign_in(scope: Scope) -> Response:
    """Unless a link elsewhere was followed, as then somebody may well be signed in."""
    if Headers(scope=scope).get("sec-fetch-site") == "cross-site":
        return bounce(_address(scope))
    return RedirectResponse(f"{SIGN_IN}?next={quote(_address(scope), safe='/')}", 303)


def _address(scope: Scope) -> str:
    query = scope["query_string"].decode("latin-1")
    return f"{quote(scope['path'])}?{query}" if query else quote(scope["path"])
