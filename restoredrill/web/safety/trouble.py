"""What goes wrong while a request is answered is said in our own words, with all the headers, and no more."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from restoredrill import secret
from restoredrill.errors import (
    CloudError,
    HistoryError,
    RestoredrillError,
    UsageError,
    VaultDenied,
    VaultError,
    VaultMissing,
)
from restoredrill.web.safety.refusals import Refusal, answer

# The first that fits. What the world did not answer is worth another try; what is not set up right is not.
_TABLE: tuple[tuple[type[RestoredrillError], int, str], ...] = (
    (VaultMissing, 404, "There is no such thing in the vault"),
    (VaultDenied, 502, "The vault refuses"),
    (VaultError, 503, "The vault does not answer"),
    (HistoryError, 503, "The history does not answer"),
    (CloudError, 503, "The cloud does not answer"),
    (UsageError, 409, "This can't be done"),
)


def refusal(error: RestoredrillError) -> Refusal:
    """What is told of it, and what to do next. No secret that was resolved is in it."""
    known = ((status, title) for kind, status, title in _TABLE if isinstance(error, kind))
    status, title = next(known, (500, "This did not work"))
    return Refusal(status, title, secret.redact(str(error)), secret.redact(error.hint))


class Trouble:
    """Our own errors and refusals are answers. Others are raised again once they are answered, so that the
    server's log has them.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def send_on(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, send_on)
        except Exception as error:
            if not started and scope["type"] == "http":
                await answer(scope, _told(error))(scope, receive, send)
            if started or not isinstance(error, RestoredrillError | Refusal):
                raise


def _told(error: Exception) -> Refusal:
    if isinstance(error, Refusal):
        return error
    if isinstance(error, RestoredrillError):
        return refusal(error)
    return Refusal(500, "This did not work", hint="the service's log says why")
