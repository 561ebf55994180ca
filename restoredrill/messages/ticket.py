"""What a ticket is, and what a tracker can do with it."""

import re
from dataclasses import dataclass
from typing import Protocol

_LINE = re.compile(
    r"^marker: restoredrill:(?P<database>[A-Za-z0-9][A-Za-z0-9_.-]*):(?P<rule>[A-Z][A-Z0-9_]+)\s*$", re.M
)


@dataclass(frozen=True)
class Ticket:
    """One that is open. `id` is what the tracker's API calls it by."""

    id: str
    rule: str
    text: str


@dataclass(frozen=True)
class News:
    """What is to be written. `text` is plain and may hold anything; `link` is empty where there is none."""

    database: str
    rule: str
    title: str
    text: str
    link: str


class Tracker(Protocol):
    """Where tickets are. Every method raises `NotDelivered`, after which it is not known whether it was done.

    `open`, `comment` and `close` are done anew each time they are called: look first.
    """

    def find(self, database: str) -> tuple[Ticket, ...]:
        """All open tickets with a marker of this database, whoever moved or labelled them since."""

    def open(self, news: News) -> None:
        """A new one, which `find` finds from now on."""

    def comment(self, ticket: Ticket, news: News) -> None: ...

    def close(self, ticket: Ticket, news: News) -> None:
        """Comment, then close as done."""


def marker(database: str, rule: str) -> str:
    """The line by which a ticket is found again."""
    return f"marker: restoredrill:{database}:{rule}"


def marked(id: str, text: str | None, database: str) -> Ticket | None:  # noqa: A002 - its name there
    """A ticket, if this text's last marker is one of the database."""
    found = list(_LINE.finditer((text or "").replace("\r\n", "\n")))
    if not found or found[-1]["database"] != database:
        return None
    return Ticket(id, found[-1]["rule"], text or "")


def markdown(news: News) -> str:
    """For GitHub and GitLab: the text fenced in, as names in a stranger's database may look like markup, or
    like somebody's name to call.
    """
    longest = max((len(run) for run in re.findall(r"`+", news.text)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}text", news.text, fence, *([news.link] if news.link else [])])
