"""Tells what happens on a machine, while it happens: one event after another, into the vault.

Attempt n of an errand has the numbers from (n-1)*100000+1 on, so that whoever follows knows which of the
errand's machines is speaking. The last thousand of them belong to what watches over the agent there.
"""

import queue
import threading
from collections.abc import Callable
from typing import Literal

from restoredrill import clock, secret
from restoredrill.errors import VaultError
from restoredrill.model import Event
from restoredrill.plan import MachinePlan

ATTEMPT_EVENTS = 100_000  # numbers that one attempt has
WATCHER_EVENTS = 1_000  # of these, at the end: those of whatever watches over the agent
TELL_EVERY_S = (1.0, 10.0)  # between two words of progress: more as time goes on, since each is an object
BEAT_S = 60.0  # after so long without a word: a sign of life
BEATS_A_SILENCE = 4  # of which some may be lost, or late

Emit = Callable[[int, Event], None]
"""emit(number, event): write it down. Raises `VaultError`."""


def first_number(attempt: int) -> int:
    """The number of an attempt's first event."""
    return (attempt - 1) * ATTEMPT_EVENTS + 1


def attempt_of(number: int) -> int:
    """Which attempt an event is of."""
    return (number - 1) // ATTEMPT_EVENTS + 1


def is_watchers(number: int) -> bool:
    """Is it a word of what watches over the agent? Those do not come in the order of their numbers."""
    return number % ATTEMPT_EVENTS >= ATTEMPT_EVENTS - WATCHER_EVENTS or number % ATTEMPT_EVENTS == 0


def beat_s(plan: MachinePlan | None) -> float:
    """After how long without a word a sign of life is due: well before anybody takes it for silence. Pure."""
    return BEAT_S if plan is None else min(BEAT_S, plan.silence_s / BEATS_A_SILENCE)


class Teller:
    """Sends events in the background, so that a slow vault never holds up the work. Losing one loses no
    fact.
    """

    def __init__(self, emit: Emit, attempt: int = 1, beat_s: float = BEAT_S) -> None:
        self._emit = emit
        self._number = first_number(attempt) - 1
        self._beat_s = beat_s
        self._waiting: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._send, name="events", daemon=True)
        self._began_s = clock.monotonic_s()
        self._told_s = float("-inf")

    def __enter__(self) -> "Teller":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.put(None)
        self._thread.join(timeout=30)

    def tell(self, phase: str, kind: Literal["started", "done", "note"], message: str = "") -> None:
        """Say that a phase begins or ends, or anything else that is worth a line."""
        self._waiting.put(Event(at=clock.utcnow(), phase=phase, kind=kind, message=message))

    def progress(self, phase: str, message: str, percent: float | None, mb_per_s: float | None) -> None:
        """Say how far a phase is; most of these go unsaid, as they come faster than anybody reads."""
        now_s = clock.monotonic_s()
        often_s, rarely_s = TELL_EVERY_S
        if now_s - self._told_s < min(max(often_s, (now_s - self._began_s) / 60), rarely_s):
            return
        self._told_s = now_s
        self._waiting.put(
            Event(
                at=clock.utcnow(),
                phase=phase,
                kind="progress",
                percent=percent,
                mb_per_s=mb_per_s,
                message=message,
            )
        )

    def _send(self) -> None:
        phase = "agent"
        while True:
            try:
                event = self._waiting.get(timeout=self._beat_s)
            except queue.Empty:
                event = Event(at=clock.utcnow(), phase=phase, kind="beat")
            if event is None:
                return
            phase = event.phase
            self._number += 1
            try:
                self._emit(self._number, _fit(event))
            except VaultError:
                continue  # the report tells it all again; if that can't be written, that is the error to
                # raise


def _fit(event: Event) -> Event:
    """Without what the machine was told in confidence: others read the vault than may know that."""
    return event.model_copy(update={"message": secret.redact(event.message)}) if event.message else event
