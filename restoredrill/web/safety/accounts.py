"""Who can sign in: the users of `_service.yaml`, or where there are none, whoever can read a certain file."""

import functools
import hmac
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from restoredrill.errors import UsageError
from restoredrill.service_settings import User, WebSettings
from restoredrill.web.safety import passwords

OPERATOR = "operator"
KEY_FILE = "dashboard.key"


def write_key(state: Path) -> str:
    """A new key in the state directory, for the service's own user alone. Raises `UsageError`.

    It replaces the old file rather than writing into it: that could be somebody else's, or be open elsewhere.
    """
    key, path = secrets.token_urlsafe(32), state / KEY_FILE
    fresh = state / f".{KEY_FILE}.{secrets.token_hex(4)}"
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(key + "\n")
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        reason = (error.strerror or "?").lower()
        raise UsageError("write", str(path), reason, hint="set RESTOREDRILL_STATE") from error
    return key


class Accounts:
    """As the settings are now: who is taken out of the file is out at once."""

    def __init__(self, settings: Callable[[], WebSettings], key: str | None = None) -> None:
        """`key`: what `write_key` made."""
        self._settings = settings
        self._key = key
        self._decoys: dict[str, str] = {}

    def all(self) -> tuple[User, ...]:
        """Nobody where a proxy signs people in, and only it."""
        settings = self._settings()
        if settings.users or settings.proxy is not None or self._key is None:
            return settings.users
        return (self._operator,)

    @functools.cached_property
    def _operator(self) -> User:
        return User(name=OPERATOR, password=passwords.hashed(self._key or ""), role="run")

    def find(self, name: str) -> User | None:
        """By name; every name is compared, whichever it is."""
        found = None
        for user in self.all():
            if hmac.compare_digest(user.name.encode(), name.encode("utf-8", "replace")):
                found = user
        return found

    def opened_by(self, name: str, password: str) -> User | None:
        """The user, if the password is theirs. Takes as long where there is no such user. Slow on purpose."""
        user = self.find(name)
        hash_ = self._decoy() if user is None else user.password
        right = passwords.fits(password, hash_)
        return user if right else None

    def _decoy(self) -> str:
        known = self.all()
        costly = known[0].password if known else ""
        if costly not in self._decoys:
            self._decoys = {costly: passwords.like(costly)}
        return self._decoys[costly]
