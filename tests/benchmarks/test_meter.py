"""The meter sees what programs use, also of those that have ended, and tells ours from others'."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.benchmarks import meter
from tests.benchmarks.meter import Reading, Roots, Watch
from tests.benchmarks.steps import measure

MB = 1_000_000
_BURN = "sum(i * i for i in range(2_000_000))"


def _roots(client: int = 0) -> Roots:
    return Roots(harness=os.getpid(), store=0, client=client)


def _wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_cpu_of_an_ended_grandchild_is_its_clients() -> None:
    program = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', '{_BURN}']); sys.stdin.readline()"
    )
    program += "; print(); sys.stdin.readline()"
    client = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert client.stdin is not None
    assert client.stdout is not None
    with client:
        first = meter.read(_roots(client.pid))
        client.stdin.write(b"\n")
        client.stdin.flush()
        client.stdout.readline()  # it has waited for its child by now
        spent = meter.between(first, meter.read(_roots(client.pid)))
        client.stdin.close()

    assert spent.client_cpu_s > 0.05
    assert spent.database_cpu_s == 0
    assert spent.cpu_s == spent.client_cpu_s


def test_foreign_is_what_nobody_of_ours_used() -> None:
    nothing = dict.fromkeys(("client", "database", "store", "harness"), 0.0)
    bytes_ = dict.fromkeys(nothing, 0)
    first = Reading(0.0, 100.0, nothing, bytes_)
    second = Reading(10.0, 112.0, {**nothing, "client": 6.0, "harness": 1.0}, {**bytes_, "client": 5})

    spent = meter.between(first, second, cores=2)

    assert spent.foreign == pytest.approx(5 / 20)
    assert (spent.wall_s, spent.cpu_s, spent.written_bytes) == (10.0, 6.0, 5)


def test_peaks_of_memory_and_disk_stay_after_they_are_gone(tmp_path: Path) -> None:
    program = "import sys; held = bytearray(80_000_000); print(); sys.stdin.readline(); del held; print()"
    program += "; sys.stdin.readline()"
    client = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert client.stdin is not None
    assert client.stdout is not None
    with client, Watch(client.pid, tmp_path) as watch:
        client.stdout.readline()
        (tmp_path / "spool").write_bytes(b"x" * MB)
        _wait_for(lambda: watch.peaks.memory_bytes > 80 * MB and watch.peaks.disk_bytes >= MB)
        (tmp_path / "spool").unlink()
        client.stdin.write(b"\n")
        client.stdin.flush()
        client.stdout.readline()
        assert watch.peaks.memory_bytes > 80 * MB
        assert watch.peaks.disk_bytes >= MB
        client.stdin.close()


def test_files_of_a_database_server_are_not_counted(tmp_path: Path) -> None:
    (tmp_path / "data" / "base").mkdir(parents=True)
    (tmp_path / "data" / "base" / "1").write_bytes(b"x" * MB)
    assert meter.allocated_bytes(tmp_path, set()) >= MB

    version, servers = tmp_path / "data" / "PG_VERSION", set[str]()
    version.write_text("17\n")
    assert meter.allocated_bytes(tmp_path, servers) == 0
    version.unlink()  # as it is erased
    assert meter.allocated_bytes(tmp_path, servers) == 0


def test_a_program_that_fails_is_no_figure(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"others nonsense failed:[\s\S]*KeyError"):
        measure("tests.benchmarks.others", {"verb": "nonsense"}, tmp_path, store=0)
