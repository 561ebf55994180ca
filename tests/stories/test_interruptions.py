"""What must be finished is, whatever signals come."""

import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from types import FrameType

import pytest

from restoredrill.interruptions import postponed


class Handler:
    """A handler that raises, as Python's own for Ctrl-C does."""

    def __init__(self) -> None:
        self.heard: list[int] = []

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.heard.append(number)
        raise KeyboardInterrupt


@pytest.fixture
def handler() -> Iterator[Handler]:
    ours = Handler()
    before = {number: signal.signal(number, ours) for number in (signal.SIGINT, signal.SIGTERM)}
    yield ours
    for number, action in before.items():
        signal.signal(number, action)


def raised(inside: AbstractContextManager[object], *numbers: signal.Signals) -> int:
    """How many of these signals could be raised there before one broke it off; in the end one does."""
    survived = 0
    try:
        with inside:
            for number in numbers:
                signal.raise_signal(number)
                survived += 1
    except KeyboardInterrupt:
        return survived
    raise AssertionError("nobody heard of it")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_heard_when_the_work_is_done(handler: Handler, number: signal.Signals) -> None:
    assert raised(postponed(), number, number) == 2
    assert handler.heard == [number]
    assert signal.getsignal(number) is handler


def test_the_third_is_heard_at_once(handler: Handler) -> None:
    assert raised(postponed(), *[signal.SIGINT] * 5) == 2
    assert handler.heard == [signal.SIGINT]


def test_without_a_signal_nothing_is_heard(handler: Handler) -> None:
    with postponed():
        pass
    assert handler.heard == []


def test_it_can_be_nested(handler: Handler) -> None:
    with ExitStack() as both:
        both.enter_context(postponed())
        both.enter_context(postponed())
        assert raised(both.pop_all(), signal.SIGINT) == 1
    assert handler.heard == [signal.SIGINT]


def test_a_thread_is_left_alone(handler: Handler) -> None:
    def work() -> None:
        with postponed():
            pass

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    assert signal.getsignal(signal.SIGINT) is handler
