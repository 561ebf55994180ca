"""A proxy in front of a real S3 server that goes wrong on demand, as networks and servers do.

It passes requests on as they are, `Host` included, so that signatures stay valid.
"""

import http.client
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Request:
    """What the proxy saw."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Act = Callable[["_Handler", Request], None]
"""What is done with a request instead of passing it on."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong, for requests that match, the next `times` times."""

    matches: Callable[[Request], bool]
    act: Act
    times: int


@dataclass
class Proxy:
    """Faults to come, and every request so far."""

    endpoint_url: str
    upstream: tuple[str, int]
    requests: list[Request] = field(default_factory=list)
    _faults: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fail(self, what: str, act: Act, *, times: int = 1) -> None:
        """Requests whose "METHOD path?query" matches the regular expression `what` go wrong."""

        def matches(request: Request) -> bool:
            return re.search(what, f"{request.method} {request.path}") is not None

        with self._lock:
            self._faults.append(Fault(matches, act, times))

    def forget(self) -> None:
        """Nothing goes wrong any more, and nothing was seen."""
        with self._lock:
            self._faults.clear()
            self.requests.clear()

    def seen(self, what: str) -> list[Request]:
        """Requests so far that match."""
        return [r for r in self.requests if re.search(what, f"{r.method} {r.path}")]

    def act_for(self, request: Request) -> Act:
        """What to do with a request: the first fault that fits and is not used up."""
        with self._lock:
            self.requests.append(request)
            for i, fault in enumerate(self._faults):
                if fault.matches(request):
                    left = fault.times - 1
                    self._faults[i : i + 1] = [Fault(fault.matches, fault.act, left)] if left else []
                    return fault.act
        return pass_on


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        request = Request(self.command, self.path, dict(self.headers.items()), body)
        self.server.proxy.act_for(request)(self, request)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _serve  # noqa: N815

    def forward(self, request: Request) -> tuple[http.client.HTTPResponse, bytes]:
        """The real server's answer."""
        connection = http.client.HTTPConnection(*self.server.proxy.upstream, timeout=60)
        headers = {k: v for k, v in request.headers.items() if k.lower() != "expect"}
        connection.request(request.method, request.path, body=request.body or None, headers=headers)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer, data

    def reply(self, status: int, headers: list[tuple[str, str]], body: bytes, send_bytes: int) -> None:
        """An answer, of whose body only the first `send_bytes` are sent."""
        self.send_response_only(status)
        skip = {"transfer-encoding", "connection"}
        for name, value in headers:
            if name.lower() not in skip:
                self.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:send_bytes])
        self.wfile.flush()

    def reset(self) -> None:
        """End the connection with RST, as a crash does."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    proxy: Proxy

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # the client went away, which is what this is about


# What can go wrong ------------------------------------------------------------------------------------------


def pass_on(handler: _Handler, request: Request) -> None:
    """Nothing goes wrong."""
    answer, data = handler.forward(request)
    handler.reply(answer.status, answer.getheaders(), data, len(data))


def refused(status: int, code: str, message: str = "as the test wants it") -> Act:
    """The server says no."""
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()

    def act(handler: _Handler, request: Request) -> None:
        handler.reply(status, [("Content-Type", "application/xml")], body, len(body))

    return act


def accepted(headers: dict[str, str], body: bytes = b"") -> Act:
    """The server says yes and does nothing."""

    def act(handler: _Handler, request: Request) -> None:
        handler.reply(200, list(headers.items()), body, len(body))

    return act


def reset_before(handler: _Handler, request: Request) -> None:
    """The connection breaks and the server never saw the request."""
    handler.reset()


def reset_after(handler: _Handler, request: Request) -> None:
    """The server does it, and its answer gets lost."""
    handler.forward(request)
    handler.reset()


def cut_after(send_bytes: int, *, politely: bool = False) -> Act:
    """The answer breaks off: by a reset, or politely, as if that were all."""

    def act(handler: _Handler, request: Request) -> None:
        answer, data = handler.forward(request)
        handler.reply(answer.status, answer.getheaders(), data, send_bytes)
        if politely:
            handler.close_connection = True
        else:
            handler.reset()

    return act


def damaged(handler: _Handler, request: Request) -> None:
    """A bit of the request's body flips on its way."""
    body = bytearray(request.body)
    body[len(body) // 2] ^= 1
    answer, data = handler.forward(Request(request.method, request.path, request.headers, bytes(body)))
    handler.reply(answer.status, answer.getheaders(), data, len(data))


@contextmanager
def proxy_to(endpoint_url: str) -> Iterator[Proxy]:
    """A proxy on loopback in front of `endpoint_url`."""
    where = urlsplit(endpoint_url)
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.proxy = Proxy(
            endpoint_url=f"http://127.0.0.1:{server.server_address[1]}",
            upstream=(where.hostname or "", where.port or 80),
        )
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server.proxy
        finally:
            server.shutdown()
            thread.join()
