"""The service tells people, once, is heard of from outside, and takes over what changes in its files."""

import json
import signal
from collections.abc import Iterator

import pytest

from tests.e2e.host import Host, eventually
from tests.e2e.test_serve import YEARLY, found, missed, said
from tests.messages.listening import Listener

pytestmark = pytest.mark.xdist_group("e2e-serve")


@pytest.fixture
def people() -> Iterator[Listener]:
    with Listener() as heard:
        yield heard


@pytest.fixture
def switch() -> Iterator[Listener]:
    """A dead man's switch."""
    with Listener() as heard:
        yield heard


def test_a_failed_drill_is_told_once_and_the_service_is_heard_of(
    host: Host, people: Listener, switch: Listener
) -> None:
    """An empty vault is drilled: nobody restores from nothing."""
    host.environment |= {"PEOPLE": f"json://{people.place}/", "SWITCH": switch.url}
    host.protect("shop", None, host.folder / "vault", drill={"cron": YEARLY}, notify=[{"url": "${PEOPLE}"}])
    missed(host, "drill")
    service = host.serve(ping="${SWITCH}")
    drill = found(service, r"drill shop: failed; .*\[(\S+)\]")
    (message,) = eventually(lambda: people.seen, "somebody is told", 60)
    told = json.dumps(message.json)
    assert "shop" in told
    assert drill in told
    eventually(lambda: {"/start", "/"} <= {request.path for request in switch.seen}, "it pings", 60)
    service.send(signal.SIGTERM)
    assert service.end().code == 0

    again = host.serve(ping="${SWITCH}")
    said(again, "drill shop: next at")
    eventually(lambda: sum(r.path == "/start" for r in switch.seen) == 2, "it pings again", 60)
    again.send(signal.SIGTERM)
    assert again.end().code == 0
    assert len(people.seen) == 1, "once for each event"


def test_files_are_read_again_and_bad_ones_leave_the_last_good_ones_in_force(
    host: Host, people: Listener
) -> None:
    host.environment["PEOPLE"] = f"json://{people.place}/"
    host.protect("shop", None, host.folder / "vault", drill={"cron": YEARLY})
    service = host.serve(ticks="1s", notify=["${PEOPLE}"])
    said(service, "drill shop: next at")
    file = host.schedules / "shop.yaml"
    good = file.read_text()
    file.write_text(good.replace(YEARLY, "60 * * * *"))
    said(service, "files not taken over")
    assert "shop.yaml" in service.err
    file.write_text(good)
    (host.schedules / "crm.yaml").write_text(good.replace("/vault", "/other"))
    service.send(signal.SIGHUP)
    said(service, "files read again")
    service.send(signal.SIGTERM)
    assert service.end().code == 0
    assert "Traceback" not in service.err
