"""What a request may ask of us: size, time, path and method."""

from collections.abc import AsyncIterator
from urllib.parse import unquote

import anyio
import pytest
from starlette.types import Message, Receive, Scope, Send

from restoredrill.web.safety.limits import BODY, BODY_BYTES, Limits
from tests.web_safety.visitors import Dashboard


@pytest.mark.parametrize(
    "path",
    [
        "/../etc/passwd",
        "/a/./b",
        "/a/..",
        "/a%2f..%2fb",
        "//evil.example",
        "/a\\b",
        "/a%00",
        "/a%0a",
        "/%2e%2e/a",
        "/a%5cb",
    ],
)
def test_a_strange_path_leads_nowhere(local: Dashboard, path: str) -> None:
    async def ask() -> int:
        started: list[Message] = []

        async def send(message: Message) -> None:
            started.append(message)

        raw = path.encode()
        scope = {
            "type": "http",
            "method": "GET",
            "path": unquote(path),
            "raw_path": raw,
            "query_string": b"",
            "headers": [(b"host", b"localhost")],
            "client": ("127.0.0.1", 5),
            "scheme": "http",
        }
        await local.app(scope, _nothing, send)
        status = started[0]["status"]
        assert isinstance(status, int)
        return status

    assert anyio.run(ask) == 404


def test_an_ordinary_path_does_not(local: Dashboard) -> None:
    assert local.visitor().get("/api/things").status_code == 200


def test_an_address_has_an_end(local: Dashboard) -> None:
    assert local.visitor().get("/" + "a" * 2000).status_code == 414
    assert local.visitor().get("/?" + "a" * 5000).status_code == 414


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "get"])
def test_other_methods_are_not_known(local: Dashboard, method: str) -> None:
    async def ask() -> int:
        return (await _through(_Echo(), method)).status

    assert anyio.run(ask) == 405


def test_a_body_has_an_end_whatever_it_says_of_itself(local: Dashboard) -> None:
    visitor = local.visitor()
    assert visitor.post("/deed", content=b"x" * (BODY_BYTES + 1)).status_code == 413
    assert visitor.post("/deed", content=_more_than_fits()).status_code == 413
    for said in ("-1", "x", "9" * 40, "\u00b2"):
        headers = [("Content-Length", said.encode("latin-1"))]
        assert visitor.post("/deed", headers=headers).status_code == 413


def test_a_body_that_comes_too_slowly_is_not_waited_for() -> None:
    async def ask() -> int:
        return (await _through(_Echo(), "POST", receive=_forever, body_s=0.05)).status

    assert anyio.run(ask) == 408


def test_a_body_that_ends_early_is_refused() -> None:
    async def ask() -> int:
        return (await _through(_Echo(), "POST", receive=_gone)).status

    assert anyio.run(ask) == 400


def test_whoever_comes_next_reads_the_same_body() -> None:
    parts = [b"one ", b"two"]

    async def receive() -> Message:
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def ask() -> "_Seen":
        return await _through(_Echo(), "POST", receive=receive)

    seen = anyio.run(ask)
    assert (seen.status, seen.body) == (200, b"one two|one two")


def test_no_other_protocol_is_spoken() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def ask() -> None:
        await Limits(_Echo())({"type": "websocket", "path": "/"}, _nothing, send)

    anyio.run(ask)
    assert sent == [{"type": "websocket.close", "code": 1008}]


async def _more_than_fits() -> AsyncIterator[bytes]:
    yield b"x" * BODY_BYTES
    yield b"x"


class _Echo:
    """Answers with the body, as `Limits` and as `receive` tell it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope[BODY] + b"|" + message["body"]})


class _Seen:
    status = 0
    body = b""


async def _through(app: _Echo, method: str, receive: Receive | None = None, body_s: float = 10.0) -> _Seen:
    seen = _Seen()

    async def send(message: Message) -> None:
        seen.status = message.get("status", seen.status)
        seen.body += message.get("body", b"")

    scope = {
        "type": "http",
        "method": method,
        "path": "/deed",
        "raw_path": b"/deed",
        "query_string": b"",
        "headers": [],
    }
    await Limits(app, body_s=body_s)(scope, receive or _nothing, send)
    return seen


async def _nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _forever() -> Message:
    await anyio.sleep_forever()
    raise AssertionError


async def _gone() -> Message:
    return {"type": "http.disconnect"}
