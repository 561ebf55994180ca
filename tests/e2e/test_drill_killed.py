"""A drill of which something is ended: controller, agent or server, at every stage; and what is left then."""

import contextlib
import os
import shlex
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from restoredrill.model import Report, Verdict
from tests.e2e.conftest import Taken
from tests.e2e.host import Command, Host, eventually
from tests.e2e.trouble import gate, kill_agent, kill_guard, machine_of, postmaster
from tests.plugins.s3 import S3Vault
from tests.vault.faulty import Proxy

SUBMITTED = r"^PUT .*/drills/.*/job\.json"


@dataclass
class Stage:
    """A drill that will stand still at one point. `name` says which: prepare, restore or verify."""

    name: str
    host: Host
    proxy: Proxy

    @contextlib.contextmanager
    def reached(self) -> Iterator[Command]:
        """The drill's command, when it has come there; it goes on at the end of the block."""
        with self._halt() as until:
            command = self.host.start("drill", "shop", "--json")
            until()
            yield command

    def _halt(self) -> AbstractContextManager[Callable[[], None]]:
        return {"prepare": self._fetch, "restore": self._fetch, "verify": self._check}[self.name]()

    @contextlib.contextmanager
    def _fetch(self) -> Iterator[Callable[[], None]]:
        """The store does not answer: the agent asks for the manifest first, then for the data."""
        what = {"prepare": r"^GET .*/manifest\.json", "restore": r"^GET .*\.dat\.zst"}[self.name]
        with gate(self.proxy, what, after=SUBMITTED) as at:
            yield at.wait

    @contextlib.contextmanager
    def _check(self) -> Iterator[Callable[[], None]]:
        """A check of the user's own takes its time."""
        asked, goes_on = self.host.folder / "asked", self.host.folder / "goes-on"
        try:
            yield lambda: _await(asked)
        finally:
            goes_on.touch()


def _await(file: Path) -> None:
    eventually(file.exists, "the check is asked")


@pytest.fixture
def stage(request: pytest.FixtureRequest, host: Host, taken: Taken, proxy: Proxy, proxied: S3Vault) -> Stage:
    """A stage of the drill of a backup that is good; it is called like the parameter."""
    asked, goes_on = (shlex.quote(str(host.folder / name)) for name in ("asked", "goes-on"))
    wait = f"touch {asked}; while [ ! -e {goes_on} ]; do sleep 0.05; done"
    checks = [
        {"name": "the app thinks", "command": ["sh", "-c", wait]},
        {"name": "orders are there", "rows": {"table": "shop.orders", "min": 3000}},
    ]
    host.protect("shop", None, proxied, drill={"checks": checks if request.param == "verify" else []})
    taken.put(host.store("shop"))
    return Stage(str(request.param), host, proxy)


every_stage = pytest.mark.parametrize("stage", ["prepare", "restore", "verify"], indirect=True)
at = {
    name: pytest.mark.parametrize("stage", [name], indirect=True) for name in ("prepare", "restore", "verify")
}


def stored(host: Host) -> Report:
    """The one report that the vault has."""
    (report,) = host.reports("shop")
    return report


@every_stage
def test_without_its_controller_a_drill_goes_on(stage: Stage) -> None:
    """Promises 4 and 8: its report comes into the vault all the same, and then nothing is left."""
    with stage.reached() as command:
        command.kill()
    (report,) = eventually(lambda: stage.host.reports("shop"), "a report")
    assert report.verdict is Verdict.PASSED
    eventually(lambda: stage.host.left() == [], "nobody is left, and nothing")


@every_stage
def test_without_its_agent_a_drill_is_inconclusive(stage: Stage) -> None:
    """Promises 1 and 4: nobody knows whether the backup is good, and nothing is left of it."""
    with stage.reached() as command:
        kill_agent(stage.host)
        ended = command.end()
    assert ended.code == 3, str(ended)
    report = ended.report
    assert report.verdict is Verdict.INCONCLUSIVE
    assert "the agent ended without a report; it said last: " in report.reasons[0]
    assert report.machine.leftovers == ()
    assert stage.host.left() == []
    assert stored(stage.host) == report


@pytest.mark.parametrize("stage", ["restore", "verify"], indirect=True)
def test_without_its_server_a_drill_is_inconclusive(stage: Stage) -> None:
    """Promise 1: a server that is gone says nothing about the backup."""
    with stage.reached() as command:
        os.kill(postmaster(stage.host), signal.SIGKILL)
    ended = command.end()
    assert ended.code == 3, str(ended)
    assert ended.report.verdict is Verdict.INCONCLUSIVE
    assert ended.report.machine.leftovers == ()
    assert stage.host.left() == []


@at["restore"]
def test_what_nobody_looks_after_is_found_by_looking(stage: Stage) -> None:
    """Promises 4 and 8: controller, agent and guard are gone; `reap` finds the server and ends it."""
    host = stage.host
    with stage.reached() as command:
        kill_guard(host)
        command.kill()
        kill_agent(host)
        home = machine_of(host)
        server = postmaster(host)
        assert f"process {server}" in host.left()
        (reaped,) = host.document("reap")["reaped"]
    assert (reaped["lease"]["machine"], reaped["problem"]) == (home.name, None)
    assert host.left() == []
    assert host.reports("shop") == (), "and nobody claims to know anything"
    assert host.document("status", "shop", code=1)["databases"][0]["proven"] is False


@at["restore"]
def test_a_lonely_machine_ends_itself(stage: Stage) -> None:
    """Promise 4: controller and agent are gone, and the timer inside does not wait for the lease's end."""
    with stage.reached() as command:
        command.kill()
        kill_agent(stage.host)
        eventually(lambda: stage.host.left() == [], "the guard has ended it")


@pytest.mark.parametrize(
    ("stage", "number"),
    [("prepare", signal.SIGTERM), ("restore", signal.SIGINT), ("verify", signal.SIGTERM)],
    indirect=["stage"],
)
def test_an_interrupted_drill_cleans_up(stage: Stage, number: signal.Signals) -> None:
    """Promise 8: 130 means interrupted and cleaned up, and the vault knows of it."""
    with stage.reached() as command:
        command.send(number)
        ended = command.end()
    assert ended.code == 130, str(ended)
    assert stage.host.left() == []
    assert stored(stage.host).verdict is Verdict.INCONCLUSIVE
    assert [finding.rule for finding in stored(stage.host).findings] == ["INTERRUPTED"]
