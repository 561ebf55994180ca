"""Signals that come while something has to be finished."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_HEARD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_MEANT = 3  # so many signals are no accident


@contextlib.contextmanager
def postponed() -> Iterator[None]:
    """Inside, a signal that would break things off (Ctrl-C, SIGTERM) is kept until the end, and handled then.

    For tearing down: a machine that is half ended when we leave is one that stays. The third signal is
    handled at once. Whatever has no handler of Python's, or is not in the main thread, goes on as it did.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _HEARD}
    handlers = {number: act for number, act in before.items() if callable(act)}
    heard: list[int] = []

    def keep(number: int, frame: FrameType | None) -> None:
        heard.append(number)
        if len(heard) >= _MEANT:
            handlers[signal.Signals(number)](number, frame)

    try:
        for number in handlers:
            signal.signal(number, keep)
        yield
    finally:
        for number, act in handlers.items():
            signal.signal(number, act)
        if heard and len(heard) < _MEANT:
            handlers[signal.Signals(heard[0])](heard[0], None)
