"""From the outbox to addresses: once, again after a failure, and never lost without a word."""

import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from restoredrill.configuration import Loaded
from restoredrill.errors import NotDelivered
from restoredrill.history.database import DatabaseHistory
from restoredrill.messages import postman
from restoredrill.messages.postman import PAUSES_S, Postman
from restoredrill.records import Delivery, Notice
from restoredrill.secret import Secret
from tests.history.samples import NOON, at
from tests.messages.samples import a_told, loaded, revealing

SHOP = "notify: [{url: '${CHAT}', on: [failed]}, {url: '${MAIL}'}]\n"
SERVICE = "notify: ['${CHAT}', '${PAGER}']\nticket: {github: acme/ops, token: '${TOKEN}'}\n"
VALUES = {"CHAT": "json://chat", "MAIL": "json://mail", "PAGER": "json://pager", "TOKEN": "t0ken"}


class Places:
    """Where notices arrive: each is named by its URL, and may refuse or keep waiting."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.refuses: set[str] = set()  # URLs, or keys of notices
        self.waits: dict[str, threading.Event] = {}

    def channel(self, url: Secret, address: str, notice: Notice) -> None:
        self._take(url.reveal().removeprefix("json://"), notice)

    def desk(self, notice: Notice, loaded: Loaded) -> None:
        self._take("ticket", notice)

    def _take(self, place: str, notice: Notice) -> None:
        if place in self.waits:
            self.waits[place].wait(30)
        if place in self.refuses or notice.key in self.refuses:
            raise NotDelivered("tell", place, "refused")
        self.told.append((place, notice.key))


class Stand:
    """A postman with its outbox, places and configuration."""

    def __init__(self, history: DatabaseHistory, configured: Loaded) -> None:
        self.outbox = history.outbox
        self.places = Places()
        self.said: list[str] = []
        self.loaded = configured
        self.postman = self.another()

    def another(self) -> Postman:
        """As after a restart."""
        reveal = revealing(**VALUES)
        return Postman(self.outbox, reveal, self.said.append, self.places.channel, self.places.desk)

    def deliver(self, hours: float = 0, patience_s: float = 30) -> bool:
        return self.postman.deliver(self.loaded, at(hours), patience_s)

    def until_given_up(self, hours: float = 0) -> float:
        """Rounds until nothing waits; the hour of the last."""
        for pause_s in (*PAUSES_S, 0):
            self.deliver(hours)
            hours += pause_s / 3600
        return hours

    def waiting(self) -> dict[str, Delivery]:
        return {one.notice.key: one for one in self.outbox.due(at(10_000))}


@pytest.fixture
def stand(history: DatabaseHistory, tmp_path: Path) -> Stand:
    return Stand(history, loaded(tmp_path / "schedules", SHOP, SERVICE))


def test_each_address_is_told_once(stand: Stand) -> None:
    assert stand.outbox.post(a_told(), ["shop.notify[0]", "shop.notify[1]"])
    assert not stand.outbox.post(a_told(), ["shop.notify[0]", "shop.notify[1]"])
    assert stand.deliver()
    assert stand.deliver()
    assert stand.another().deliver(stand.loaded, at(1))
    assert sorted(stand.places.told) == [("chat", "drill:1"), ("mail", "drill:1")]
    assert stand.said == []


def test_a_failure_is_tried_again_after_longer_and_longer_pauses(stand: Stand) -> None:
    stand.outbox.post(a_told(), ["shop.notify[0]"])
    stand.places.refuses.add("chat")
    assert list(PAUSES_S) == sorted(PAUSES_S)
    assert PAUSES_S[-1] == postman.DAY_S
    hours = 0.0
    for number, pause_s in enumerate(PAUSES_S, 1):
        stand.deliver(hours)
        (waits,) = stand.waiting().values()
        assert (waits.tries, waits.next_at) == (number, at(hours) + timedelta(seconds=pause_s))
        assert "refused" in waits.problem
        stand.deliver(hours + (pause_s - 1) / 3600)
        assert stand.waiting()["drill:1"].tries == number
        hours += pause_s / 3600
    stand.places.refuses.clear()
    stand.deliver(hours)
    assert stand.places.told == [("chat", "drill:1")]
    assert stand.outbox.undelivered() == ()


def test_what_can_not_be_delivered_is_visible_and_told_to_others_but_not_in_a_circle(stand: Stand) -> None:
    stand.outbox.post(a_told(), ["shop.notify[0]"])
    stand.places.refuses.add("chat")
    hours = stand.until_given_up()
    (lost,) = stand.outbox.undelivered()
    assert (lost.address, lost.tries) == ("shop.notify[0]", len(PAUSES_S) + 1)
    assert any("gave up" in line for line in stand.said)
    stand.deliver(hours)
    # _service.notify[0] leads to the same chat: it is not asked to tell that it can't be reached
    assert [place for place, _ in stand.places.told] == ["pager"]
    assert stand.places.told[0][1] == "undelivered:shop.notify[0]:drill:1"


def test_nobody_is_told_that_nobody_could_be_told(stand: Stand) -> None:
    stand.outbox.post(a_told(), ["shop.notify[1]"])
    stand.places.refuses |= {"chat", "mail", "pager"}
    hours = stand.until_given_up()
    stand.until_given_up(hours)
    assert stand.waiting() == {}
    kinds = Counter(one.notice.kind for one in stand.outbox.undelivered())
    assert kinds == {"failed": 1, "undelivered": 2}


def test_the_address_is_that_of_the_configuration_now(stand: Stand, tmp_path: Path) -> None:
    stand.outbox.post(a_told(), ["shop.notify[0]", "shop.notify[1]", "_service.notify[7]", "blog.notify[0]"])
    stand.loaded = loaded(tmp_path / "later", "notify: [{url: '${PAGER}'}]\n")
    stand.deliver()
    assert stand.places.told == [("pager", "drill:1")]
    gone = {one.address: one.problem for one in stand.outbox.undelivered()}
    assert set(gone) == {"shop.notify[1]", "_service.notify[7]", "blog.notify[0]"}
    assert set(gone.values()) == {"the configuration has no such address any more"}


def test_a_secret_that_is_not_set_is_a_failure_like_others(stand: Stand, tmp_path: Path) -> None:
    stand.loaded = loaded(tmp_path / "later", "notify: [{url: '${NOT_SET_ANYWHERE}'}]\n")
    stand.outbox.post(a_told(), ["shop.notify[0]"])
    stand.deliver()
    assert "NOT_SET_ANYWHERE" in stand.waiting()["drill:1"].problem


def test_a_slow_address_holds_up_no_other_and_is_not_asked_twice_at_once(stand: Stand) -> None:
    stand.places.waits["mail"] = threading.Event()
    stand.outbox.post(a_told(), ["shop.notify[0]", "shop.notify[1]"])
    assert not stand.deliver(patience_s=0.3)
    assert stand.places.told == [("chat", "drill:1")]
    stand.outbox.post(a_told("drill:2"), ["shop.notify[0]"])
    assert not stand.deliver(patience_s=0.3)
    assert stand.places.told[-1] == ("chat", "drill:2")
    stand.places.waits["mail"].set()
    while stand.waiting():
        stand.deliver()
    assert sorted(stand.places.told) == [("chat", "drill:1"), ("chat", "drill:2"), ("mail", "drill:1")]


def test_one_address_that_is_down_is_asked_once_a_round(stand: Stand) -> None:
    for number in range(5):
        stand.outbox.post(a_told(f"drill:{number}", number / 1000), ["shop.notify[0]"])
    stand.places.refuses.add("chat")
    stand.deliver(1)
    waiting = stand.waiting().values()
    assert sorted(one.tries for one in waiting) == [0, 0, 0, 0, 1]
    assert {one.next_at for one in waiting} == {at(1) + timedelta(minutes=1)}


def test_a_notice_that_an_address_refuses_holds_up_the_others_for_one_pause(stand: Stand) -> None:
    for number in range(3):
        stand.outbox.post(a_told(f"drill:{number}", number / 1000), ["shop.notify[0]"])
    stand.places.refuses.add("drill:0")
    stand.deliver(1)
    assert stand.places.told == []
    stand.deliver(1 + 1 / 60)
    assert [key for _, key in stand.places.told] == ["drill:1", "drill:2"]


def test_tickets_keep_their_order_though_one_fails(stand: Stand) -> None:
    keys = ("ticket:1:A_RULE", "ticket:2:")
    stand.outbox.post(a_told(keys[0]), ["_service.ticket"])
    stand.places.refuses.add("ticket")
    stand.deliver(0.01)
    stand.outbox.post(a_told(keys[1], 0.02, kind="passed"), ["_service.ticket"])
    stand.outbox.post(a_told("ticket:3:A_RULE", 0.02, database="blog"), ["_service.ticket"])
    stand.places.refuses.clear()
    stand.deliver(0.02)  # the first is not due yet
    assert [key for _, key in stand.places.told] == ["ticket:3:A_RULE"]
    stand.deliver(1)
    assert [key for _, key in stand.places.told][1:] == list(keys)


def test_a_ticket_that_is_given_up_lets_those_after_it_go(stand: Stand) -> None:
    stand.outbox.post(a_told("ticket:1:A_RULE"), ["_service.ticket"])
    stand.outbox.post(a_told("ticket:2:", 0.001), ["_service.ticket"])
    stand.places.refuses.add("ticket:1:A_RULE")
    hours = stand.until_given_up(0.01)
    stand.deliver(hours)
    assert ("ticket", "ticket:2:") in stand.places.told
    assert [one.notice.key for one in stand.outbox.undelivered()] == ["ticket:1:A_RULE"]


def test_tickets_that_are_wanted_no_more_are_given_up(stand: Stand, tmp_path: Path) -> None:
    stand.outbox.post(a_told("ticket:1:A_RULE"), ["_service.ticket"])
    stand.loaded = loaded(tmp_path / "later", SHOP)
    stand.deliver()
    assert stand.places.told == []
    assert [one.problem for one in stand.outbox.undelivered()] == [
        "the configuration has no such address any more"
    ]


def test_what_breaks_in_an_unheard_of_way_is_tried_again_too(stand: Stand) -> None:
    def broken(notice: Notice, loaded: Loaded) -> None:
        raise KeyError("transitions of t0ken")

    reveal = revealing(**VALUES)
    odd = Postman(stand.outbox, reveal, stand.said.append, stand.places.channel, broken)
    stand.outbox.post(a_told("ticket:1:A_RULE"), ["_service.ticket"])
    assert odd.deliver(stand.loaded, NOON)
    waits = stand.waiting()["ticket:1:A_RULE"]
    assert (waits.tries, waits.problem) == (1, "tell _service.ticket: unexpected KeyError")


@pytest.mark.parametrize("kind", ["history", "shared_history"])
def test_very_many_addresses_are_told_at_once(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    history: DatabaseHistory = request.getfixturevalue(kind)
    entries = ", ".join(f"'json://chat/{number}'" for number in range(100))
    configured = loaded(tmp_path / "schedules", service=f"notify: [{entries}]\n".replace("chat", "${CHAT}"))
    places, said = Places(), list[str]()
    reveal = revealing(CHAT="chat")
    busy = Postman(history.outbox, reveal, said.append, places.channel, places.desk)
    history.outbox.post(a_told(), [f"_service.notify[{number}]" for number in range(100)])
    assert busy.deliver(configured, at(1), 60)
    assert sorted(places.told) == sorted((f"chat/{number}", "drill:1") for number in range(100))
    assert (said, history.outbox.due(at(10_000))) == ([], ())


class Dying:
    """Like whoever is killed: nothing is written down any more."""

    def __init__(self, history: DatabaseHistory) -> None:
        self.post, self.due = history.outbox.post, history.outbox.due
        self.undelivered = history.outbox.undelivered

    def tried(self, delivery: Delivery) -> None:
        pass


def test_whoever_is_killed_after_sending_sends_again_and_loses_nothing(
    stand: Stand, history: DatabaseHistory
) -> None:
    stand.outbox.post(a_told(), ["shop.notify[0]"])
    dying = Postman(
        Dying(history), revealing(**VALUES), stand.said.append, stand.places.channel, stand.places.desk
    )
    assert dying.deliver(stand.loaded, NOON)
    assert stand.deliver(1)
    assert stand.deliver(2)
    assert stand.places.told == [("chat", "drill:1")] * 2
