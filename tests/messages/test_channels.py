"""A notice to real servers, by Apprise."""

import logging
from collections.abc import Iterator
from email import message_from_string, policy

import pytest

from restoredrill.errors import NotDelivered
from restoredrill.messages.channels import by_apprise
from restoredrill.messages.discretion import without
from restoredrill.secret import Secret
from tests.messages.listening import Answer, Listener, Mailbox
from tests.messages.samples import a_told

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
TOLD = a_told(body="rows are missing\nhint: *look* <here>", link="https://drills.example.org/drills/shop/1")


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as found:
        yield found


def test_a_webhook_gets_title_body_and_link(listener: Listener) -> None:
    by_apprise(Secret(f"json://{listener.place}/T0KEN/path"), "shop.notify[0]", TOLD)
    (request,) = listener.seen
    assert request.path == "/T0KEN/path"
    assert request.json["title"] == "shop: FAILED"
    assert request.json["message"] == f"{TOLD.body}\n\n{TOLD.link}"
    assert request.json["type"] == "failure"


@pytest.mark.parametrize(
    ("wanted", "lines"),
    [
        ("", "rows are missing\nhint: *look* <here>"),
        ("&format=html", "missing<br/>hint:&nbsp;*look*&nbsp;&lt;here&gt;"),
    ],
)
def test_a_mailbox_gets_it_too_line_by_line(wanted: str, lines: str) -> None:
    with Mailbox() as box:
        url = f"mailto://{box.place}/?mode=insecure&from=restoredrill@example.org&to=ops@example.org{wanted}"
        by_apprise(Secret(url), "shop.notify[0]", TOLD)
    mail = message_from_string(box.mails[0], policy=policy.default)
    assert mail["Subject"] == "shop: FAILED"
    assert "ops@example.org" in box.recipients[0]
    body = mail.get_body(("html", "plain") if wanted else ("plain",))
    assert body is not None
    assert lines in body.get_content().replace("\r\n", "\n")


def test_a_refusal_is_told_with_its_reason_and_without_the_url(listener: Listener) -> None:
    listener.answer = lambda _: Answer(403, {"message": "no"})
    with pytest.raises(NotDelivered) as told:
        by_apprise(Secret(f"json://ops:s3cretpass@{listener.place}/T0KEN"), "shop.notify[0]", TOLD)
    assert "403" in told.value.reason
    assert "shop.notify[0]" in str(told.value)
    for part in ("T0KEN", "s3cretpass"):
        assert part not in str(told.value)


def test_a_server_that_is_not_there_is_told() -> None:
    with Listener() as gone:
        place = gone.place
    with pytest.raises(NotDelivered, match=r"(?i)connection"):
        by_apprise(Secret(f"json://{place}/"), "shop.notify[0]", TOLD)


@pytest.mark.parametrize("url", ["nothing-known://T0KEN-of-it", "no url at all", "slack://T0KEN-of-it"])
def test_an_address_that_apprise_does_not_know_is_told_without_it(url: str) -> None:
    with pytest.raises(NotDelivered) as told:
        by_apprise(Secret(url), "shop.notify[0]", TOLD)
    assert "T0KEN-of-it" not in str(told.value)


def test_no_log_holds_an_address(listener: Listener, caplog: pytest.LogCaptureFixture) -> None:
    listener.answer = lambda _: Answer(500)
    caplog.set_level(logging.DEBUG)
    with pytest.raises(NotDelivered):
        by_apprise(Secret(f"json://{listener.place}/T0KEN"), "shop.notify[0]", TOLD)
    assert "T0KEN" not in caplog.text


def test_only_what_the_url_alone_says_is_removed() -> None:
    said = "POST /services/T0KEN to hooks.example.org: abcd is bad"
    assert without("https://hooks.example.org/services/T0KEN?key=abcd", said) == (
        "POST /[redacted]/[redacted] to hooks.example.org: [redacted] is bad"
    )
    assert without("discord://webhookid/T0KEN", "webhookid is unknown") == "[redacted] is unknown"
    assert without("http://[broken", "http://[broken is no URL") == "[redacted] is no URL"
