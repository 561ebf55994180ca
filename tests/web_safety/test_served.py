"""A real server on loopback: with TLS, and with requests that no client would make."""

import contextlib
import socket
import ssl
from pathlib import Path

import httpx
import pytest

from tests.web_safety.conftest import Make
from tests.web_safety.serving import certificate, served
from tests.web_safety.visitors import ANNA, Dashboard

POST = b"POST /deed HTTP/1.1\r\nHost: localhost\r\n"


def raw(port: int, request: bytes) -> bytes:
    """What a server says to exactly these bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        parts = []
        with contextlib.suppress(ConnectionResetError):  # it need not read all of it to refuse it
            while part := connection.recv(65536):
                parts.append(part)
        return b"".join(parts)


def test_signing_in_by_tls(make: Make, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    dashboard = make(listen="0.0.0.0:8765", users=(ANNA,), tls_certificate=str(cert), tls_key=str(key))
    trusted = ssl.create_default_context(cafile=str(cert))
    options = {"ssl_certfile": str(cert), "ssl_keyfile": str(key)}
    with served(dashboard.app, **options) as port:
        with httpx.Client(base_url=f"https://localhost:{port}", verify=trusted) as browser:
            page = browser.get("/sign-in")
            assert page.headers["strict-transport-security"] == "max-age=31536000"
            token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
            fields = {"name": "anna", "password": "correct horse", "csrf_token": token}
            origin = {"Origin": f"https://localhost:{port}", "Sec-Fetch-Site": "same-origin"}
            signed = browser.post("/sign-in", data=fields, headers=origin)
            assert signed.status_code == 303
            assert signed.headers["set-cookie"].startswith("__Host-restoredrill=")
            assert signed.headers["set-cookie"].endswith("; Secure")
            assert browser.get("/").text.startswith("anna True")
            assert "server" not in browser.get("/").headers
        with pytest.raises(httpx.ConnectError), httpx.Client() as stranger:
            stranger.get(f"https://localhost:{port}/")
        assert b"200 OK" not in raw(port, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")


def test_who_says_to_be_a_proxy_is_not_believed(make: Make) -> None:
    """uvicorn would take an address and a scheme from a header of anybody on loopback."""
    proxied = make(proxy={"addresses": ("10.1.0.0/16",)})
    forged = {"X-Forwarded-For": "10.1.2.3", "X-Forwarded-Proto": "https", "X-Forwarded-User": "anna"}
    with served(proxied.app) as port, httpx.Client(base_url=f"http://localhost:{port}") as stranger:
        assert stranger.get("/", headers=forged).status_code == 303
    careless = {"proxy_headers": True}  # what the guards rest on
    with served(proxied.app, **careless) as port, httpx.Client() as stranger:
        assert stranger.get(f"http://localhost:{port}/", headers=forged).text.startswith("anna")


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\nCookie: " + b"a" * 200_000 + b"\r\n\r\n",
        b"GET /..%2f..%2fetc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"CONNECT localhost:22 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
def test_requests_that_are_none_get_nowhere(local: Dashboard, request_line: bytes) -> None:
    with served(local.app) as port:
        said = raw(port, request_line)
        assert b" 200 OK" not in said
        assert b"Traceback" not in said
        assert b" 200 OK" in raw(port, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")


def test_nobody_speaks_another_protocol(local: Dashboard) -> None:
    upgrade = (
        b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    with served(local.app) as port:
        assert b"101 Switching" not in raw(port, upgrade)
