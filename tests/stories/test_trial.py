"""A trial machine is ended whatever happens, and what could not be ended is said."""

from datetime import timedelta

import pytest

from restoredrill import clock
from restoredrill.doctor import Outcome, Probe
from restoredrill.errors import CapacityMissing, MachineFailed, VaultDenied
from restoredrill.model import Errand, Event, Job, VaultSpec
from restoredrill.protocols import MachineState
from restoredrill.trial import Trial, attempt

NOW = clock.utcnow()
JOB = Job(
    drill="20261126T031500Z-7f3a",
    backup="20000101T000000Z-0000",
    database="shop",
    vault=VaultSpec(url="s3://vault/shop"),
    provider="ec2",
    jobs=1,
    started_at=NOW,
    deadline_at=NOW + timedelta(minutes=10),
    expires_at=NOW + timedelta(minutes=15),
)
WORD = (1, Event(at=NOW, phase="prepare", kind="started"))


class Machine:
    """One that does as the test says; `log` is what was asked of it."""

    def __init__(self, *, refuses: bool = False, dies: bool = False, resists: bool = False) -> None:
        self.refuses, self.dies, self.resists = refuses, dies, resists
        self.log: list[str] = []

    def launch(self, job: Errand, attempt: int = 1) -> str:
        self.log.append("launch")
        if self.refuses:
            raise CapacityMissing("start", "m7i.large", "no capacity", hint="later")
        return "i-1"

    def state(self, machine: str) -> MachineState:
        return MachineState(not self.dies, "powered itself off" if self.dies else "")

    def last_words(self, machine: str) -> str:
        return "no route\n to host"

    def terminate(self, machine: str) -> None:
        self.log.append("terminate")
        if self.resists:
            raise MachineFailed("end", machine, "access denied")

    def leftovers(self, errand: str) -> tuple[str, ...]:
        return ("instance i-1 (running) in eu-central-1",) if self.resists else ()


def trial(machine: Machine, *events: tuple[int, Event], first_word_s: float = 0.05) -> Trial:
    return Trial(
        JOB,
        machine,
        lambda _: None,
        lambda _drill, _after: events,
        lambda: "forgotten",
        first_word_s,
        look_every_s=0.01,
    )


def found(made: Trial) -> dict[str, Probe]:
    return {probe.name: probe for probe in attempt(made)}


def test_a_word_is_heard_and_the_machine_is_gone() -> None:
    machine = Machine()
    probes = found(trial(machine, WORD))
    assert {probe.outcome for probe in probes.values()} == {Outcome.OK}
    assert machine.log == ["launch", "terminate"]
    assert "prepare started" in probes["trial: first word"].detail


def test_no_word_is_a_failure_with_its_console() -> None:
    machine = Machine()
    probes = found(trial(machine))
    assert probes["trial: first word"].outcome is Outcome.FAILED
    assert probes["trial: first word"].detail.endswith("its console: no route to host")
    assert machine.log[-1] == "terminate"


def test_a_machine_that_ends_without_a_word_is_not_waited_for() -> None:
    probes = found(trial(Machine(dies=True), first_word_s=3600))
    assert "ended without a word (powered itself off)" in probes["trial: first word"].detail


def test_where_nothing_could_be_started_it_is_still_looked_at() -> None:
    machine = Machine(refuses=True)
    probes = found(trial(machine, WORD))
    assert (probes["trial: start"].outcome, probes["trial: start"].fix) == (Outcome.FAILED, "later")
    assert "trial: first word" not in probes
    assert machine.log == ["launch", "terminate"]


def test_one_that_resists_is_named() -> None:
    probes = found(trial(Machine(resists=True), WORD))
    assert probes["trial: end"].outcome is Outcome.FAILED
    assert "i-1 (running)" in probes["trial: leftovers"].detail


@pytest.mark.parametrize("at", ["trial: start", "trial: first word"])
def test_whoever_breaks_it_off_leaves_no_machine(at: str) -> None:
    machine = Machine()
    steps = attempt(trial(machine, WORD))
    while next(steps).name != at:
        pass
    steps.close()
    assert machine.log == ["launch", "terminate"]


def test_an_interruption_while_it_waits_ends_the_machine() -> None:
    def interrupted(_drill: str, _after: int) -> tuple[tuple[int, Event], ...]:
        raise KeyboardInterrupt

    machine = Machine()
    made = Trial(JOB, machine, lambda _: None, interrupted, lambda: "forgotten", 5)
    with pytest.raises(KeyboardInterrupt):
        list(attempt(made))
    assert machine.log == ["launch", "terminate"]


def test_without_a_job_in_the_vault_nothing_is_started() -> None:
    def denied(_job: Job) -> None:
        raise VaultDenied("write", "job.json", "access denied")

    machine = Machine()
    (only,) = attempt(Trial(JOB, machine, denied, lambda _d, _a: (), lambda: "", 5))
    assert (only.outcome, machine.log) == (Outcome.FAILED, [])
