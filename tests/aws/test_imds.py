"""What an instance asks about itself, against a stand-in of the metadata service."""

import socket
import threading
from datetime import UTC, datetime

import pytest

from restoredrill.aws import imds
from restoredrill.aws.imds import Imds, Notice
from restoredrill.errors import CloudMissing, CloudUnreachable
from restoredrill.model import MachineFacts
from tests.machines.ec2.errands import metadata


def test_the_facts_of_an_instance() -> None:
    with metadata() as told:
        assert Imds(told.url).facts() == MachineFacts(
            provider="ec2",
            id="i-0a1b2c3d4e5f60718",
            type="m7i.large",
            region="eu-central-1",
            zone="eu-central-1a",
            market="spot",
        )


def test_what_is_left_out_stays_empty() -> None:
    with metadata() as told:
        told.answers = {"instance-id": "i-1", "instance-life-cycle": "scheduled"}
        assert Imds(told.url).facts() == MachineFacts(provider="ec2", id="i-1")


def test_an_instance_without_a_name_is_none() -> None:
    with metadata() as told:
        told.answers = {}
        with pytest.raises(CloudMissing, match="instance-id"):
            Imds(told.url).facts()


def test_no_notice() -> None:
    with metadata() as told:
        assert Imds(told.url).notice() is None


@pytest.mark.parametrize(
    ("said", "notice"),
    [
        (
            '{"action": "terminate", "time": "2026-11-26T03:20:00Z"}',
            Notice("terminate", datetime(2026, 11, 26, 3, 20, tzinfo=UTC)),
        ),
        ('{"action": "stop", "time": "soon"}', Notice("stop", None)),
        ("{}", Notice("unknown", None)),
        ("[]", Notice("unknown", None)),
        ("no json", Notice("unknown", None)),
    ],
)
def test_a_notice_is_one_however_it_is_written(said: str, notice: Notice) -> None:
    with metadata() as told:
        told.answers["spot/instance-action"] = said
        assert Imds(told.url).notice() == notice


def test_a_service_that_fails_says_nothing_about_a_notice() -> None:
    with metadata() as told:
        told.refuses = 1
        with pytest.raises(CloudUnreachable, match="503"):
            Imds(told.url).notice()


def test_an_answer_that_is_cut_says_nothing() -> None:
    """It would have ended a drill under way: it is asked every few seconds."""

    def cut(caller: socket.socket) -> None:
        caller.recv(1000)
        caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        caller.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        answering = threading.Thread(target=lambda: cut(server.accept()[0]))
        answering.start()
        with pytest.raises(CloudUnreachable, match="incompleteread"):
            Imds(f"http://127.0.0.1:{server.getsockname()[1]}", timeout_s=60).notice()
        answering.join()


def test_nobody_is_there() -> None:
    with pytest.raises(CloudUnreachable) as raised:
        Imds("http://127.0.0.1:1").facts()
    assert "is this an instance" in raised.value.hint


def test_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    assert imds.address() == "http://169.254.169.254"
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:8/")
    assert imds.address() == "http://127.0.0.1:8"
