"""The service's log: lines for people on a terminal, one JSON object a line otherwise, to standard error or
to a syslog server.

A log that can't be written stops nothing: what is lost is counted, and said as soon as it can be.
"""

import logging
import queue
import select
import socket
import threading
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import structlog

from restoredrill import clock, secret
from restoredrill.errors import UsageError
from restoredrill.service_settings import LogSettings

STDERR = "stderr"
QUEUED_AT_MOST = 10_000  # lines for a server that does not take them
PATIENCE_S = 2.0  # for a server to connect and to take a line
LAST_WORDS_S = 1.0  # for what is queued, when the service ends
PAUSE_S = 1.0  # until one that is away is tried again
APP_NAME = "restoredrill"

Event = MutableMapping[str, Any]
Write = Callable[[str, Mapping[str, Any]], None]

# RFC 5424, section 6.2.1: facility 3 (system daemons), and its severities.
_FACILITY = 3
_SEVERITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
_ENTERPRISE = 32473  # IANA's number for documentation (RFC 5612): restoredrill has none of its own


class Log:
    """say(event, level="info", **facts). Never raises. Close it, so that what is queued is sent."""

    def __init__(self, settings: LogSettings, complain: Callable[[str], None], *, terminal: bool) -> None:
        """Lines go to `complain` where the settings name no server. Raises `UsageError` for a place that is
        none.
        """
        self._server = None if settings.to == STDERR else Syslog(settings.to)
        text = settings.format == "text" or (settings.format == "auto" and terminal and self._server is None)
        write: Write = self._server or (lambda line, facts: complain(line))
        self._logger = structlog.wrap_logger(
            _Writer(write),
            processors=[_with_time, _without_secrets, _text if text else _json],
            wrapper_class=structlog.BoundLogger,
        )

    def __call__(self, event: str, level: str = "info", **facts: object) -> None:
        """A line; `id` is the task's, `why` goes behind the event."""
        self._logger.info(event, level=level, **facts)

    def close(self) -> None:
        """Send what is queued, for a moment."""
        if self._server is not None:
            self._server.close()


def hear_libraries(say: Callable[..., None]) -> None:
    """What libraries warn of by Python's own logging comes into the same log."""
    root = logging.getLogger()
    root.addHandler(_Handler(say))
    root.setLevel(logging.WARNING)


class _Handler(logging.Handler):
    def __init__(self, say: Callable[..., None]) -> None:
        super().__init__(logging.WARNING)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        level = "error" if record.levelno >= logging.ERROR else "warning"
        self._say(record.getMessage(), level=level, library=record.name)


@dataclass(frozen=True)
class _Writer:
    """What structlog calls at the end: `info` with a rendered line and the facts it was made of."""

    write: Write

    def info(self, line: str, facts: Mapping[str, Any]) -> None:
        self.write(line, facts)


# How a line looks -------------------------------------------------------------------------------------------


def _with_time(_logger: object, _method: str, event: Event) -> Event:
    return {"time": f"{clock.utcnow():%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z", **event}


def _without_secrets(_logger: object, _method: str, event: Event) -> Event:
    return {
        name: fact if fact is None or isinstance(fact, bool | int | float) else secret.redact(str(fact))
        for name, fact in event.items()
    }


def _text(_logger: object, _method: str, event: Event) -> tuple[tuple[str, Event], dict[str, Any]]:
    known = {"time", "level", "event", "why", "id", "database"}
    why = f"; {event['why']}" if event.get("why") else ""
    rest = "".join(f" {name}={fact}" for name, fact in event.items() if name not in known)
    name = f" [{event['id']}]" if event.get("id") else ""
    level = "" if event.get("level") == "info" else f"{event['level']}: "
    line = f"{event['time'][:19]}Z {level}{event['event']}{why}{rest}{name}"
    return (" ".join(line.split()), event), {}


_render_json = structlog.processors.JSONRenderer(ensure_ascii=False)


def _json(logger: object, method: str, event: Event) -> tuple[tuple[str, Event], dict[str, Any]]:
    kept = dict(event)
    line = _render_json(logger, method, dict(event))
    return (line if isinstance(line, str) else line.decode(), kept), {}


# Syslog -----------------------------------------------------------------------------------------------------


class Syslog:
    """RFC 5424 over UDP (a datagram a line), TCP (RFC 6587's octet counting) or a socket of this host. Lines
    are sent by a thread of their own.
    """

    def __init__(self, place: str) -> None:
        self._connect = _place(place)
        self._lines: queue.Queue[bytes | None] = queue.Queue(QUEUED_AT_MOST)
        self._lost = 0
        self._host = socket.gethostname() or "-"
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._send, name="syslog", daemon=True)
        self._thread.start()

    def __call__(self, line: str, facts: Mapping[str, Any]) -> None:
        """Queue a line; where there is no room, count it."""
        try:
            self._lines.put_nowait(_framed(line, facts, self._host))
        except queue.Full:
            self._lost += 1

    def close(self) -> None:
        """Wait a moment for what is queued."""
        self._closing.set()
        try:
            self._lines.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(LAST_WORDS_S)

    def _send(self) -> None:
        connection: _Connection | None = None
        while (line := self._lines.get()) is not None:
            while line is not None:
                try:
                    connection = connection or self._connect()
                    if self._lost:
                        connection.send(self._told_of_lost())
                    connection.send(line)
                    line = None
                except OSError:
                    if connection is not None:
                        connection.close()
                    connection = None
                    if self._closing.wait(PAUSE_S):
                        return
        if connection is not None:
            connection.close()

    def _told_of_lost(self) -> bytes:
        lost, self._lost = self._lost, 0
        words = f"{lost} lines of this log were lost"
        return _framed(
            words, {"time": f"{clock.utcnow():%Y-%m-%dT%H:%M:%SZ}", "level": "warning"}, self._host
        )


def _framed(line: str, facts: Mapping[str, Any], host: str) -> bytes:
    """A message of RFC 5424: header, structured data with what one filters by, UTF-8 with its mark."""
    priority = _FACILITY * 8 + _SEVERITIES.get(str(facts.get("level")), 6)
    named = [(name, facts[name]) for name in ("id", "database") if facts.get(name)]
    data = "".join(f' {name}="{_escaped(str(value))}"' for name, value in named)
    structured = f"[{APP_NAME}@{_ENTERPRISE}{data}]" if data else "-"
    header = f"<{priority}>1 {facts.get('time', '-')} {host} {APP_NAME} - - {structured} "
    return header.encode() + b"\xef\xbb\xbf" + line.encode(errors="replace")


def _escaped(value: str) -> str:
    for letter in ("\\", '"', "]"):
        value = value.replace(letter, f"\\{letter}")
    return value


@dataclass(frozen=True)
class _Connection:
    socket: socket.socket
    counted: bool

    def send(self, line: bytes) -> None:
        """Raises `OSError`, also where the other side has gone: it never says anything, so what can be read
        is its end.
        """
        if self.counted and select.select([self.socket], [], [], 0)[0]:
            raise ConnectionResetError
        self.socket.sendall(b"%d %s" % (len(line), line) if self.counted else line)

    def close(self) -> None:
        self.socket.close()


def _place(place: str) -> Callable[[], _Connection]:
    """`udp://host:port`, `tcp://host:port`, `unix:///path`. Raises `UsageError`."""
    parts = urlsplit(place)
    hint = "use stderr, udp://host:514, tcp://host:601 or unix:///dev/log"
    if parts.scheme == "unix" and parts.path:
        return lambda: _unix(unquote(parts.path))
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if parts.scheme not in ("udp", "tcp") or host is None:
        raise UsageError("log to", place, "it is no place for a log", hint=hint)
    if parts.scheme == "tcp":
        return lambda: _Connection(socket.create_connection((host, port or 601), PATIENCE_S), True)
    return lambda: _udp(host, port or 514)


def _udp(host: str, port: int) -> _Connection:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    made = socket.socket(family, kind, protocol)
    made.settimeout(PATIENCE_S)
    made.connect(address)
    return _Connection(made, False)


def _unix(path: str) -> _Connection:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    made.settimeout(PATIENCE_S)
    try:
        made.connect(path)
    except OSError:
        made.close()
        raise
    return _Connection(made, False)
