"""`restoredrill serve` as a service: how it starts, who else may, and how it ends."""

import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from restoredrill.cli.serving.crew import forsaken
from tests.cli.programs import LIMIT_S, REAL, run, start
from tests.stories.samples import cloud_job

FILE = """
vault: {url: 'file:///nowhere'}
drill: {cron: "0 0 1 1 *"}
"""


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "schedules").mkdir()
    (tmp_path / "schedules" / "shop.yaml").write_text(FILE)
    service = "log: {format: text}\nweb: {listen: '127.0.0.1:0'}\n"
    (tmp_path / "schedules" / "_service.yaml").write_text(service)
    monkeypatch.setenv("RESTOREDRILL_MACHINES", str(tmp_path / "machines"))
    return tmp_path


@pytest.fixture
def service(host: Path) -> "Iterator[subprocess.Popen[str]]":
    served = start(REAL, "serve", cwd=host)
    yield served
    served.kill()
    served.communicate()


def told(served: "subprocess.Popen[str]", what: str) -> list[str]:
    """Its lines until one says so."""
    assert served.stderr is not None
    lines: list[str] = []
    until = time.monotonic() + LIMIT_S
    while not lines or what not in lines[-1]:
        line = served.stderr.readline()
        assert line, lines
        assert time.monotonic() < until
        lines.append(line)
    return lines


def test_it_says_what_will_run_when_and_ends_on_sigterm(service: "subprocess.Popen[str]") -> None:
    *_, line = told(service, "drill shop: next at")
    assert "-01-01T00:00:00+00:00" in line
    service.send_signal(signal.SIGTERM)
    out, _ = service.communicate(timeout=LIMIT_S)
    assert service.returncode == 0
    assert "stopped" in out


def test_a_second_one_with_the_same_state_is_refused(host: Path, service: "subprocess.Popen[str]") -> None:
    """Each would drop the runs of the other's files, or start the same ones twice."""
    told(service, "next at")
    second = run(REAL, "serve", cwd=host)
    assert second.returncode == 2
    assert "RESTOREDRILL_STATE" in second.stderr
    assert service.poll() is None


def test_a_state_that_cannot_be_kept_is_a_matter_of_configuration(host: Path) -> None:
    (host / "state").write_text("")
    done = run(REAL, "serve", cwd=host)
    assert done.returncode == 2
    assert "RESTOREDRILL_STATE" in done.stderr


def test_without_its_extra_it_says_how_to_install_it(host: Path) -> None:
    done = run(f"import sys; sys.modules['apscheduler'] = None; {REAL}", "serve", cwd=host)
    assert done.returncode == 3
    assert "restoredrill[serve]" in done.stderr


def test_what_was_left_before_a_reboot_is_ended_at_the_start(host: Path) -> None:
    """Promise 4: the timer in the machine did not survive that."""
    left = host / "machines" / "20260923T031500Z-7f3a"
    (left / "server").mkdir(parents=True)
    served = start(REAL, "serve", cwd=host)
    try:
        lines = told(served, "next at")
    finally:
        served.kill()
        served.communicate()
    assert "ending 20260923T031500Z-7f3a" in lines[0]
    assert not left.exists()


def test_who_speaks_is_not_gone_on_with() -> None:
    """Somebody at another host may follow it: two of them would each start its next machine, or end it."""
    job = cloud_job(deadline_s=2700)
    begun = job.started_at
    assert not forsaken(job, begun, begun + timedelta(minutes=4)), "its machine boots"
    assert not forsaken(job, begun + timedelta(minutes=20), begun + timedelta(minutes=22))
    assert forsaken(job, begun + timedelta(minutes=20), begun + timedelta(minutes=26)), "nobody speaks"
    assert forsaken(job, begun + timedelta(minutes=45), begun + timedelta(minutes=46)), "its time is over"
    assert forsaken(job, None, begun)
