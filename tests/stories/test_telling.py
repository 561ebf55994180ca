"""The events of a machine: their numbers, and the signs of life between them."""

import threading
from datetime import UTC, datetime

import pytest

from restoredrill import telling
from restoredrill.errors import VaultUnreachable
from restoredrill.model import Event
from restoredrill.secret import Secret
from restoredrill.telling import Teller, beat_s
from tests.stories.samples import plan


class Ear:
    """Hears events; the first ones may get lost."""

    def __init__(self, *, enough: int = 1, loses: int = 0) -> None:
        self.heard: list[tuple[int, Event]] = []
        self.full = threading.Event()
        self._enough = enough
        self._loses = loses

    def __call__(self, number: int, event: Event) -> None:
        if self._loses:
            self._loses -= 1
            raise VaultUnreachable("write", "event", "no answer")
        self.heard.append((number, event))
        if len(self.heard) >= self._enough:
            self.full.set()


def test_who_says_nothing_else_says_that_it_lives_and_in_which_phase() -> None:
    ear = Ear(enough=3)
    teller = Teller(ear, beat_s=0.01)
    teller.tell("restore", "started")  # before it listens: on a busy machine the first beat may come sooner
    with teller:
        assert ear.full.wait(60)
    assert [event.kind for _, event in ear.heard[:3]] == ["started", "beat", "beat"]
    assert {event.phase for _, event in ear.heard} == {"restore"}


def test_what_is_told_in_confidence_is_not_told_on() -> None:
    ear = Ear()
    with Teller(ear) as teller:
        teller.tell("restore", "note", f"login failed with {Secret('hunter2-and-more').reveal()}")
    assert [event.message for _, event in ear.heard] == ["login failed with [redacted]"]


def test_who_has_something_to_say_does_not_beat() -> None:
    ear = Ear()
    with Teller(ear, beat_s=3600) as teller:
        teller.tell("restore", "started")
        assert ear.full.wait(60)
        teller.tell("restore", "done")
    assert [event.kind for _, event in ear.heard] == ["started", "done"]


def test_a_vault_that_does_not_answer_loses_words_and_no_more() -> None:
    ear = Ear(loses=1)
    with Teller(ear) as teller:
        for kind in ("started", "done"):
            teller.tell("restore", kind)
    assert [(number, event.kind) for number, event in ear.heard] == [(2, "done")]


@pytest.mark.parametrize(("attempt", "first"), [(1, 1), (2, 100_001), (9, 800_001)])
def test_each_attempt_has_numbers_of_its_own(attempt: int, first: int) -> None:
    ear = Ear()
    with Teller(ear, attempt) as teller:
        teller.tell("restore", "started")
    assert [number for number, _ in ear.heard] == [first]
    assert telling.attempt_of(first) == attempt


@pytest.mark.parametrize(
    ("number", "watchers"), [(1, False), (98_999, False), (99_999, True), (100_001, False)]
)
def test_the_watchers_words_are_told_from_the_agents(number: int, watchers: bool) -> None:
    assert telling.is_watchers(number) is watchers
    assert telling.attempt_of(number) == (1 if number < 100_001 else 2)


def test_events_are_of_now_in_utc() -> None:
    ear = Ear()
    with Teller(ear) as teller:
        teller.progress("restore", "half", 50.0, None)
    assert abs((datetime.now(UTC) - ear.heard[0][1].at).total_seconds()) < 3600


def test_the_beat_is_much_faster_than_what_is_taken_for_silence() -> None:
    assert beat_s(None) == 60
    assert beat_s(plan(silence_s=300)) == 60
    assert beat_s(plan(silence_s=20)) == 5
