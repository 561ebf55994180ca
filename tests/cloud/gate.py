"""The gate before moto: it reads every call, keeps it on record, lets it fail on purpose, asks whether the
caller may, answers what moto can't or answers wrongly, and passes the rest on.

One lock: moto was not written for threads. S3's objects go past it, they have a lock of their own.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from werkzeug.wrappers import Response

from tests.cloud import call as reading
from tests.cloud import wire
from tests.cloud.call import Call
from tests.cloud.faults import CUT, Fault, Trouble
from tests.cloud.wire import Refused

Handler = Callable[[Call], Response | None]
Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


@dataclass
class Asked:
    """A call on record. `verdict`: `allowed`, a code of AWS's, or `lost` where the answer was."""

    service: str
    action: str
    region: str
    who: str
    params: dict[str, Any]
    resource: str = ""
    verdict: str = "allowed"
    status: int = 0


@dataclass
class Gate:
    """A WSGI application. `judge` says who calls and raises `Refused` where that one may not.

    `handlers` answer (service, action) instead of moto; one that returns None leaves it to moto.
    """

    behind: Wsgi
    judge: Callable[[Call], str]
    handlers: dict[tuple[str, str], Handler] = field(default_factory=dict)
    trouble: Trouble = field(default_factory=Trouble)
    requests: list[Asked] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    after: list[Callable[[], None]] = field(default_factory=list)  # called once the lock is free again

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "").startswith("/moto-api"):
            return self.behind(environ, start)
        call = reading.read(environ)
        asked = Asked(call.service, call.action, call.region, call.access_key or "", call.params)
        asked.resource = f"{call.bucket}/{call.key}" if call.service == "s3" else ""
        with self.lock:
            self.requests.append(asked)
            fault = self.trouble.fault(call.service, call.action, call.key, call.region)
        response = self._answer(call, asked, fault)
        for deed in self._due():
            deed()
        return response(environ, start)

    def _answer(self, call: Call, asked: Asked, fault: Fault | None) -> Response:
        if fault and fault.delay_s:
            time.sleep(fault.delay_s)
        if fault and not fault.after:
            return self._fail(call, asked, fault)
        try:
            response = self._work(call, asked)
            asked.status = response.status_code
        except Refused as why:
            asked.verdict, asked.status = why.code, why.status
            response = wire.refusal(call.service, why, target=call.target)
            if fault:  # nothing was done (a dry run, say): it waits for a call that does something
                fault.put_back()
            return response
        if fault:
            return self._fail(call, asked, fault)
        return response

    def _work(self, call: Call, asked: Asked) -> Response:
        free = call.service == "s3" and bool(call.key)
        with contextlib.nullcontext() if free else self.lock:
            asked.who = self.judge(call)
            handler = self.handlers.get((call.service, call.action))
            response = handler(call) if handler else None
            return response or self.moto(call)

    def moto(self, call: Call) -> Response:
        """What moto says to it."""
        call.rewind()
        return Response.from_app(self.behind, call.environ)

    def _fail(self, call: Call, asked: Asked, fault: Fault) -> Response:
        asked.verdict, asked.status = ("lost" if fault.after else fault.code), fault.status
        if fault.code == CUT:
            raise _cut(call.environ)
        return wire.refusal(
            call.service, Refused(fault.code, "so that it fails", fault.status), target=call.target
        )

    def _due(self) -> Iterator[Callable[[], None]]:
        with self.lock:
            due, self.after[:] = list(self.after), []
        return iter(due)


def _cut(environ: dict[str, Any]) -> ConnectionAbortedError:
    """End the connection without an answer; werkzeug knows the error as a client that went away."""
    with contextlib.suppress(OSError):
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    return ConnectionAbortedError("cut on purpose")
