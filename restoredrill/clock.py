"""The only place that asks what time it is, so that everything else can be told."""

import time
from datetime import UTC, datetime


def utcnow() -> datetime:
    """Now, aware, in UTC."""
    return datetime.now(UTC)


def monotonic_s() -> float:
    """Seconds on a clock that never goes back; only differences mean anything."""
    return time.monotonic()


def sleep(seconds: float) -> None:
    """Wait `seconds` (0 or less: not at all)."""
    if seconds > 0:
        time.sleep(seconds)
