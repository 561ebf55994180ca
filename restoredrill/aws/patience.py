"""Asking again: which errors of AWS's are worth it, how often, and how long to wait in between."""

import random
from collections.abc import Callable
from typing import TypeVar

from restoredrill import clock
from restoredrill.aws.errors import RAISED, as_cloud_error
from restoredrill.errors import CloudUnreachable

# With these pauses ten attempts outlast half a minute of trouble or throttling. botocore's own retries may
# end after three seconds (1.44: 50 ms doubled, by chance).
ATTEMPTS = 10
_LONGEST_PAUSE_S = 10.0

Pause = Callable[[int], None]
_T = TypeVar("_T")


def pause_longer(attempt: int) -> None:
    """Wait after a failed `attempt` (from 1): longer each time, by chance, so that many do not come back
    at once.
    """
    longest_s = min(_LONGEST_PAUSE_S, 0.5 * 2 ** (attempt - 1))
    clock.sleep(random.uniform(0.1, longest_s))  # noqa: S311 - no secret


def ask(
    operation: str,
    thing: str,
    send: Callable[[], _T],
    *,
    attempts: int = ATTEMPTS,
    pause: Pause = pause_longer,
) -> _T:
    """Send a request, again where there was no answer, throttling or trouble on the other side.

    `send` must do no harm if done twice. Raises `CloudError`, `CapacityMissing`.
    """
    for attempt in range(1, attempts + 1):
        try:
            return send()
        except RAISED as error:
            known = as_cloud_error(error, operation, thing)
            if not isinstance(known, CloudUnreachable) or attempt == attempts:
                raise known from error
        pause(attempt)
    raise AssertionError("unreachable")
