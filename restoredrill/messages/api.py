"""Requests to the APIs of others: time-outs, one kind of error, and no secret in its words."""

import functools
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from restoredrill import __version__, secret
from restoredrill.errors import NotDelivered
from restoredrill.messages import discretion

TIMEOUT_S = 10.0  # for each of connecting, sending, waiting and reading
_PAGES_AT_MOST = 100
_HINTS = {
    401: "is the token right, and not expired?",
    403: "what may the token do? it must read and write issues",
    404: "is the name right, and may the token see it?",
    429: "it is asked too often; the next try comes later",
}


@dataclass(frozen=True)
class Api:
    """A server that is asked in JSON. `thing` is what errors call it."""

    thing: str
    url: str
    headers: Mapping[str, str] = field(repr=False)

    def ask(
        self, method: str, path: str, *, json: Any = None, query: Mapping[str, str | int] | None = None
    ) -> Any:
        """The answer's JSON; None where it is empty. Raises `NotDelivered`."""
        return _json(self._answer(method, path, json, query), self.thing)

    def pages(self, path: str, query: Mapping[str, str | int]) -> list[Any]:
        """What a list holds on all its pages. Raises `NotDelivered`, also for a list without an end: half of
        it proves nothing.
        """
        found: list[Any] = []
        for page in range(1, _PAGES_AT_MOST + 1):
            answer = self._answer("GET", path, None, {**query, "per_page": 100, "page": page})
            part = _json(answer, self.thing)
            if not isinstance(part, list):
                raise NotDelivered(
                    "read", self.thing, "answered with no list", hint="does `url` lead to its API?"
                )
            found += part
            if "next" not in answer.links:
                return found
        raise NotDelivered("read", self.thing, f"has more than {_PAGES_AT_MOST} pages of open issues")

    def _answer(
        self, method: str, path: str, json: Any, query: Mapping[str, str | int] | None
    ) -> httpx.Response:
        address = self.url.rstrip("/") + path
        sent = {"User-Agent": f"restoredrill/{__version__}", **self.headers}
        return send(method, address, self.thing, headers=sent, json=json, params=query)


def send(method: str, url: str, thing: str, **parts: Any) -> httpx.Response:
    """One request; `thing` is what errors call the other side. Raises `NotDelivered`."""
    discretion.hush()
    try:
        answer = httpx.request(method, url, timeout=TIMEOUT_S, verify=_trusted(), **parts)
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ValueError, TypeError) as error:
        raise NotDelivered("ask", thing, _reason(error, url)) from None  # its traceback holds the URL
    if answer.is_success:
        return answer
    said = discretion.without(url, _said(answer))
    reason = f"answered {answer.status_code}" + (f": {said}" if said else "")
    hint = "it has moved: give its new address" if answer.is_redirect else _HINTS.get(answer.status_code, "")
    raise NotDelivered("ask", thing, reason, hint=hint)


@functools.cache
def _trusted() -> ssl.SSLContext:
    """Read once: it takes longer than a request."""
    return httpx.create_ssl_context()


def _reason(error: Exception, url: str) -> str:
    if isinstance(error, httpx.TimeoutException):
        return f"no answer within {TIMEOUT_S:.0f} s"
    said = " ".join(discretion.without(url, str(error)).split())
    return (said[:1].lower() + said[1:200]) or type(error).__name__


def _said(answer: httpx.Response) -> str:
    """The message that these APIs put into their errors, or the beginning of whatever it was."""
    try:
        document = answer.json()
    except ValueError:
        document = answer.text
    if isinstance(document, dict):
        told = document.get("message") or document.get("errorMessages") or document.get("errors")
        document = document if told is None or told == [] else told
    return secret.redact(" ".join(str(document).split())[:200])


def _json(answer: httpx.Response, thing: str) -> Any:
    if not answer.content:
        return None
    try:
        return answer.json()
    except ValueError:
        raise NotDelivered(
            "read", thing, "answered with no JSON", hint="does `url` lead to its API?"
        ) from None
