"""What all requests have in common: the settings, the sessions, the audit log, and who is who."""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, cookie_parser
from starlette.types import Scope

from restoredrill import clock
from restoredrill.records import AuditEntry
from restoredrill.service_settings import ProxySettings, WebSettings
from restoredrill.web.safety import addresses, sessions
from restoredrill.web.safety.accounts import Accounts
from restoredrill.web.safety.callers import ANYBODY, Caller, Role
from restoredrill.web.safety.headers import under_tls
from restoredrill.web.safety.patience import Patience
from restoredrill.web.safety.refusals import Refusal
from restoredrill.web.safety.sessions import Session, Sessions

NAME_LONGEST = 256


@dataclass(frozen=True)
class Entrance:
    """`settings` may change while the service runs; `audit` raises `HistoryError`."""

    settings: Callable[[], WebSettings]
    accounts: Accounts
    sessions: Sessions
    audit: Callable[[AuditEntry], None]
    patience: Patience = field(default_factory=lambda: Patience(clock.monotonic_s))
    now: Callable[[], datetime] = clock.utcnow

    @property
    def cookie(self) -> str:
        """Its name. With the prefix a browser takes it from this very host and by TLS alone."""
        return "__Host-restoredrill" if under_tls(self.settings()) else "restoredrill"

    def note(self, who: str, what: str, address: str, database: str = "", detail: str = "") -> None:
        """Write down who did what from where. Raises `HistoryError`: then it must not be done."""
        whole = "; ".join(part for part in (detail, f"from {address}") if part)
        entry = AuditEntry(at=self.now(), who=who, what=what, database=database, detail=whole)
        self.audit(entry)

    def visit(self, scope: Scope) -> "Visit":
        """Who asks, with which session. Raises `Refusal` where a proxy's word makes no sense."""
        settings, headers = self.settings(), Headers(scope=scope)
        client = scope.get("client")
        peer = client[0] if client else ""
        trusted = addresses.networks(settings.proxy.addresses) if settings.proxy else ()
        address = addresses.person_at(peer, headers.getlist("x-forwarded-for"), trusted)
        jar = cookie_parser("; ".join(headers.getlist("cookie")))
        session = self.sessions.read(jar.get(self.cookie, ""), self.now())
        told = None
        if settings.proxy is not None and addresses.among(peer, trusted):
            told = _told(settings.proxy, headers, address)
        caller = told or self._signed_in(session, address) or self._anybody(peer, scope)
        return Visit(self, address, session, caller)

    def _signed_in(self, session: Session | None, address: str) -> Caller | None:
        if session is None or not session.user:
            return None
        user = self.accounts.find(session.user)
        if user is None or sessions.stamp(user.password) != session.stamp:
            return None
        return Caller(user.name, user.role, address, signed_in=True)

    def _anybody(self, peer: str, scope: Scope) -> Caller | None:
        """Without users: whoever is on this host, and not sent on from elsewhere as far as it shows."""
        settings = self.settings()
        if settings.users or settings.proxy is not None or settings.tls_by_proxy:
            return None
        direct = addresses.came_directly(peer, scope["headers"])
        return Caller(ANYBODY, "read", peer) if direct else None


class Visit:
    """One request: who, from where, and what becomes of the session."""

    def __init__(
        self, entrance: Entrance, address: str, session: Session | None, caller: Caller | None
    ) -> None:
        self.entrance = entrance
        self.address = address
        self.session = session
        self.caller = caller
        self.noted = False  # in the audit log
        self.given: Session | None = None if session is None else sessions.seen(session, entrance.now())
        self.taken = False

    def token(self) -> str:
        """For a form on the page that is being made; whoever has no session gets one with it."""
        if self.session is None:
            self.session = self.given = sessions.begin(self.entrance.now())
        return self.entrance.sessions.token(self.session, self._name)

    def has(self, token: str) -> bool:
        """Whether a form was ours."""
        if self.session is None:
            return False
        wanted = self.entrance.sessions.token(self.session, self._name)
        return hmac.compare_digest(wanted.encode(), token.encode("utf-8", "replace"))

    def sign_in(self, user: str, password: str) -> None:
        """A new session; the one before is over."""
        self.sign_out()
        self.taken = False
        self.session = self.given = sessions.begin(self.entrance.now(), user, sessions.stamp(password))

    def sign_out(self) -> None:
        """The session is over, also for whoever kept its cookie."""
        if self.session is not None:
            self.entrance.sessions.end(self.session)
        self.session = self.given = None
        self.taken = True

    def note(self, what: str, database: str = "", detail: str = "") -> None:
        """Into the audit log, before it is done. Raises `HistoryError`: then it must not be done."""
        who = self.caller.name if self.caller else ANYBODY
        self.entrance.note(who, what, self.address, database, detail)
        self.noted = True

    @property
    def _name(self) -> str:
        return self.caller.name if self.caller else ""


def visit(request: HTTPConnection) -> Visit:
    """Of a request that came through the gate."""
    found = request.scope["state"]["visit"]
    assert isinstance(found, Visit)
    return found


def secrets_equal(one: str, other: str) -> bool:
    """In a time that tells nothing."""
    import hmac

    return hmac.compare_digest(one.encode(), other.encode("utf-8", "replace"))


def _told(proxy: ProxySettings, headers: Headers, address: str) -> Caller | None:
    """Whom the proxy names; None if it names nobody. Raises `Refusal`."""
    names = headers.getlist(proxy.user_header)
    if not names:
        return None
    if len(names) > 1 or not names[0].strip() or len(names[0]) > NAME_LONGEST:
        # Two are one of the proxy and one that came through it.
        hint = f"let the proxy set {proxy.user_header} once, and remove what came from outside"
        raise Refusal(400, "The proxy names nobody, or more than one", hint=hint)
    role = proxy.role if proxy.role_header is None else _role(headers.getlist(proxy.role_header))
    if role is None:
        hint = f"the proxy's {proxy.role_header} must hold read or run"
        raise Refusal(403, "You have no role here", hint=hint)
    return Caller(names[0].strip(), role, address)


def _role(lines: Sequence[str]) -> Role | None:
    """The most that one line says; nothing where there is none, or more than one."""
    said = {part.strip().lower() for part in lines[0].split(",")} if len(lines) == 1 else set()
    return "run" if "run" in said else "read" if "read" in said else None
