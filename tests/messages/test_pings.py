"""Pings to a dead man's switch: while the service's ticks go on, and no longer."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from restoredrill.errors import NotDelivered, SecretMissing
from restoredrill.messages.pings import Pings, address, stuck
from tests.history.samples import NOON, at
from tests.messages.listening import Answer, Listener
from tests.messages.samples import loaded, revealing

RID = "6a1e9e7c-0c0e-4d0f-9a52-ab5a8e2b0f11"
SERVICE = "ping: '${PING}'\nping_every: 5m\nticks: 5s\n"


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as found:
        yield found


@pytest.fixture
def pings(listener: Listener, tmp_path: Path) -> Pings:
    configured = loaded(tmp_path, service=SERVICE)
    return Pings(lambda: configured.service, revealing(PING=f"{listener.url}/ping-key"), RID)


def paths(listener: Listener) -> list[str]:
    return [request.path for request in listener.seen]


def test_the_beginning_and_then_signs_of_life_have_one_run(pings: Pings, listener: Listener) -> None:
    pings.start()
    assert pings.ping(NOON, NOON)
    assert paths(listener) == ["/ping-key/start", "/ping-key"]
    assert {request.query["rid"] for request in listener.seen} == {RID}
    assert listener.seen[1].body == b"the last tick ended at 2026-09-23T12:00:00Z"


def test_it_is_pinged_as_often_as_the_file_says(pings: Pings, listener: Listener) -> None:
    sent = [pings.ping(at(second / 3600), at(second / 3600)) for second in range(0, 900, 5)]
    assert sent.count(True) == 3
    assert len(listener.seen) == 3


def test_ticks_that_come_no_more_are_no_sign_of_life(pings: Pings, listener: Listener) -> None:
    assert pings.ping(NOON, NOON)
    assert not pings.ping(at(1), NOON)
    assert len(listener.seen) == 1
    assert pings.ping(at(1), at(1))


def test_slow_ticks_are_not_stuck() -> None:
    assert not stuck(at(0.1), NOON, ticks_s=60)
    assert stuck(at(0.1), NOON, ticks_s=5)


def test_a_ping_that_did_not_arrive_is_sent_again_soon(pings: Pings, listener: Listener) -> None:
    listener.answer = lambda _: Answer(503)
    with pytest.raises(NotDelivered) as error:
        pings.ping(NOON, NOON)
    assert "ping-key" not in str(error.value)
    assert not pings.ping(at(20 / 3600), at(20 / 3600))
    listener.answer = lambda _: Answer()
    assert pings.ping(at(31 / 3600), at(31 / 3600))


def test_an_end_by_an_error_and_a_drill_are_told_apart(pings: Pings, listener: Listener) -> None:
    pings.fail("no room for the history")
    pings.log("drill 1 of shop: passed", "1")
    pings.log("drill 1 of shop: passed", "1")
    pings.log("drill 2 of shop: failed", "2")
    assert paths(listener) == ["/ping-key/fail", *["/ping-key/log"] * 3]
    runs = [uuid.UUID(request.query["rid"]) for request in listener.seen]
    assert runs[1] == runs[2]
    assert len(set(runs)) == 3


def test_nobody_is_pinged_where_no_url_is_given(listener: Listener, tmp_path: Path) -> None:
    configured = loaded(tmp_path)
    pings = Pings(lambda: configured.service, revealing(), RID)
    pings.start()
    pings.fail("")
    assert not pings.ping(NOON, NOON)


def test_a_url_that_is_not_set_is_told(tmp_path: Path) -> None:
    configured = loaded(tmp_path, service=SERVICE)
    with pytest.raises(SecretMissing, match="PING"):
        Pings(lambda: configured.service, revealing(), RID).start()


@pytest.mark.parametrize("url", ["http://[broken/key", "no-url", "ftp://example.org/key"])
def test_what_is_no_url_is_told_without_it(url: str, tmp_path: Path) -> None:
    configured = loaded(tmp_path, service=SERVICE)
    with pytest.raises(NotDelivered) as error:
        Pings(lambda: configured.service, revealing(PING=url), RID).start()
    assert url not in str(error.value)


def test_a_query_of_its_own_stays() -> None:
    url = "https://hc-ping.com/key/shop/?create=1"
    assert address(url, "success", RID) == f"https://hc-ping.com/key/shop?create=1&rid={RID}"
