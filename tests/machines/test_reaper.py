"""What the reaper ends, and what it leaves alone."""

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from restoredrill.errors import MachineFailed
from restoredrill.machines import local
from restoredrill.machines.local import LocalMachine
from restoredrill.machines.reaper import overdue, reap
from restoredrill.model import Job, Lease
from restoredrill.protocols import MachineState

DAY = timedelta(days=1)
NOW = datetime(2026, 9, 23, 3, 15, tzinfo=UTC)


def lease(name: str, ends_in: timedelta, *, orphan: bool = False) -> Lease:
    return Lease(
        machine=name,
        provider="local",
        drill=name,
        database="shop",
        started_at=NOW - timedelta(hours=3),
        expires_at=NOW + ends_in,
        orphan=orphan,
    )


class Cloud:
    """Machines that are a list; one may resist its end."""

    def __init__(self, *leases: Lease, resists: str = "") -> None:
        self.alive = {lease.machine: lease for lease in leases}
        self._resists = resists

    def launch(self, job: Job) -> str:
        raise NotImplementedError

    def state(self, machine: str) -> MachineState:
        return MachineState(machine in self.alive)

    def terminate(self, machine: str) -> None:
        if machine == self._resists:
            raise MachineFailed("end", machine, "access denied")
        del self.alive[machine]

    def leases(self) -> tuple[Lease, ...]:
        return tuple(self.alive.values())

    def leftovers(self, drill: str) -> tuple[str, ...]:
        return ()


def test_only_what_is_over_or_orphaned_is_overdue() -> None:
    """Promise 4."""
    over, young = lease("over", -timedelta(seconds=1)), lease("young", timedelta(hours=1))
    orphan = lease("orphan", timedelta(hours=1), orphan=True)
    assert [one.lease.machine for one in overdue((over, young, orphan), NOW)] == ["over", "orphan"]


def test_a_machine_that_resists_does_not_save_the_others() -> None:
    cloud = Cloud(lease("a", -timedelta(1)), lease("b", -timedelta(1)), resists="a")
    said: list[str] = []
    first, second = reap(cloud, NOW, said.append)
    assert "access denied" in (first.problem or "")
    assert second.problem is None
    assert list(cloud.alive) == ["a"]
    assert len(said) == 2


KILLED = """
import os, signal, subprocess, sys
from datetime import timedelta
from pathlib import Path
from restoredrill.machines.local import workplace
with workplace(Path(sys.argv[1]), "20260923T031500Z-7f3a", "shop", timedelta(days=7)) as home:
    rest = [sys.executable, "-c", "import time; time.sleep(600)"]
    subprocess.Popen(rest, cwd=home, start_new_session=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_workplace_of_a_killed_process_is_reaped_with_what_works_in_it(tmp_path: Path) -> None:
    """A backup killed with -9 leaves a spool, and maybe a program that writes to it."""
    folder = tmp_path / "machines"
    subprocess.run([sys.executable, "-c", KILLED, str(folder)], check=False)
    here = LocalMachine(folder, {})
    until = time.monotonic() + 60
    while len(here.leftovers("20260923T031500Z-7f3a")) < 2:
        assert time.monotonic() < until
    (gone,) = reap(here, datetime.now(UTC), lambda _: None)
    assert gone.problem is None
    assert here.leftovers("20260923T031500Z-7f3a") == ()


def test_a_workplace_that_cannot_be_written_to_leaves_nothing(tmp_path: Path) -> None:
    """A full disk, say; here the lease's path would be too long, and the directory's is not quite."""
    directory = tmp_path
    while len(str(directory)) < 3700:
        directory /= "d" * 200
    name = "n" * (4090 - len(str(directory)) - 1)
    directory /= name[:100]
    name = name[101:]
    with pytest.raises(MachineFailed, match="name too long"), local.workplace(directory, name, "shop", DAY):
        raise AssertionError("unreachable")
    assert list(directory.iterdir()) == []


def test_a_workplace_in_use_is_left_alone_and_erased_by_its_user(tmp_path: Path) -> None:
    here = LocalMachine(tmp_path, {})
    with local.workplace(tmp_path, "20260923T031500Z-7f3a", "shop", timedelta(hours=1)) as home:
        assert reap(here, datetime.now(UTC), lambda _: None) == ()
        assert home.is_dir()
    assert not home.exists()
