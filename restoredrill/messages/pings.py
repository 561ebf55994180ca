"""Pings to a dead man's switch, so that the death of the whole service is noticed from outside.

The protocol is healthchecks.io's, https://healthchecks.io/docs/http_api/: a POST to the URL is success, below
it `/start`, `/fail` and `/log`; `rid` tells runs apart; the body is kept for people to read. Whoever
hears no success for longer than `ping_every` and its grace raises the alarm.
"""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

import httpx

from restoredrill.errors import NotDelivered
from restoredrill.messages.api import send
from restoredrill.messages.postman import Reveal
from restoredrill.service_settings import ServiceSettings

Signal = Literal["success", "start", "fail", "log"]
AGAIN_S = 30.0  # after a ping that did not arrive
STUCK_TICKS = 12  # so many ticks' time without one is a service that does nothing
STUCK_AT_LEAST_S = 120.0
_THING = "the ping of _service.yaml"


class Pings:
    """Those of one process: `rid` stays the same while it lives. Nothing happens where no URL is given.

    Every method raises `NotDelivered`, `SecretMissing`, `CloudError`.
    """

    def __init__(self, settings: Callable[[], ServiceSettings], reveal: Reveal, rid: str) -> None:
        """`rid`: a UUID."""
        self._settings = settings
        self._reveal = reveal
        self._rid = rid
        self._next_at: datetime | None = None

    def start(self) -> None:
        """The service begins: a success must follow."""
        self._send("start", "restoredrill serve begins")

    def ping(self, now: datetime, ticked_at: datetime) -> bool:
        """Say that the service lives, if that is due and its ticks go on; `ticked_at` is the end of the last
        one. Call it often. True if a ping was sent.
        """
        settings = self._settings()
        if settings.ping is None or stuck(now, ticked_at, settings.ticks_s):
            return False
        if self._next_at is not None and now < self._next_at:
            return False
        self._next_at = now + timedelta(seconds=min(AGAIN_S, settings.ping_every_s))
        self._send("success", f"the last tick ended at {ticked_at:%Y-%m-%dT%H:%M:%SZ}")
        self._next_at = now + timedelta(seconds=settings.ping_every_s)
        return True

    def fail(self, why: str) -> None:
        """The service ends by an error, and nobody need wait to hear of it."""
        self._send("fail", why)

    def log(self, words: str, run: str) -> None:
        """Something worth a line there, which changes nothing: a drill begins or ends. `run`: its id."""
        self._send("log", words, str(uuid.uuid5(uuid.NAMESPACE_URL, f"restoredrill:{run}")))

    def _send(self, signal: Signal, words: str, rid: str | None = None) -> None:
        reference = self._settings().ping
        if reference is not None:
            url = self._reveal(reference, "ping").reveal()
            send("POST", address(url, signal, rid or self._rid), _THING, content=words.encode())


def stuck(now: datetime, ticked_at: datetime, ticks_s: float) -> bool:
    """Do ticks come no more? Pure."""
    return (now - ticked_at).total_seconds() > max(STUCK_AT_LEAST_S, STUCK_TICKS * ticks_s)


def address(url: str, signal: Signal, rid: str) -> str:
    """Where a signal goes. A query of the URL's own (`?create=1`) stays. Pure. Raises `NotDelivered`.

    >>> address("https://hc-ping.com/key/shop?create=1", "start", "6a1e9e7c-0c0e-4d0f-9a52-ab5a8e2b0f11")
    'https://hc-ping.com/key/shop/start?create=1&rid=6a1e9e7c-0c0e-4d0f-9a52-ab5a8e2b0f11'
    """
    try:
        found = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise NotDelivered("ping", _THING, "is no URL", hint="see `ping` in _service.yaml") from None
    path = found.path.rstrip("/") + ("" if signal == "success" else f"/{signal}")
    return str(found.copy_with(path=path).copy_add_param("rid", rid))
