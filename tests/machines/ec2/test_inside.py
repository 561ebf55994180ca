"""What watches over an agent: a real vault in a folder, real processes as agents, a stand-in's metadata."""

import json
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import pytest

from restoredrill import process
from restoredrill.aws.imds import Imds, Notice
from restoredrill.errors import MachineFailed, VaultMissing, VaultUnreachable
from restoredrill.machines.ec2 import boot, inside
from restoredrill.machines.ec2.inside import Pace, World
from restoredrill.model import Errand, Event
from restoredrill.protocols import Entry, Store
from restoredrill.vault.folder import FolderStore
from tests.machines.ec2.errands import DRILL, Metadata, backup_job, job, metadata

QUICK = Pace(look_s=0.02, notice_s=0.05, ship_s=0.1, farewell_s=5.0)
FOLDER = f"drills/{DRILL}/"
GOOD = "print('all restored')"
HANGS = "import time; print('hanging', flush=True); time.sleep(600)"


@dataclass
class Site:
    """A machine: its directory, its vault, and what was done to it."""

    directory: Path
    store: Store
    told: Metadata
    agent: str = GOOD
    pace: Pace = QUICK
    armed: list[tuple[datetime, int]] = field(default_factory=list)
    off: int = 0
    children: list[process.Child] = field(default_factory=list)

    def world(self) -> World:
        return World(
            store=self.store,
            imds=Imds(self.told.url),
            start=self._start,
            arm=lambda at, lease_s: self.armed.append((at, lease_s)),
            power_off=self._power_off,
            pace=self.pace,
        )

    def _start(self, home: Path, log: IO[bytes]) -> process.Child:
        child = process.start([sys.executable, "-c", self.agent, str(home)], stdout=log, stderr=log)
        self.children.append(child)
        return child

    def _power_off(self) -> None:
        self.off += 1

    def submit(self, errand: Errand, attempt: int = 1) -> None:
        """As a controller and the boot data leave it."""
        assert errand.plan is not None
        note = boot.note_of(errand, errand.plan, attempt)
        (self.directory / "boot.json").write_text(note.model_dump_json(by_alias=True))
        self.store.put(f"{note.folder}job.json", [errand.model_dump_json(by_alias=True).encode()])

    def carry_out(self) -> int:
        return inside.carry_out(self.directory, self.world())

    def text(self, key: str) -> str:
        return b"".join(self.store.fetch(key)).decode()

    def event(self, number: int) -> Event:
        return Event.model_validate_json(self.text(f"{FOLDER}events/{number:06d}.json"))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "work").mkdir()
    (tmp_path / "vault").mkdir()
    with metadata() as told:
        found = Site(tmp_path / "work", FolderStore(tmp_path / "vault"), told)
        yield found
        for child in found.children:
            process.kill_group(child)


def live(**more: object) -> Errand:
    return job(began=datetime.now(UTC), **more)  # type: ignore[arg-type]


def wait_for(what: object) -> None:
    assert callable(what)
    until = time.monotonic() + 60
    while not what():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.02)


# A good day -------------------------------------------------------------------------------------------------


def test_the_agent_runs_with_the_job_and_the_facts(site: Site) -> None:
    site.agent = "import sys; print(open(sys.argv[1] + '/machine.json').read(), end='')"
    errand = live()
    site.submit(errand, attempt=2)
    assert site.carry_out() == 0
    told = json.loads(site.text(f"{FOLDER}agent-2.log"))
    assert told["attempt"] == 2
    assert told["facts"]["id"] == "i-0a1b2c3d4e5f60718"
    assert (told["facts"]["type"], told["facts"]["zone"]) == ("m7i.large", "eu-central-1a")
    assert told["facts"]["market"] == "spot"
    assert (site.directory / DRILL / "job.json").read_text() == errand.model_dump_json(by_alias=True)


def test_the_machine_is_off_afterwards_and_armed_before(site: Site) -> None:
    errand = live()
    site.submit(errand)
    site.carry_out()
    assert site.off == 1
    assert site.armed == [(errand.expires_at, 4200)]


def test_a_backup_is_an_errand_like_a_drill(site: Site) -> None:
    errand = backup_job()
    site.submit(errand)
    site.agent = "print('taken')"
    late = Pace(
        look_s=0.02, farewell_s=-1e12
    )  # its lease is over by this host's clock, which is no matter here
    site.pace = late
    site.carry_out()
    assert site.off == 1


def test_the_exit_status_is_the_agents(site: Site) -> None:
    site.agent = "import sys; sys.exit(3)"
    site.submit(live())
    assert site.carry_out() == 3


def test_without_a_metadata_service_the_work_is_done_all_the_same(site: Site) -> None:
    site.told.url = "http://127.0.0.1:1"
    site.submit(live())
    assert site.carry_out() == 0


# The log ----------------------------------------------------------------------------------------------------


def test_the_log_comes_while_the_agent_works(site: Site) -> None:
    site.agent = HANGS
    site.submit(live())
    watcher = threading.Thread(target=site.carry_out)
    watcher.start()
    try:
        wait_for(lambda: _there(site.store, f"{FOLDER}agent-1.log"))
        assert site.text(f"{FOLDER}agent-1.log") == "hanging\n"
    finally:
        site.children[0].terminate()
        watcher.join()
    assert site.off == 1


def test_of_a_long_log_the_end_is_kept(site: Site) -> None:
    site.agent = "print('x' * 5_000_000); print('the end')"
    site.submit(live())
    site.carry_out()
    text = site.text(f"{FOLDER}agent-1.log")
    assert len(text) == 4 * 1024 * 1024
    assert text.endswith("the end\n")


def _there(store: Store, key: str) -> bool:
    return any(entry.key == key and entry.size_bytes for entry in store.list(FOLDER))


# Bad days ---------------------------------------------------------------------------------------------------


def test_a_spot_notice_is_told_and_the_agent_let_go(site: Site) -> None:
    site.agent = (
        "import signal, sys, time\n"
        "def gone(*_): print('let go', flush=True); sys.exit(130)\n"
        "signal.signal(signal.SIGTERM, gone)\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)"
    )
    site.submit(live(), attempt=3)
    watcher = threading.Thread(target=site.carry_out)
    watcher.start()
    wait_for(lambda: _there(site.store, f"{FOLDER}agent-3.log"))  # it is ready
    site.told.answers["spot/instance-action"] = '{"action": "terminate", "time": "2026-11-26T03:20:00Z"}'
    watcher.join(timeout=60)
    event = site.event(299_999)
    assert (event.kind, event.phase) == ("interrupted", "machine")
    assert event.message == "spot interruption notice: terminate at 03:20:00 UTC"
    assert "let go" in site.text(f"{FOLDER}agent-3.log")
    assert site.off == 1


def test_without_a_notice_nothing_is_told(site: Site) -> None:
    site.submit(live())
    site.carry_out()
    with pytest.raises(VaultMissing):
        site.event(99_999)


@pytest.mark.parametrize("said", ["", "[]", '{"action": 1, "time": 2}', '{"time": "soon"}'])
def test_a_notice_that_can_not_be_read_is_one_too(site: Site, said: str) -> None:
    site.agent = HANGS
    site.told.answers["spot/instance-action"] = said
    site.submit(live())
    site.carry_out()
    assert site.event(99_999).kind == "interrupted"


def test_an_agent_that_ignores_being_let_go_is_killed(site: Site) -> None:
    site.agent = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {HANGS}"
    site.pace = Pace(look_s=0.02, notice_s=0.05, farewell_s=1.0)
    site.submit(live())
    watcher = threading.Thread(target=_suppressed, args=(site,))
    watcher.start()
    wait_for(lambda: (site.directory / DRILL / "agent.log").exists() and _says(site, "hanging"))
    site.told.answers["spot/instance-action"] = '{"action": "terminate"}'
    watcher.join(timeout=60)
    assert site.children[0].poll() is not None
    assert site.off == 1


def _says(site: Site, word: str) -> bool:
    return word in (site.directory / DRILL / "agent.log").read_text()


def _suppressed(site: Site) -> None:
    with pytest.raises(MachineFailed):
        site.carry_out()


def test_an_agent_that_hangs_ends_with_the_lease(site: Site) -> None:
    site.agent = HANGS
    site.pace = Pace(look_s=0.02, farewell_s=2.0)
    site.submit(live(lease_s=4.0))
    with pytest.raises(MachineFailed, match="did not end in time"):
        site.carry_out()
    assert site.children[0].poll() is not None
    assert "did not end in time" in site.event(99_998).message
    assert site.off == 1


def test_no_job_in_the_vault(site: Site) -> None:
    site.submit(live())
    site.store.delete([f"{FOLDER}job.json"])
    with pytest.raises(VaultMissing):
        site.carry_out()
    assert "job.json" in site.event(99_998).message
    assert site.off == 1


def test_a_job_that_is_none(site: Site) -> None:
    site.submit(live())
    site.store.put(f"{FOLDER}job.json", [b"{}"])
    with pytest.raises(MachineFailed, match="read the job"):
        site.carry_out()
    assert site.off == 1


def test_no_boot_data_here(site: Site) -> None:
    with pytest.raises(MachineFailed, match=r"boot\.json"):
        site.carry_out()
    assert site.off == 1


class Dead:
    """A store whose writes get no answer; what was there before can still be read."""

    def __init__(self, behind: Store) -> None:
        self._behind = behind

    def put(self, key: str, chunks: Iterable[bytes]) -> None:
        raise VaultUnreachable("write", key, "no answer")

    def put_once(self, key: str, body: bytes) -> None:
        raise VaultUnreachable("write", key, "no answer")

    def fetch(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        return self._behind.fetch(key, start, length)

    def list(self, prefix: str = "", *, folders: bool = False) -> Iterator[Entry]:
        return self._behind.list(prefix, folders=folders)

    def delete(self, keys: Sequence[str]) -> None:
        self._behind.delete(keys)


def test_a_vault_that_takes_nothing_keeps_nobody_from_ending(site: Site) -> None:
    site.submit(live())
    site.store = Dead(site.store)
    assert site.carry_out() == 0
    assert site.off == 1


class Stuck(Dead):
    """A store whose writes never come back."""

    def put(self, key: str, chunks: Iterable[bytes]) -> None:
        threading.Event().wait(600)


def test_a_vault_that_never_answers_keeps_nobody_from_ending(site: Site) -> None:
    site.pace = Pace(look_s=0.02, notice_s=0.05, ship_s=0.1, farewell_s=0.5)
    site.submit(live())
    site.store = Stuck(site.store)
    assert site.carry_out() == 0
    assert site.off == 1


class Stopped(Imds):
    """Somebody shuts the machine down while its metadata are looked at."""

    def notice(self) -> Notice | None:
        raise KeyboardInterrupt


def test_told_to_stop_it_does_not_wait_for_a_vault_that_is_gone(site: Site) -> None:
    site.pace = Pace(look_s=0.02, notice_s=0.05, farewell_s=3000, stopped_s=0.5)
    site.agent = HANGS
    site.submit(live())
    site.store = Stuck(site.store)
    world = replace(site.world(), imds=Stopped(site.told.url))
    with pytest.raises(KeyboardInterrupt):
        inside.carry_out(site.directory, world)
    assert site.off == 1
    assert site.children[0].poll() is not None


# Kept -------------------------------------------------------------------------------------------------------


def keeping(seconds: float) -> str:
    until = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
    return (
        "import sys; from pathlib import Path; from datetime import datetime\n"
        "from restoredrill.machines.ec2 import inside\n"
        f"inside.keep(Path(sys.argv[1]), datetime.fromisoformat({until!r}))"
    )


def test_a_kept_server_lives_until_its_time_is_over(site: Site) -> None:
    site.agent = keeping(8)
    site.submit(live())
    site.carry_out()
    (until, _), (again, left_s) = site.armed[0], site.armed[1]
    assert again < until
    assert left_s <= 8
    assert datetime.now(UTC) >= again
    assert site.off == 1


def test_a_kept_server_does_not_outlive_the_lease(site: Site) -> None:
    site.agent = keeping(3600)
    site.pace = Pace(look_s=0.02, notice_s=0.05, farewell_s=0.5)
    errand = live(lease_s=15.0)
    site.submit(errand)
    site.carry_out()
    assert [at for at, _ in site.armed] == [errand.expires_at] * 2
    assert site.off == 1


def test_a_kept_server_is_told_of_when_it_is_taken_away(site: Site) -> None:
    site.agent = keeping(3600)
    site.submit(live())
    watcher = threading.Thread(target=site.carry_out)
    watcher.start()
    wait_for(lambda: len(site.armed) == 2)
    site.told.answers["spot/instance-action"] = '{"action": "stop"}'
    watcher.join(timeout=60)
    assert site.event(99_999).kind == "interrupted"
    assert site.off == 1


def test_this_host_is_no_throwaway_machine(tmp_path: Path) -> None:
    assert inside.standing(tmp_path) is None
