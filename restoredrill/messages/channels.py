"""One notice to one address, by Apprise: over a hundred kinds of chat, mail, pager and webhook.

https://github.com/caronc/apprise/wiki lists them. Its own time-outs, four seconds to connect and four to
read, can be changed in the URL (`cto`, `rto`).
"""

import logging
import threading
from typing import Protocol

import apprise
from apprise.conversion import convert_between

from restoredrill.errors import NotDelivered
from restoredrill.messages import discretion
from restoredrill.model import Severity
from restoredrill.records import Notice
from restoredrill.secret import Secret

_HINT = "`restoredrill notify test NAME` tries all addresses of a database"
_KINDS = {
    Severity.INFO: apprise.NotifyType.INFO,
    Severity.LOW: apprise.NotifyType.INFO,
    Severity.MEDIUM: apprise.NotifyType.WARNING,
    Severity.HIGH: apprise.NotifyType.FAILURE,
    Severity.CRITICAL: apprise.NotifyType.FAILURE,
}


class Channel(Protocol):
    """A way to a place that people read."""

    def __call__(self, url: Secret, address: str, notice: Notice) -> None:
        """Bring it there, under time-outs. Doing it twice tells it twice. Raises `NotDelivered`, whose reason
        holds nothing of the URL.
        """


def by_apprise(url: Secret, address: str, notice: Notice) -> None:
    """See `Channel`.

    The service is used without `Apprise.notify`, which hands the work to a pool of threads that all addresses
    share, and that a process waits for when it ends.
    """
    discretion.hush()
    value = url.reveal()
    with _Listening() as heard:
        asset = apprise.AppriseAsset(app_id="restoredrill", app_desc="restoredrill", app_url="")
        service = apprise.Apprise.instantiate(value, asset=asset)
        if service is None:
            reason = discretion.without(value, heard.words()) or "is no address that apprise knows"
            hint = "https://github.com/caronc/apprise/wiki lists them"
            raise NotDelivered("tell", address, reason, hint=hint)
        if not _sent(service, notice):
            reason = discretion.without(value, heard.words()) or "it was not accepted"
            raise NotDelivered("tell", address, reason, hint=_HINT)


def _sent(service: apprise.NotifyBase, notice: Notice) -> bool:
    text = f"{notice.body}\n\n{notice.link}" if notice.link else notice.body
    try:
        wanted = service.resolve_format(apprise.NotifyFormat.TEXT)
        blended = service.title_maxlen <= 0  # the title becomes a part of the body
        return service.notify(
            body=_in_form(wanted, text),
            title=_in_form(wanted, notice.title) if blended else notice.title,
            notify_type=_KINDS[notice.severity],
            body_format=wanted,
        )
    except Exception as error:  # a hundred services by a hundred people: one that breaks has not delivered
        logging.getLogger("apprise").warning("%s: %s", type(error).__name__, error)
        return False


def _in_form(wanted: apprise.NotifyFormat, text: str) -> str:
    made = convert_between(apprise.NotifyFormat.TEXT, wanted, content=text)  # type: ignore[no-untyped-call]
    return str(made)


class _Listening(logging.Handler):
    """What Apprise says in this thread: its only way to tell why something did not arrive."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._thread = threading.get_ident()
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self._lines.append(" ".join(record.getMessage().split()))

    def words(self) -> str:
        """All of it in one line, like a reason."""
        said = "; ".join(line.rstrip(".") for line in self._lines)
        return said[:1].lower() + said[1:400]

    def __enter__(self) -> "_Listening":
        logging.getLogger("apprise").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("apprise").removeHandler(self)
