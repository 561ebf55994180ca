"""Puts the pieces together: what stands before the dashboard, in order."""

from collections.abc import Callable, Sequence
from pathlib import Path

from starlette.middleware import Middleware

from restoredrill.ledger import Alarms
from restoredrill.service_settings import WebSettings
from restoredrill.web.safety.accounts import Accounts, write_key
from restoredrill.web.safety.entrance import Entrance
from restoredrill.web.safety.gate import Gate
from restoredrill.web.safety.headers import Headers
from restoredrill.web.safety.limits import Limits
from restoredrill.web.safety.sessions import Sessions
from restoredrill.web.safety.trouble import Trouble


def entrance(
    settings: Callable[[], WebSettings], alarms: Alarms, state: Path, session_key: str | None
) -> Entrance:
    """For a service whose state directory is `state`; `session_key` resolved, None: a new one. Raises
    `UsageError`.
    """
    return Entrance(settings, Accounts(settings, write_key(state)), Sessions(session_key), alarms.audit)


def guards(entrance: Entrance) -> Sequence[Middleware]:
    """Outermost first."""
    return (
        Middleware(Headers, settings=entrance.settings),
        Middleware(Trouble),
        Middleware(Limits),
        Middleware(Gate, entrance=entrance),
    )
