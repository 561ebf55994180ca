"""Carries notices from the outbox to their addresses, and comes back with what could not be delivered.

Sending and writing down that it was sent are two steps. Whoever dies between them sends again after the
restart: a notice may arrive twice, and never not at all. Nothing is done between the two.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from restoredrill.configuration import Loaded
from restoredrill.errors import RestoredrillError
from restoredrill.ledger import Outbox
from restoredrill.messages import addresses, notices
from restoredrill.messages.channels import Channel
from restoredrill.messages.lanes import Lanes
from restoredrill.records import Delivery, Notice
from restoredrill.secret import Secret

MINUTE_S, HOUR_S, DAY_S = 60.0, 3600.0, 86400.0
PAUSES_S = (MINUTE_S, 5 * MINUTE_S, 15 * MINUTE_S, HOUR_S, 4 * HOUR_S, 12 * HOUR_S, DAY_S)
AT_MOST = 1_000  # deliveries looked at in one round
ROUND_S = 20.0  # as long a round waits for slow addresses; they go on without it
_ALL_OF_THEM = timedelta(seconds=2 * DAY_S)  # later than anything that waits

Reveal = Callable[[str, str], Secret]
"""reveal(reference, where): the value of a reference. Raises `SecretMissing`, `CloudError`."""

Desk = Callable[[Notice, Loaded], None]
"""Takes a notice to where tickets are. Raises `NotDelivered`, `SecretMissing`, `CloudError`."""


class Postman:
    """See this module. `deliver` is called from one thread."""

    def __init__(
        self,
        outbox: Outbox,
        reveal: Reveal,
        say: Callable[[str], None],
        channel: Channel,
        desk: Desk,
        lanes: Lanes | None = None,
    ) -> None:
        self._outbox = outbox
        self._reveal = reveal
        self._say = say
        self._channel = channel
        self._desk = desk
        self._lanes = lanes or Lanes()

    def deliver(self, loaded: Loaded, now: datetime, patience_s: float = ROUND_S) -> bool:
        """Try all that is due. What is slow goes on in the background, which False tells; each address is
        tried by one at a time.

        Raises `HistoryError`.
        """
        busy = self._lanes.busy()  # asked first: what it ends meanwhile must not be read as still to do
        ways: dict[str, list[Delivery]] = {}
        for delivery in self._outbox.due(now, AT_MOST):
            way = _way(delivery.address, loaded)
            if way is None:
                self._give_up(delivery, "the configuration has no such address any more", loaded, now)
            else:
                ways.setdefault(way, []).append(delivery)
        if addresses.TICKET in ways:
            ways[addresses.TICKET] = self._tickets(now)
        work = {
            way: partial(self._walk, found, loaded, now) for way, found in ways.items() if way not in busy
        }
        return self._lanes.run(work, patience_s) and not busy

    def _tickets(self, now: datetime) -> list[Delivery]:
        """All that wait, also those that are not due: a pass must never overtake the failure before it."""
        waiting = self._outbox.due(now + _ALL_OF_THEM, AT_MOST)
        return [delivery for delivery in waiting if delivery.address == addresses.TICKET]

    def _walk(self, deliveries: Sequence[Delivery], loaded: Loaded, now: datetime) -> None:
        """All of one address. In a thread of its own: nothing it meets may go unsaid."""
        try:
            if deliveries and deliveries[0].address == addresses.TICKET:
                self._in_order(deliveries, loaded, now)
            else:
                self._one_by_one(deliveries, loaded, now)
        except RestoredrillError as error:
            self._say(f"messages: {error}")

    def _one_by_one(self, deliveries: Sequence[Delivery], loaded: Loaded, now: datetime) -> None:
        """Those never tried first, so that one which this address refuses holds up no other for long; the
        first that fails is the last for now.
        """
        waiting = sorted(deliveries, key=lambda one: (one.tries, one.notice.at))
        for number, delivery in enumerate(waiting):
            tried = self._try(delivery, loaded, now)
            if tried.delivered_at is None:
                self._postpone(waiting[number + 1 :], tried)
                return

    def _in_order(self, deliveries: Sequence[Delivery], loaded: Loaded, now: datetime) -> None:
        """Each database's tickets as things happened: what waits for its next try holds up those after it."""
        for database in dict.fromkeys(one.notice.database for one in deliveries):
            mine = sorted(
                (one for one in deliveries if one.notice.database == database), key=lambda one: one.notice.at
            )
            if mine[0].next_at > now:
                self._postpone([one for one in mine[1:] if one.next_at < mine[0].next_at], mine[0])
                continue
            for number, delivery in enumerate(mine):
                tried = self._try(delivery, loaded, now)
                if tried.delivered_at is None and not tried.given_up:
                    self._postpone(mine[number + 1 :], tried)
                    break

    def _try(self, delivery: Delivery, loaded: Loaded, now: datetime) -> Delivery:
        """Send it, and write down how that went."""
        try:
            self._send(delivery, loaded)
        except RestoredrillError as error:
            problem = f"{error}; {error.hint}" if error.hint else str(error)
        except Exception as error:  # an answer of a shape that nobody thought of is a failure like others
            problem = f"tell {delivery.address}: unexpected {type(error).__name__}"
        else:
            done = {"tries": delivery.tries + 1, "delivered_at": now, "problem": ""}
            self._outbox.tried(delivered := delivery.model_copy(update=done))
            return delivered
        return self._failed(delivery, problem, loaded, now)

    def _failed(self, delivery: Delivery, problem: str, loaded: Loaded, now: datetime) -> Delivery:
        tries = delivery.tries + 1
        if tries > len(PAUSES_S):
            return self._give_up(delivery.model_copy(update={"tries": tries}), problem, loaded, now)
        next_at = now + timedelta(seconds=PAUSES_S[tries - 1])
        changed = delivery.model_copy(update={"tries": tries, "next_at": next_at, "problem": problem})
        self._outbox.tried(changed)
        self._say(f"messages: {problem}; tried again at {next_at:%Y-%m-%dT%H:%M:%SZ}")
        return changed

    def _send(self, delivery: Delivery, loaded: Loaded) -> None:
        address = delivery.address
        if address == addresses.TICKET:
            self._desk(delivery.notice, loaded)
            return
        reference = addresses.reference(address, loaded)
        assert reference is not None  # asked before, of the same configuration
        self._channel(self._reveal(reference, address), address, delivery.notice)

    def _postpone(self, deliveries: Sequence[Delivery], failed: Delivery) -> None:
        """Until the one that failed is tried again: they would fare no better."""
        if failed.given_up:
            return
        for delivery in deliveries:
            problem = delivery.problem or f"waits, as {failed.notice.key} was not delivered"
            self._outbox.tried(delivery.model_copy(update={"next_at": failed.next_at, "problem": problem}))

    def _give_up(self, delivery: Delivery, problem: str, loaded: Loaded, now: datetime) -> Delivery:
        """An undelivered notice is itself something to tell, by another way, and never in a circle."""
        lost = delivery.model_copy(update={"given_up": True, "problem": problem})
        if delivery.notice.kind != "undelivered":
            told = notices.of_undelivered(lost, now)
            self._outbox.post(told, addresses.others(delivery.address, loaded))
        self._outbox.tried(lost)
        self._say(f"messages: gave up on {delivery.notice.key} to {delivery.address}: {problem}")
        return lost


def _way(address: str, loaded: Loaded) -> str | None:
    """What addresses have in common that lead to one place: these share a thread. None: it is gone."""
    if address == addresses.TICKET:
        return None if loaded.service.ticket is None else address
    return addresses.reference(address, loaded)
