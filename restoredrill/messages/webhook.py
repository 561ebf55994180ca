"""Tickets anywhere else: one JSON document for each drill, posted to a URL. Whoever takes it does with it
what `tickets` does with a tracker, by `marker`: the same one while it is the same trouble.

    {"schema": "restoredrill.ticket/1", "event": "failed", "database": "shop", "rule": "CONTENT_DIFFERS",
     "marker": "restoredrill:shop:CONTENT_DIFFERS", "drill": "…", "title": "…", "text": "…", "link": "…"}

`event` is failed (open it, or comment), inconclusive (comment on all of the database that are open) or passed
(close them; `rule` is empty). Any 2xx answer means that it was taken. `drill` tells a second delivery of the
same.
"""

from restoredrill.messages.api import send
from restoredrill.messages.ticket import News
from restoredrill.secret import Secret

SCHEMA = "restoredrill.ticket/1"


def post(url: Secret, event: str, drill: str, news: News) -> None:
    """Raises `NotDelivered`."""
    marker = f"restoredrill:{news.database}:{news.rule}" if news.rule else ""
    document = {
        "schema": SCHEMA,
        "event": event,
        "database": news.database,
        "rule": news.rule,
        "marker": marker,
        "drill": drill,
        "title": news.title,
        "text": news.text,
        "link": news.link,
    }
    send("POST", url.reveal(), "the webhook of _service.ticket", json=document)
