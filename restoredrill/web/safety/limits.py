"""How much a request may ask of us: a short body, soon; a plain path; a method that we know."""

import re

import anyio
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from restoredrill.web.safety.refusals import Refusal, answer

BODY_BYTES = 64 * 1024
BODY_S = 10.0
PATH_BYTES = 1024
QUERY_BYTES = 4096
BODY = "restoredrill.body"  # in the scope: the whole of it, read
READING = ("GET", "HEAD", "OPTIONS")
CHANGING = ("POST", "PUT", "PATCH", "DELETE")

_STRANGE = re.compile(r"[\x00-\x1f\x7f\\]|//|(?:^|/)\.{1,2}(?:/|$)")


class Limits:
    """The body of whatever changes something is read whole before anything looks at it."""

    def __init__(self, app: ASGIApp, body_bytes: int = BODY_BYTES, body_s: float = BODY_S) -> None:
        self._app = app
        self._bytes = body_bytes
        self._seconds = body_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            _check(scope)
            body = await self._body(scope, receive) if scope["method"] in CHANGING else b""
        except Refusal as refusal:
            await answer(scope, refusal)(scope, receive, send)
            return
        scope[BODY] = body
        await self._app(scope, _Again(body, receive) if scope["method"] in CHANGING else receive, send)

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        length = Headers(scope=scope).get("content-length", "0")
        if not length.isdecimal() or len(length) > 20 or int(length) > self._bytes:
            raise self._too_long()
        parts, size = [], 0
        try:
            with anyio.fail_after(self._seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Refusal(400, "The request ended early")
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > self._bytes:
                        raise self._too_long()
                    if not message.get("more_body"):
                        return b"".join(parts)
        except TimeoutError:
            raise Refusal(408, "The request took too long", headers={"Connection": "close"}) from None

    def _too_long(self) -> Refusal:
        detail = f"a request may have {self._bytes} bytes"
        return Refusal(413, "The request is too long", detail, headers={"Connection": "close"})


class _Again:
    """The body once more, for whoever comes next; then what the connection says."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


def _check(scope: Scope) -> None:
    """Raises `Refusal`. No address of ours has dots, backslashes or control characters as a part of it."""
    if scope["method"] not in (*READING, *CHANGING):
        raise Refusal(405, "No such method", headers={"Allow": "GET, HEAD, POST"})
    path, raw = scope["path"], scope.get("raw_path") or b""
    if len(path) > PATH_BYTES or len(raw) > 3 * PATH_BYTES or len(scope["query_string"]) > QUERY_BYTES:
        raise Refusal(414, "The address is too long")
    if _STRANGE.search(path) or b"%2f" in raw.lower():
        raise Refusal(404, "There is nothing at this address")
