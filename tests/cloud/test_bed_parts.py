"""What the bed's machines are made of, each part by itself."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from tests.cloud import abilities, container, rootfs
from tests.cloud.dhcp import DhcpServer
from tests.cloud.forwarder import Forwarder
from tests.cloud.machine import wait_until
from tests.plugins.requirements import REPOSITORY

DEATH = """
import sys, time
from pathlib import Path
from tests.cloud import container, netbed, rootfs
network = netbed.Network("10.9.0.4", "02:00:00:00:00:0a")
hardware = container.Hardware(rootfs.cached(), network.machine)
machine = container.Container(Path(sys.argv[1]), "orphan", hardware)
while not machine.processes(): time.sleep(0.05)
print(machine.processes()[0].pid, flush=True)
time.sleep(600)
"""


def question(kind: int) -> bytes:
    """A client's datagram: DISCOVER is 1, REQUEST is 3."""
    header = bytes([1, 1, 6, 0]) + b"abcd" + bytes(20) + bytes.fromhex("02000000000a") + bytes(202)
    return header + bytes([99, 130, 83, 99, 53, 1, kind, 0, 55, 2, 1, 3, 255])


@pytest.fixture
def dhcp() -> DhcpServer:
    """A server that nobody can reach, to be asked by hand."""
    box = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    box.bind(("127.0.0.1", 0))
    server = DhcpServer(box, "10.9.0.4", "10.9.0.1", 24)
    server.close()
    return server


@pytest.mark.parametrize(("asked", "told"), [(1, 2), (3, 5)])
def test_an_address_is_offered_and_confirmed(dhcp: DhcpServer, asked: int, told: int) -> None:
    answer = dhcp.answer(question(asked))
    assert answer is not None
    assert answer[4:8] == b"abcd"
    assert answer[16:20] == socket.inet_aton("10.9.0.4")
    assert bytes([53, 1, told]) in answer
    assert bytes([1, 4]) + socket.inet_aton("255.255.255.0") in answer


@pytest.mark.parametrize(
    "odd",
    [b"", b"\x01" * 20, bytes(300), question(7), question(1)[:-11], question(1).replace(b"\x63", b"\x62")],
)
def test_what_is_no_question_gets_no_answer(dhcp: DhcpServer, odd: bytes) -> None:
    assert dhcp.answer(odd) is None


def talk(port: int, size: int) -> int:
    """Send `size` bytes through it to something that sends them back; how many came back."""
    with socket.create_connection(("127.0.0.1", port)) as link:

        def send() -> None:
            link.sendall(bytes(size))
            link.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        came = 0
        while chunk := link.recv(65536):
            came += len(chunk)
        sender.join()
        return came


def echo(listener: socket.socket) -> None:
    """Send back what comes, one caller after the other."""
    while True:
        try:
            caller, _ = listener.accept()
        except OSError:
            return
        with caller:
            while chunk := caller.recv(65536):
                caller.sendall(chunk)


@pytest.mark.parametrize("rate_mb_s", [None, 4.0])
def test_the_forwarder_carries_everything_and_is_no_faster_than_told(rate_mb_s: float | None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as far:
        threading.Thread(target=echo, args=(far,), daemon=True).start()
        near = socket.create_server(("127.0.0.1", 0))
        port = near.getsockname()[1]
        forwarder = Forwarder(near, far.getsockname(), rate_mb_s)
        began = time.monotonic()
        assert talk(port, 1_000_000) == 1_000_000
        assert rate_mb_s is None or time.monotonic() - began > 2 * 1.0 / rate_mb_s * 0.9
        forwarder.close()
        assert (forwarder.bytes_up, forwarder.bytes_down) == (1_000_000, 1_000_000)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        far.shutdown(socket.SHUT_RDWR)


def test_nobody_behind_the_forwarder_is_a_connection_that_ends() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        near = socket.create_server(("127.0.0.1", 0))
        forwarder = Forwarder(near, nobody.getsockname())
        with socket.create_connection(("127.0.0.1", near.getsockname()[1])) as link:
            assert link.recv(1) == b""
        forwarder.close()


def test_a_week_is_a_build_of_its_own() -> None:
    one, same, other = (rootfs._key(datetime(2026, 11, day, tzinfo=UTC)) for day in (23, 29, 30))
    assert one == same != other


def test_what_is_lacking_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        assert abilities.lacking() == f"throwaway machines need root (this is uid {os.geteuid()})"
        return
    monkeypatch.setenv("PATH", str(tmp_path))
    assert abilities.lacking() == "throwaway machines need ip (package iproute2)"


def test_why_something_is_refused_is_told() -> None:
    assert abilities._refused("true") is None
    assert abilities._refused("false") == "false ended with 1"
    assert abilities._refused("sh", "-c", "echo one >&2; echo no such thing >&2; exit 3") == "no such thing"


@pytest.mark.xdist_group("bed")
def test_a_run_that_is_killed_takes_its_machines_along(machine_tree: Path, tmp_path: Path) -> None:
    argv = [sys.executable, "-c", DEATH, str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as run:
        assert run.stdout is not None
        init = psutil.Process(int(run.stdout.readline()))
        assert container.sweep() == []  # its owner lives
        run.send_signal(signal.SIGKILL)
    wait_until(lambda: not init.is_running(), 30, lambda: f"{init} outlived its run")
    assert [name.rsplit("-", 1)[1] for name in container.sweep()] == ["orphan"]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_no_control_group(tmp_path: Path) -> None:
    why = abilities._no_groups(tmp_path)
    assert why is not None
    assert "cgroup2" in why
    assert list(tmp_path.iterdir()) == []
