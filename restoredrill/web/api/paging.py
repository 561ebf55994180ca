"""Long lists in pages. A cursor is where the page before ended, so that nothing is told twice or left out
when something new comes in between. Pure.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from restoredrill.web.safety.refusals import Refusal

LIMIT, LIMIT_MAX = 50, 100
CURSOR = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$"  # the key of a row: a name or an id

T = TypeVar("T")


@dataclass(frozen=True)
class Page:
    """Which part is asked for: so many, after the one with this key."""

    limit: int = LIMIT
    after: str | None = None


def page(query: Sequence[tuple[str, str]]) -> Page:
    """From the query string. Raises `Refusal`."""
    names = [name for name, _ in query]
    if set(names) - {"limit", "cursor"} or len(set(names)) != len(names):
        raise Refusal(400, "The query can't be read", "it may hold limit and cursor, once each")
    said = dict(query)
    return Page(_limit(said.get("limit", str(LIMIT))), _after(said.get("cursor")))


def nothing_else(query: Sequence[tuple[str, str]]) -> None:
    """Where nothing may be asked for. Raises `Refusal`."""
    if query:
        raise Refusal(400, "The query can't be read", "nothing may be asked for here")


def cut(
    rows: Sequence[T], key: Callable[[T], str], wanted: Page, *, newest_first: bool
) -> tuple[Sequence[T], str | None]:
    """The page, and the cursor of the next one (None: that was all). Sorts by `key`, which is unique."""
    ordered = sorted(rows, key=key, reverse=newest_first)
    after = wanted.after
    if after is not None:
        ordered = [row for row in ordered if (key(row) < after if newest_first else key(row) > after)]
    found = ordered[: wanted.limit]
    more = len(ordered) > len(found)
    return found, key(found[-1]) if more and found else None


def _limit(said: str) -> int:
    if said.isascii() and said.isdecimal() and len(said) < 4 and 1 <= int(said) <= LIMIT_MAX:
        return int(said)
    raise Refusal(400, "The limit can't be read", f"it is a number from 1 to {LIMIT_MAX}")


def _after(said: str | None) -> str | None:
    if said is None or re.fullmatch(CURSOR[1:-1], said):
        return said
    hint = "take it from `next` of the page before, or leave it out"
    raise Refusal(400, "The cursor can't be read", hint=hint)
