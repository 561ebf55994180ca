"""What every answer says to a browser: nothing from elsewhere, nothing inside elsewhere, nothing kept."""

from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from restoredrill.service_settings import WebSettings

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
# Not `no-referrer`: with that a browser sends `Origin: null` along with our own forms.
_ALWAYS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_YEAR_S = 365 * 86400
STATIC = "/static/"


class Headers:
    """Outermost: also what refuses goes out with these."""

    def __init__(self, app: ASGIApp, settings: Callable[[], WebSettings]) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._set(MutableHeaders(scope=message), scope["path"], message["status"])
            await send(message)

        await self._app(scope, receive, send_on)

    def _set(self, headers: MutableHeaders, path: str, status: int) -> None:
        headers.update(_ALWAYS)
        if "server" in headers:
            del headers["server"]
        if under_tls(self._settings()):
            headers["Strict-Transport-Security"] = f"max-age={_YEAR_S}"
        kept = path.startswith(STATIC) and status in (200, 304)
        headers["Cache-Control"] = "public, max-age=300" if kept else "no-store"


def under_tls(settings: WebSettings) -> bool:
    """Whether browsers come by TLS, ours or a proxy's."""
    return settings.tls_certificate is not None or settings.tls_by_proxy
