"""The pages to sign in and out at, and where to go from there."""

import re
from html import escape
from math import ceil
from urllib.parse import parse_qs, urlsplit

import anyio
import anyio.to_thread
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from restoredrill.errors import HistoryError
from restoredrill.service_settings import User
from restoredrill.web.safety import addresses
from restoredrill.web.safety.accounts import KEY_FILE, OPERATOR
from restoredrill.web.safety.entrance import NAME_LONGEST, Visit, visit
from restoredrill.web.safety.gate import FIELD, SIGN_IN, SIGN_OUT
from restoredrill.web.safety.limits import BODY
from restoredrill.web.safety.refusals import Refusal, answer

_AT_ONCE = 2  # passwords that are looked at: each takes 64 MiB and half a core
_OUR_ADDRESS = re.compile(r"/(?:[A-Za-z0-9_.~%!$&'()*+,;=:@?-][A-Za-z0-9_.~%!$&'()*+,;=:@/?-]*)?")
_WRONG = "This name and password do not go together."


def csrf_field(request: Request) -> Markup:
    """For every form of ours: `{{ csrf_field(request) }}`."""
    token = visit(request).token()
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, token)  # both escaped


def next_address(wanted: str) -> str:
    """Where to go after signing in: a page of ours, whatever the link said."""
    parts = urlsplit(wanted) if _OUR_ADDRESS.fullmatch(wanted) else None
    fine = (
        parts is not None and not parts.scheme and not parts.netloc and parts.path not in (SIGN_IN, SIGN_OUT)
    )
    return wanted if fine else "/"


def routes() -> list[BaseRoute]:
    """To be put into the application, behind the gate."""
    desk = _Desk()
    return [
        Route(SIGN_IN, desk.show, methods=["GET"]),
        Route(SIGN_IN, desk.sign_in, methods=["POST"]),
        Route(SIGN_OUT, desk.sign_out, methods=["POST"]),
    ]


class _Desk:
    def __init__(self) -> None:
        self._limiter = anyio.Semaphore(_AT_ONCE)

    async def show(self, request: Request) -> Response:
        """The form."""
        wanted = next_address(request.query_params.get("next", "/"))
        return HTMLResponse(_page(request, wanted))

    async def sign_in(self, request: Request) -> Response:
        """What the form was filled in with."""
        here = visit(request)
        fields = parse_qs(request.scope[BODY].decode("utf-8", "replace"), keep_blank_values=True)
        name, password, wanted = (fields.get(one, [""])[0] for one in ("name", "password", "next"))
        wanted = next_address(wanted)
        place = addresses.neighbourhood(here.address)
        if not name or len(name) > NAME_LONGEST:
            return HTMLResponse(_page(request, wanted, _WRONG), 403)
        wait_s = here.entrance.patience.attempt(name, place)
        if wait_s > 0:
            return self._later(request, wanted, wait_s)
        async with self._limiter:
            user = await anyio.to_thread.run_sync(here.entrance.accounts.opened_by, name, password)
        try:
            await anyio.to_thread.run_sync(_write_down, here, name, user)
        except HistoryError as error:
            refusal = Refusal(503, "Nobody can sign in now", str(error), error.hint)
            return answer(request.scope, refusal)
        if user is None:
            return HTMLResponse(_page(request, wanted, _WRONG), 403)
        here.entrance.patience.right(name, place)
        here.sign_in(user.name, user.password)
        return RedirectResponse(wanted, 303)

    async def sign_out(self, request: Request) -> Response:
        """Over, and the cookie is taken back."""
        here = visit(request)
        here.sign_out()
        try:
            await anyio.to_thread.run_sync(here.note, "sign out")
        except HistoryError:
            here.noted = True  # to leave is never refused
        return RedirectResponse(SIGN_IN, 303)

    def _later(self, request: Request, wanted: str, wait_s: float) -> Response:
        seconds = str(ceil(wait_s))
        words = f"Too many wrong guesses: try again in {seconds} s."
        return HTMLResponse(_page(request, wanted, words), 429, {"Retry-After": seconds})


def _write_down(here: Visit, name: str, user: User | None) -> None:
    """A name that is none of ours may be a password in the wrong field: it is not kept."""
    known = here.entrance.accounts.find(name)
    who = known.name if known else "unknown"
    here.entrance.note(who, "sign in" if user else "sign in refused", here.address)
    here.noted = True


def _page(request: Request, wanted: str, problem: str = "") -> str:
    accounts = visit(request).entrance.accounts.all()
    told = f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""
    body = _form(request, wanted, [one.name for one in accounts]) if accounts else _NO_FORM
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<title>Sign in - restoredrill</title><link rel="icon" href="/static/icon.svg">'
        '<link rel="stylesheet" href="/static/report.css">'
        '<link rel="stylesheet" href="/static/style.css"></head>'
        f'<body class="board alone"><main><h1>Sign in</h1>{told}{body}</main></body></html>'
    )


_NO_FORM = "<p>A proxy signs people in here. It named nobody: come by the proxy's address.</p>"
_KEY = (
    "<p>Nobody has an account here, so whoever may act proves it by a file: the password of "
    f"<b>{OPERATOR}</b> is what <code>{KEY_FILE}</code> in the service's state directory holds.</p>"
)


def _form(request: Request, wanted: str, names: list[str]) -> str:
    local = names == [OPERATOR] and not visit(request).entrance.settings().users
    value = OPERATOR if local else ""
    return (
        f'{_KEY if local else ""}<form method="post" action="{SIGN_IN}">{csrf_field(request)}'
        f'<input type="hidden" name="next" value="{escape(wanted)}">'
        f'<p><label for="name">Name</label> <input id="name" name="name" value="{value}" required '
        'autocomplete="username" autocapitalize="none" spellcheck="false"></p>'
        '<p><label for="password">Password</label> <input id="password" name="password" type="password" '
        'required autocomplete="current-password"></p>'
        '<p><button type="submit">Sign in</button></p></form>'
    )
