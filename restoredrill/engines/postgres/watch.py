"""What a restore is busy with, seen from another session: for a progress line, and for the bottleneck."""

import re
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg

# The bytes of a statement are in the encoding of the database it runs in, whatever ours is.
_ACTIVE = """
SELECT pg_catalog.textsend(a.query), coalesce(a.wait_event = 'ClientRead', false),
       CASE WHEN p.tuples_total > 0 THEN 100.0 * p.tuples_done / p.tuples_total
            WHEN p.blocks_total > 0 THEN 100.0 * p.blocks_done / p.blocks_total END
  FROM pg_catalog.pg_stat_activity a
  LEFT JOIN pg_catalog.pg_stat_progress_create_index p ON p.pid = a.pid
 WHERE a.application_name = 'pg_restore' AND a.backend_type = 'client backend'
   AND a.state IN ('active', 'fastpath function call')
"""

_NAME = r'(?:"(?:[^"]|"")+"|[^\s.(";]+)'
_QUALIFIED = rf"{_NAME}(?:\.{_NAME})?"
_COPY = re.compile(rf"COPY ({_QUALIFIED})")
_INDEX = re.compile(rf"CREATE (?:UNIQUE )?INDEX ({_NAME}) ON (?:ONLY )?(?:({_NAME})\.)?")
_CONSTRAINT = re.compile(
    rf"ALTER TABLE (?:ONLY )?({_QUALIFIED})\s+ADD CONSTRAINT ({_NAME}) "
    r"(PRIMARY KEY|UNIQUE|FOREIGN KEY|CHECK|EXCLUDE)"
)
_REFRESH = re.compile(rf"REFRESH MATERIALIZED VIEW (?:CONCURRENTLY )?({_QUALIFIED})")
_LARGE_OBJECT = re.compile(r"<fastpath>|SELECT pg_catalog\.lo|SELECT lo_|BEGIN; SELECT pg_catalog\.lo")

FETCH = "fetch from the vault"
SCHEMA = "creation of empty objects"


@dataclass(frozen=True)
class Work:
    """One thing that a session of pg_restore does: in words, whether it waits for data, percent if known."""

    label: str
    hungry: bool
    percent: float | None


def label(query: str) -> str:
    """A statement of pg_restore's in words. Names of objects only: never a value."""
    if copy := _COPY.match(query):
        return f"data of {copy[1]}"
    if index := _INDEX.match(query):
        return f"index build of {index[2] + '.' if index[2] else ''}{index[1]}"
    if constraint := _CONSTRAINT.match(query):
        return f"{constraint[3].lower()} {constraint[2]} of {constraint[1]}"
    if refresh := _REFRESH.match(query):
        return f"refresh of {refresh[1]}"
    if query.startswith("CREATE DATABASE"):
        return "creation of the database"
    return "large objects" if _LARGE_OBJECT.match(query) else SCHEMA


def look(connection: psycopg.Connection) -> tuple[Work, ...]:
    """What pg_restore's sessions do at this moment. The connection is an autocommit one."""
    return tuple(
        Work(label(query.decode(errors="replace")), hungry, percent)
        for query, hungry, percent in connection.execute(_ACTIVE.encode())
    )


class Tally:
    """Adds up looks. Of n things at once each is given 1/n of the time: what ran alone held up the rest."""

    def __init__(self) -> None:
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def add(self, work: Sequence[Work], seconds: float, *, starving: bool) -> None:
        """`seconds` since the last look; `starving`: everything that came from the vault is used up."""
        names = [FETCH if starving and item.hungry else item.label for item in work]
        for name in names or ([FETCH] if starving else []):
            self._seconds[name] += seconds / max(1, len(names))

    @property
    def bottleneck(self) -> str | None:
        """What took most, if anything was seen at all."""
        return max(self._seconds, key=self._seconds.__getitem__, default=None)


class Flow:
    """Bytes on their way: handed over by the vault, written to pg_restore; when the first and last were."""

    def __init__(self, total_bytes: int, now: Callable[[], float]) -> None:
        self.total_bytes = total_bytes
        self.written_bytes = 0
        self.first_s: float | None = None
        self.last_s: float | None = None
        self._handed_bytes = 0
        self._lock = threading.Lock()
        self._now = now
        self._seen = (now(), 0)
        self._rate: float | None = None

    def handed(self, count: int) -> None:
        """Bytes came out of the vault; from several threads."""
        with self._lock:
            self._handed_bytes += count

    def wrote(self, _name: str, count: int) -> None:
        """Bytes went into a pipe; from one thread."""
        self.last_s = self._now()
        self.first_s = self.last_s if self.first_s is None else self.first_s
        self.written_bytes += count

    @property
    def starving(self) -> bool:
        """Is nothing left that has come and not gone on, though not everything has come?"""
        return self._handed_bytes - self.written_bytes < 4096 and self.written_bytes < self.total_bytes

    @property
    def percent(self) -> float:
        """Of all bytes, those that pg_restore has been given."""
        return 100.0 * min(1.0, self.written_bytes / self.total_bytes) if self.total_bytes else 100.0

    def mb_per_s(self) -> float | None:
        """Over the last second or more; None before the first byte and after the last."""
        now, (then, before) = self._now(), self._seen
        if now - then >= 1.0:
            self._seen = (now, self.written_bytes)
            self._rate = (self.written_bytes - before) / (now - then) / 1e6
        return self._rate if self.first_s is not None and self.written_bytes < self.total_bytes else None
