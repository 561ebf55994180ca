"""`restoredrill notify test`: to real servers on loopback."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from restoredrill.cli import COMMANDS, frame
from tests.messages.listening import Answer, Listener, Mailbox

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
FILE = "vault: {url: 'file:///var/backups/shop'}\ndrill: {}\n"
NOTIFY = "notify: [{url: '${OPS_CHAT_URL}', on: [failed]}, {url: '${OPS_MAIL_URL}', on: [passed]}]\n"

Asked = Callable[..., tuple[int, Any, str]]


@pytest.fixture
def chat() -> Iterator[Listener]:
    with Listener() as found:
        yield found


@pytest.fixture
def mail() -> Iterator[Mailbox]:
    with Mailbox() as found:
        yield found


@pytest.fixture
def asked(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    chat: Listener,
    mail: Mailbox,
) -> Asked:
    """Runs the command in this process, as starting one takes longer than all it does."""
    (tmp_path / "shop.yaml").write_text(FILE + NOTIFY)
    (tmp_path / "_service.yaml").write_text("notify: ['${PAGER_URL}']\n")
    monkeypatch.setenv("OPS_CHAT_URL", f"json://{chat.place}/T0KEN-of-chat")
    monkeypatch.setenv(
        "OPS_MAIL_URL", f"mailto://{mail.place}/?mode=insecure&from=a@example.org&to=b@example.org"
    )
    monkeypatch.setenv("PAGER_URL", f"json://{chat.place}/pager")

    def ask(*words: str) -> tuple[int, Any, str]:
        line = ["notify", "test", *words, "--schedules", str(tmp_path), "--json"]
        code = frame.run(COMMANDS, "restoredrill.cli", line)
        out, err = capfd.readouterr()
        return code, json.loads(out), err

    return ask


def test_every_address_of_the_database_and_of_the_service_is_reached(
    asked: Asked, chat: Listener, mail: Mailbox
) -> None:
    code, document, err = asked("shop")
    assert (code, err) == (0, "")
    addresses = ["shop.notify[0]", "shop.notify[1]", "_service.notify[0]"]
    assert document == {"addresses": [{"address": one, "problem": None} for one in addresses]}
    assert sorted(request.path for request in chat.seen) == ["/T0KEN-of-chat", "/pager"]
    assert {request.json["title"] for request in chat.seen} == {"shop: this is a test"}
    assert len(mail.mails) == 1


def test_what_is_not_reached_is_said_without_its_url(asked: Asked, chat: Listener) -> None:
    chat.answer = lambda request: Answer(410 if "chat" in request.path else 200)
    code, document, err = asked("shop")
    assert code == 1
    problems = {one["address"]: one["problem"] for one in document["addresses"]}
    assert "410" in problems["shop.notify[0]"]
    assert problems["shop.notify[1]"] is None
    assert problems["_service.notify[0]"] is None
    assert "T0KEN" not in json.dumps(document) + err


def test_a_variable_that_is_not_set_is_said_of_its_address_only(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPS_MAIL_URL")
    code, document, _ = asked("shop")
    assert code == 1
    assert "OPS_MAIL_URL" in document["addresses"][1]["problem"]


def test_without_a_name_it_is_the_service_alone(asked: Asked) -> None:
    code, document, _ = asked()
    assert (code, [one["address"] for one in document["addresses"]]) == (0, ["_service.notify[0]"])


def test_nobody_to_tell_is_an_error(asked: Asked, tmp_path: Path) -> None:
    (tmp_path / "_service.yaml").unlink()
    (tmp_path / "shop.yaml").write_text(FILE)
    code, document, _ = asked("shop")
    assert (code, document["error"]["reason"]) == (2, "nobody is to be told")
    assert asked("nowhere")[0] == 2
