"""How long whoever guesses wrongly has to wait before the next guess."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

_REMEMBERED = 10_000  # of each kind; the longest unused are forgotten first
_FORGOTTEN_AFTER_S = 3600.0  # since the next guess was allowed


@dataclass(frozen=True)
class Pace:
    """So many guesses are `free`; each one after that doubles the wait, from a second to `longest_s`."""

    free: int
    longest_s: float

    def wait_s(self, failures: int) -> float:
        """After so many wrong guesses in a row."""
        return 0.0 if failures < self.free else min(2.0 ** min(failures - self.free, 30), self.longest_s)


# One person at one place waits longest. A name guessed at from many places, and a place that guesses at many
# names, are slowed down less: else a stranger could lock somebody out for long by guessing at the name.
_PACES = (Pace(3, 300.0), Pace(10, 60.0), Pace(20, 60.0))


@dataclass
class _Record:
    failures: int = 0
    until_s: float = 0.0


class Patience:
    """Any thread may ask. What it remembers is bounded, and ends with the process."""

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._known: tuple[OrderedDict[str, _Record], ...] = tuple(OrderedDict() for _ in _PACES)

    def attempt(self, user: str, address: str) -> float:
        """Seconds to wait; 0: go on, and the guess counts as wrong from now, so that many at once gain
        nothing.
        """
        now = self._clock_s()
        with self._lock:
            records = [self._record(kind, key, now) for kind, key in enumerate(_keys(user, address))]
            wait = max(record.until_s for record in records) - now
            if wait > 0:
                return wait
            for record, pace in zip(records, _PACES, strict=True):
                record.failures += 1
                record.until_s = now + pace.wait_s(record.failures)
        return 0.0

    def right(self, user: str, address: str) -> None:
        """The guess was right: this person at this place starts anew, and so does the name."""
        pair, name, place = _keys(user, address)
        with self._lock:
            self._known[0].pop(pair, None)
            self._known[1].pop(name, None)
            record = self._known[2].get(place)
            if record is not None:  # one own account must not buy endless guesses at those of others
                record.failures = max(0, record.failures - 1)
                record.until_s = 0.0 if record.failures < _PACES[2].free else record.until_s

    def _record(self, kind: int, key: str, now: float) -> _Record:
        known = self._known[kind]
        record = known.setdefault(key, _Record())
        if now - record.until_s > _FORGOTTEN_AFTER_S:
            record.failures = 0
        known.move_to_end(key)
        if len(known) > _REMEMBERED:
            known.popitem(last=False)
        return record


def _keys(user: str, address: str) -> tuple[str, str, str]:
    """Of bounded length, whatever somebody sends as a name."""
    name = hashlib.sha256(user.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{name} {address}", name, address
