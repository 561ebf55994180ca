"""Whom the service tells: people, trackers, and whoever notices that it is dead."""

import uuid
from collections.abc import Callable

from restoredrill import clock, wiring
from restoredrill.cli.serving.service import Service
from restoredrill.controller import Say
from restoredrill.errors import RestoredrillError
from restoredrill.messages.telling import Messenger
from restoredrill.records import Task

DELIVER_EVERY_S = 5.0
PING_LOOK_S = 5.0
FILES_EVERY_S = 60.0
_OF_MONEY = ("limits.machines", "limits.usd_per_month")

Deeds = dict[str, tuple[float, Callable[[], object]]]


def messenger(service: Service, say: Say) -> Messenger:
    """Made, and told of every task that begins, waits for money, and ends."""
    made = Messenger(
        service.history.outbox,
        lambda: service.configuration.current,
        wiring.reveal,
        say,
        past=service.history.proofs.drills,
        rid=str(uuid.uuid4()),
    )

    def waits(task: Task) -> None:
        if any(limit in task.reason for limit in _OF_MONEY):
            made.waits_for_budget(task, clock.utcnow())

    service.begins.append(made.began)
    service.waits.append(waits)
    service.hooks.append(made.ended)
    return made


def rounds(service: Service, made: Messenger) -> Deeds:
    """Whoever leads delivers; everybody pings."""

    def deliver() -> None:
        if service.leads:
            made.deliver(clock.utcnow())

    def files() -> None:
        if service.leads:
            made.configuration(clock.utcnow())

    return {
        "messages": (DELIVER_EVERY_S, deliver),
        "ping": (PING_LOOK_S, lambda: made.ping(clock.utcnow(), service.ticked_at)),
        "files": (FILES_EVERY_S, files),
    }


def farewell(made: Messenger, error: BaseException) -> None:
    """The service ends by an error: not by being told to."""
    why = str(error) if isinstance(error, RestoredrillError) else type(error).__name__
    made.broken(why)
