"""URLs of notifications, webhooks and pings are secrets, and libraries like to log them: not here."""

import logging
from urllib.parse import unquote, urlsplit

from restoredrill import secret

_TALKATIVE = ("apprise", "httpx", "httpcore", "urllib3", "requests")
_SHORTEST = 4  # shorter parts of a URL are no secret, and removing them would leave no sentence


def hush() -> None:
    """From now on these libraries log nothing but warnings, and Apprise, whose warnings name addresses,
    nothing at all but to whoever listens to it (`channels`).
    """
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("apprise").propagate = False


def without(url: str, text: str) -> str:
    """`text` without anything that only the URL says: its user, password, path and query.

    >>> without("https://hooks.example/T0KEN/x?key=abcd", "POST /T0KEN/x to hooks.example: abcd refused")
    'POST /[redacted]/x to hooks.example: [redacted] refused'
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return secret.redact(text.replace(url, secret.REDACTED))
    user, _, host = parts.netloc.rpartition("@")
    pieces = [
        *user.split(":"),
        *parts.path.split("/"),
        *(pair.rpartition("=")[2] for pair in parts.query.split("&")),
    ]
    if parts.scheme not in (
        "http",
        "https",
        "json",
        "jsons",
        "form",
        "forms",
        "xml",
        "xmls",
        "mailto",
        "mailtos",
    ):
        pieces.append(host)  # of many services the token stands where others have the host
    found = {piece for one in pieces for piece in (one, unquote(one)) if len(piece) >= _SHORTEST}
    for piece in sorted(found, key=len, reverse=True):
        text = text.replace(piece, secret.REDACTED)
    return secret.redact(text)
