"""This host as a machine: leases, the guard, and looking for what is left (promise 4)."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from restoredrill import process
from restoredrill.errors import MachineFailed
from restoredrill.machines import guard, local
from restoredrill.machines.local import LeaseFile, LocalMachine
from restoredrill.model import Job, VaultSpec

DRILL = "20260923T031500Z-7f3a"
SLEEPS = (sys.executable, "-c", "import time; print('at work', flush=True); time.sleep(600)")
ENDS = (sys.executable, "-c", "import sys; print('no such vault', file=sys.stderr); sys.exit(3)")
# An agent with a server: a grandchild in a session of its own, working in a folder below the machine's.
STARTS_SERVER = """
import os, subprocess, sys, time
os.mkdir("server")
rest = [sys.executable, "-c", "import time; time.sleep(600)"]
subprocess.Popen(rest, cwd="server", start_new_session=True)
open("up", "w").close()
"""
WITH_SERVER = (sys.executable, "-c", f"{STARTS_SERVER}time.sleep(600)")
LEAVES_SERVER = (sys.executable, "-c", STARTS_SERVER)


def job(drill: str = DRILL, lives_s: float = 3600) -> Job:
    now = datetime.now(UTC)
    return Job(
        drill=drill,
        database="shop",
        backup="20260923T021500Z-0001",
        vault=VaultSpec(url="file:///nowhere"),
        provider="local",
        jobs=1,
        started_at=now,
        deadline_at=now + timedelta(seconds=lives_s),
        expires_at=now + timedelta(seconds=lives_s),
    )


def eventually(true: Callable[[], object], limit_s: float = 60) -> None:
    until = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.05)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "machines"
    for home in (tmp_path / "machines").glob("2*"):
        local.end_machine(home)


def machine(folder: Path, agent: tuple[str, ...]) -> LocalMachine:
    return LocalMachine(folder, {}, agent)


def test_launch_leaves_a_lease_and_terminate_leaves_nothing(folder: Path) -> None:
    """Promise 4: the look after the end is empty, and was not before."""
    here = machine(folder, WITH_SERVER)
    name = here.launch(job())
    eventually((folder / name / "up").exists)
    assert here.state(name).running
    (lease,) = here.leases()
    assert (lease.drill, lease.database, lease.orphan) == (DRILL, "shop", False)
    before = here.leftovers(DRILL)
    assert sum(line.startswith("process") for line in before) == 2
    assert any(line.startswith("directory") for line in before)

    here.terminate(name)

    assert here.leftovers(DRILL) == ()
    assert here.leases() == ()
    here.terminate(name)  # may be repeated


def test_a_daemon_that_a_check_has_started_is_found_wherever_it_works(folder: Path) -> None:
    """Promise 4: a smoke test may start the app, which leaves directory, session and parent behind."""
    daemon = STARTS_SERVER.replace('cwd="server"', 'cwd="/"')
    here = machine(folder, (sys.executable, "-c", daemon))
    name = here.launch(job())
    eventually((folder / name / "up").exists)
    eventually(lambda: not here.state(name).running)
    assert [line for line in here.leftovers(DRILL) if line.startswith("process")]
    here.terminate(name)
    assert here.leftovers(DRILL) == ()


def test_an_agent_that_died_is_seen_with_its_last_words(folder: Path) -> None:
    here = machine(folder, ENDS)
    name = here.launch(job())
    eventually(lambda: not here.state(name).running)
    assert "no such vault" in here.state(name).detail


def test_a_killed_agent_leaves_an_orphan_that_a_look_finds(folder: Path) -> None:
    here = machine(folder, WITH_SERVER)
    name = here.launch(job())
    eventually((folder / name / "up").exists)
    agent = next(p for p in process.running_below(folder / name) if "up" not in str(p))
    lease = read_lease(folder / name)
    assert lease.agent is not None
    process.end(lease.agent, patience_s=0)
    assert not process.alive(agent) or agent != lease.agent
    (found,) = here.leases()
    assert found.orphan
    assert any(line.startswith("process") for line in here.leftovers(DRILL)), "the server outlived its agent"
    here.terminate(name)
    assert here.leftovers(DRILL) == ()


def test_the_guard_ends_a_machine_whose_lease_is_over(folder: Path) -> None:
    """Promise 4, the timer inside: nobody calls terminate here."""
    here = machine(folder, WITH_SERVER)
    name = here.launch(job(lives_s=3))
    eventually(lambda: here.leftovers(DRILL) == ())
    assert not here.state(name).running


def test_the_guard_leaves_a_machine_alone_while_its_lease_holds(folder: Path) -> None:
    here = machine(folder, SLEEPS)
    name = here.launch(job())
    log = folder / name / "agent.log"
    eventually(lambda: log.exists() and "at work" in log.read_text())
    time.sleep(1.5)  # more than one look of the guard
    assert here.state(name).running


def test_a_kept_machine_lives_on_without_its_agent_until_its_new_end(folder: Path) -> None:
    here = machine(folder, LEAVES_SERVER)
    name = here.launch(job())
    eventually(lambda: not here.state(name).running)
    local.keep(folder / name, datetime.now(UTC) + timedelta(hours=2))
    assert here.state(name).running
    (lease,) = here.leases()
    assert not lease.orphan
    local.keep(folder / name, datetime.now(UTC))
    eventually(lambda: here.leftovers(DRILL) == ())


def test_a_kept_machine_whose_server_is_gone_is_an_orphan(folder: Path) -> None:
    """The agent could not write its report, say, and ended what was to be kept."""
    here = machine(folder, ENDS)
    name = here.launch(job())
    local.keep(folder / name, datetime.now(UTC) + timedelta(hours=2))
    eventually(lambda: not here.state(name).running)
    (lease,) = here.leases()
    assert lease.orphan


def test_what_two_change_of_a_lease_at_once_is_both_there(folder: Path) -> None:
    """An agent that keeps its machine while whoever launched it notes who works in it."""
    home = folder / machine(folder, SLEEPS).launch(job())
    for number in range(20):
        later, agent = datetime.now(UTC) + timedelta(hours=number + 1), process.Proc(number, 0.0)
        both = [
            threading.Thread(target=local.keep, args=(home, later)),
            threading.Thread(target=local._amend, args=(home,), kwargs={"agent": agent}),
        ]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join(60)
        lease = read_lease(home)
        assert (lease.expires_at, lease.agent) == (later, agent)


def read_lease(home: Path) -> LeaseFile:
    return LeaseFile.model_validate_json((home / local.LEASE).read_text())


def test_the_guard_bears_with_a_lease_that_cannot_be_read_for_a_moment(tmp_path: Path) -> None:
    with local.workplace(tmp_path / "machines", DRILL, "shop", timedelta(hours=1)) as home:
        watching = threading.Thread(target=guard.watch, args=(home,))
        watching.start()
        time.sleep(guard.LOOK_EVERY_S / 2)  # it has looked
        text = (home / local.LEASE).read_text()
        (home / local.LEASE).write_text("{")
        time.sleep(2 * guard.LOOK_EVERY_S)
        assert watching.is_alive()
        (home / local.LEASE).write_text(text)
        local.keep(home, datetime.now(UTC))
        watching.join(60)
        assert not home.exists()


def test_an_agent_that_nobody_could_note_is_no_orphan_while_it_works(folder: Path) -> None:
    """Whoever launched it was killed in between: the drill runs on by itself."""
    here = machine(folder, SLEEPS)
    home = folder / here.launch(job())
    agent = read_lease(home).agent
    assert agent is not None
    local._amend(home, agent=None, started_at=datetime.now(UTC) - timedelta(hours=1))
    assert [lease.orphan for lease in here.leases()] == [False]
    assert here.state(home.name).running
    process.end(agent)
    assert [lease.orphan for lease in here.leases()] == [True]


def test_what_is_not_called_like_a_machine_is_none(folder: Path) -> None:
    """`reap` erases what is overdue: never somebody's own folder, nor the programs that lie there."""
    here = machine(folder, SLEEPS)
    for name in ("postgres", "lost+found", "20260923"):
        (folder / name).mkdir(parents=True)
    assert here.leases() == ()


def test_the_servers_user_can_pass_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        home = tmp_path / "a" / "b" / machine(tmp_path / "a" / "b", SLEEPS).launch(job())
    finally:
        os.umask(before)
    assert [oct(path.stat().st_mode & 0o777) for path in (home, *home.parents[:2])] == ["0o711"] * 3
    local.end_machine(home)


def test_an_agent_that_cannot_be_started_leaves_a_machine_that_can_be_ended(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "program").write_text("")  # nobody may run it
    here = LocalMachine(folder, {}, (tmp_path / "program",))
    with pytest.raises(MachineFailed, match="permission denied"):
        here.launch(job())
    here.terminate(DRILL)
    assert here.leftovers(DRILL) == ()


def test_a_module_in_the_working_directory_is_none_of_ours(folder: Path) -> None:
    """The agent works in a directory whose content is not its own."""
    here = machine(folder, (*process.MODULE, "restoredrill"))
    folder.mkdir()
    (folder / "json.py").write_text("raise SystemExit('planted')")
    name = here.launch(job())
    eventually(lambda: not here.state(name).running)
    assert "planted" not in (folder / "guard.log").read_text()
    assert read_lease(folder / name).guard is not None


def test_a_directory_without_a_readable_lease_is_an_orphan(folder: Path) -> None:
    (folder / DRILL).mkdir(parents=True)
    (folder / DRILL / local.LEASE).write_text("{")
    here = machine(folder, SLEEPS)
    (lease,) = here.leases()
    assert lease.orphan
    here.terminate(lease.machine)
    assert here.leases() == ()


def test_two_machines_of_one_drill_are_refused(folder: Path) -> None:
    here = machine(folder, SLEEPS)
    here.launch(job())
    with pytest.raises(MachineFailed, match="already"):
        here.launch(job())


def test_a_directory_that_cannot_be_made_is_said_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineFailed, match="make") as caught:
        machine(tmp_path / "file" / "machines", SLEEPS).launch(job())
    assert "machines.local.directory" in caught.value.hint


@pytest.mark.parametrize("trap", ["link", "writable"])
def test_a_directory_that_others_could_have_laid_out_is_refused(
    folder: Path, tmp_path: Path, trap: str
) -> None:
    if trap == "link":
        (tmp_path / "elsewhere").mkdir()
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        folder.mkdir()
        folder.chmod(0o777)
    with pytest.raises(MachineFailed, match="belongs to others"):
        machine(folder, SLEEPS).launch(job())


def test_the_agent_knows_nothing_of_our_environment_but_what_it_was_given(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise 5: a drill holds no credential for production."""
    monkeypatch.setenv("SHOP_DATABASE_URL", "postgresql://production")
    tells = (sys.executable, "-c", "import os, time; print(sorted(os.environ), flush=True); time.sleep(600)")
    LocalMachine(folder, {"AGE_KEY": "x"}, tells).launch(job())
    log = folder / DRILL / "agent.log"
    eventually(lambda: log.exists() and "AGE_KEY" in log.read_text())
    assert "SHOP_DATABASE_URL" not in log.read_text()
