"""Sessions: a signed cookie that says who signed in when. The server keeps no list of them."""

import hashlib
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from itsdangerous import BadData, URLSafeSerializer

IDLE = timedelta(hours=8)
LONGEST = timedelta(hours=24)
REFRESH = timedelta(minutes=5)  # a cookie is sent again at most so often
_OVER_REMEMBERED = 10_000


@dataclass(frozen=True)
class Session:
    """`id` is what form tokens are bound to. No `user`: somebody who has not signed in, but was shown a form.

    `stamp` is of the password's hash, so that a new password ends what the old one began.
    """

    id: str
    begun_at: datetime
    seen_at: datetime
    user: str = ""
    stamp: str = ""

    def is_live(self, now: datetime) -> bool:
        return self.begun_at <= now + timedelta(minutes=1) and (
            now - self.begun_at < LONGEST and now - self.seen_at < IDLE
        )


def begin(now: datetime, user: str = "", stamp: str = "") -> Session:
    """A new one, of an id that nobody has seen: signing in never goes on with an old one."""
    return Session(secrets.token_urlsafe(18), now, now, user, stamp)


def stamp(password: str) -> str:
    """Of a password's hash."""
    return hashlib.sha256(password.encode()).hexdigest()[:16]


class Sessions:
    """Makes cookies, reads them, and remembers which were signed out of before their time.

    That memory is this process's. Whoever gives a `session_key` keeps people signed in over a restart; a
    cookie that somebody kept of a session that was signed out of works again then, until its day is over.
    """

    def __init__(self, key: str | None) -> None:
        self._key = hashlib.sha256((key or secrets.token_urlsafe(32)).encode()).digest()
        self._signer = URLSafeSerializer(
            self._key,
            salt="restoredrill session",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )
        self._lock = threading.Lock()
        self._over: OrderedDict[str, None] = OrderedDict()

    def cookie(self, session: Session) -> str:
        """What a browser is given to keep."""
        times = [int(session.begun_at.timestamp()), int(session.seen_at.timestamp())]
        return str(self._signer.dumps([session.id, *times, session.user, session.stamp]))

    def read(self, cookie: str, now: datetime) -> Session | None:
        """The session; None if it is not one of ours, or is over."""
        try:
            session = _session(self._signer.loads(cookie))
        except (BadData, ValueError, TypeError, OverflowError):
            return None
        with self._lock:
            over = session.id in self._over
        return session if session.is_live(now) and not over else None

    def end(self, session: Session) -> None:
        """Somebody signed out."""
        with self._lock:
            self._over[session.id] = None
            if len(self._over) > _OVER_REMEMBERED:
                self._over.popitem(last=False)

    def token(self, session: Session, user: str) -> str:
        """What a form of ours holds: of this session and this user alone."""
        words = f"form\0{session.id}\0{user}".encode()
        return hashlib.blake2b(words, key=self._key, digest_size=24).hexdigest()


def seen(session: Session, now: datetime) -> Session | None:
    """The same, seen now; None where that need not be written down yet."""
    return replace(session, seen_at=now) if now - session.seen_at >= REFRESH else None


def _session(stored: Any) -> Session:
    id_, begun, last, user, of_password = stored
    if not (isinstance(id_, str) and isinstance(user, str) and isinstance(of_password, str)):
        raise TypeError
    return Session(
        id_, datetime.fromtimestamp(begun, UTC), datetime.fromtimestamp(last, UTC), user, of_password
    )
