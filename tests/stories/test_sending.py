"""Backups that a machine takes, from the controller's side: the manifest is the proof, whatever is said."""

import dataclasses
from datetime import UTC, datetime

import pytest

from restoredrill import sending
from restoredrill.errors import (
    CapacityMissing,
    CloudDenied,
    Interrupted,
    MachineFailed,
    MachineReclaimed,
    RestoredrillError,
    SourceDenied,
    VaultDenied,
)
from restoredrill.model import Cost, Errand, Event, MachineFacts, Manifest, Report
from restoredrill.outcome import BackupOutcome, Trouble
from restoredrill.protocols import MachineState
from restoredrill.sending import Hands
from tests.stories.samples import DRILL, Act, Cloud, MemoryErrands, backup_job, manifest, plan

RUNNING, ENDED = MachineState(running=True), MachineState(running=False, detail="it ended")
RECLAIMED = MachineState(running=False, detail="Server.SpotInstanceTermination", reclaimed=True)
SECOND = "20260923T041500Z-0002"
JOB = backup_job().model_copy(update={"plan": plan()})


class Vault:
    """Which backups exist, and what the errands of it say."""

    def __init__(self) -> None:
        self.errands = MemoryErrands()
        self.taken: list[str] = []
        self.discarded: list[str] = []
        self.texts: dict[str, str] = {}
        self.costs: list[tuple[str, float]] = []

    def manifest(self, backup: str) -> Manifest | None:
        return manifest(backup) if backup in self.taken else None

    def take(self, backup: str) -> MachineState:
        self.taken.append(backup)
        return self.finish(backup, None)

    def finish(self, backup: str, trouble: RestoredrillError | None) -> MachineState:
        self.errands.finish(
            BackupOutcome(
                backup=backup,
                database="shop",
                taken=trouble is None,
                machine=MachineFacts(provider="ec2", id="i-0abc", type="m7i.large"),
                trouble=None if trouble is None else Trouble.of(trouble),
                finished_at=datetime.now(UTC),
            )
        )
        return ENDED

    def hands(self, cloud: Cloud) -> Hands:
        return Hands(
            machine=cloud,
            errands=self.errands,
            manifest=self.manifest,
            discard=self.discarded.append,
            leave=lambda errand, name, text: self.texts.update({f"{errand}/{name}": text}),
            reckon=lambda errand, cost: self.costs.append((errand, cost.amount)),
            watch=lambda event: None,
            new_id=lambda: SECOND,
        )


@pytest.fixture
def vault() -> Vault:
    return Vault()


def takes(vault: Vault, backup: str = DRILL) -> Act:
    return lambda look: RUNNING if look == 1 else vault.take(backup)


def test_a_backup_that_a_machine_took_is_proven_by_its_manifest(vault: Vault) -> None:
    cloud = Cloud(takes(vault))
    sent = sending.send(JOB, vault.hands(cloud))
    assert (sent.manifest.id, sent.machine.type, sent.machine.attempts) == (DRILL, "m7i.large", 1)
    assert cloud.did == ["launch 1", f"terminate {DRILL}", "look"]
    assert sent.machine.swept_at is not None
    assert vault.discarded == []


def test_a_machine_that_says_it_took_one_has_not_where_there_is_no_manifest(vault: Vault) -> None:
    """Promise 3."""
    cloud = Cloud(lambda look: vault.finish(DRILL, None))
    with pytest.raises(MachineFailed, match="without a backup"):
        sending.send(JOB, vault.hands(cloud))
    assert vault.discarded == [DRILL]


def test_a_machine_that_is_gone_has_taken_one_where_there_is_a_manifest(vault: Vault) -> None:
    vault.taken.append(DRILL)
    assert sending.send(JOB, vault.hands(Cloud(lambda look: RECLAIMED))).manifest.id == DRILL


def test_what_stood_in_the_way_is_told_as_it_would_be_at_home(vault: Vault) -> None:
    denied = SourceDenied("read", "public.orders", "permission denied", hint="grant it")
    with pytest.raises(RestoredrillError, match=r"public\.orders: permission denied") as caught:
        sending.send(JOB, vault.hands(Cloud(lambda look: vault.finish(DRILL, denied))))
    assert (caught.value.exit_code, caught.value.hint) == (1, "grant it")
    assert vault.discarded == [DRILL], "half a backup is none"


def test_the_next_machine_takes_a_backup_of_its_own(vault: Vault) -> None:
    """Two that write under one id would make one of both; the first may only seem to be gone."""
    first = Cloud(lambda look: RECLAIMED)
    second = Cloud(takes(vault, SECOND))

    class Both(Cloud):
        def launch(self, job: Errand, attempt: int = 1) -> str:
            self.launched.append((job, attempt))
            return (first if job.id == DRILL else second).launch(job, attempt)

        def state(self, machine: str) -> MachineState:
            return (first if len(self.launched) == 1 else second).state(machine)

    cloud = Both()
    sent = sending.send(JOB, vault.hands(cloud))
    assert (sent.manifest.id, sent.machine.attempts) == (SECOND, 2)
    assert [(errand.id, attempt) for errand, attempt in cloud.launched] == [(DRILL, 1), (SECOND, 1)]
    assert [job.backup for job in vault.errands.jobs] == [DRILL, SECOND]
    assert cloud.did == [f"terminate {DRILL}", "look", f"terminate {SECOND}", "look"]
    assert vault.discarded == [DRILL]
    again = cloud.launched[1][0].plan
    assert again is not None
    assert again.rungs[0].market == "on-demand"


def test_three_machines_are_enough(vault: Vault) -> None:
    cloud = Cloud(*[lambda look: RECLAIMED] * 4)
    ids = iter(f"20260923T04150{n}Z-0002" for n in range(9))
    hands = dataclasses.replace(vault.hands(cloud), new_id=lambda: next(ids))
    with pytest.raises(MachineReclaimed):
        sending.send(JOB, hands)
    assert len(vault.errands.jobs) == 3


def test_no_capacity_is_told_and_nothing_is_tried_again(vault: Vault) -> None:
    with pytest.raises(CapacityMissing, match="no capacity"):
        sending.send(JOB, vault.hands(Cloud(CapacityMissing("launch", "x", "no capacity"))))
    assert len(vault.errands.jobs) == 1


def test_a_silent_machine_leaves_its_console(vault: Vault) -> None:
    quiet = backup_job().model_copy(update={"plan": plan(first_word_s=0.1)})
    with pytest.raises(MachineFailed, match="said nothing"):
        sending.send(quiet, vault.hands(Cloud(lambda look: RUNNING, console="panic")))
    assert vault.texts == {f"{DRILL}/console-1.txt": "panic"}


def test_an_interruption_ends_the_machine(vault: Vault) -> None:
    def interrupted(look: int) -> MachineState:
        raise KeyboardInterrupt

    cloud = Cloud(interrupted)
    with pytest.raises(Interrupted, match="has been ended"):
        sending.send(JOB, vault.hands(cloud))
    assert cloud.did[-2:] == [f"terminate {DRILL}", "look"]


def test_an_interruption_leaves_it_at_work_where_that_is_wanted(vault: Vault) -> None:
    """A service has ten seconds to stop, and to end a machine takes longer."""

    def interrupted(look: int) -> MachineState:
        raise KeyboardInterrupt

    cloud = Cloud(interrupted)
    hands = dataclasses.replace(vault.hands(cloud), leaves=True)
    with pytest.raises(Interrupted, match="goes on by itself"):
        sending.send(JOB, hands)
    assert (cloud.did, vault.discarded) == (["launch 1"], [])


def test_a_mistake_of_ours_leaves_no_machine(vault: Vault) -> None:
    def breaks(look: int) -> MachineState:
        raise OSError("no space left on device")

    cloud = Cloud(breaks)
    with pytest.raises(OSError, match="no space"):
        sending.send(JOB, vault.hands(cloud))
    assert cloud.did[-1] == f"terminate {DRILL}"


class Resists(Cloud):
    """It can't be ended."""

    def terminate(self, machine: str) -> None:
        raise CloudDenied("terminate", machine, "not allowed")

    def leftovers(self, errand: str) -> tuple[str, ...]:
        return ("instance i-1 (running)",)


def test_what_is_left_is_named_with_a_backup_and_without(vault: Vault) -> None:
    sent = sending.send(JOB, vault.hands(Resists(takes(vault))))
    assert sent.machine.leftovers == ("instance i-1 (running)",)
    vault.taken.clear()
    with pytest.raises(MachineFailed) as caught:
        sending.send(JOB, vault.hands(Resists(lambda look: ENDED)))
    assert "i-1" in caught.value.hint
    assert vault.discarded == [], "a machine that lives may still publish what it has stored"


def test_what_it_cost_is_the_sum_of_all_machines(vault: Vault) -> None:
    def bill(errand: Errand, report: Report) -> Cost:
        return Cost(amount=0.01, estimate=0.02, parts={"instance": 0.01})

    cloud = Cloud(*[lambda look: RECLAIMED] * 2)
    vault.taken.append(SECOND)
    hands = dataclasses.replace(vault.hands(cloud), bill=bill)
    sent = sending.send(JOB, hands)
    assert sent.cost is not None
    assert (sent.cost.amount, sent.cost.estimate, sent.cost.parts) == (0.02, 0.02, {"instance": 0.02})
    assert vault.costs == [(DRILL, 0.01), (SECOND, 0.01)], (
        "each machine's is written down: a budget counts it"
    )


def test_half_a_backup_that_may_not_be_removed_is_left_to_prune(vault: Vault) -> None:
    def discard(backup: str) -> None:
        raise VaultDenied("delete", backup, "not allowed")

    hands = dataclasses.replace(vault.hands(Cloud(lambda look: ENDED)), discard=discard)
    with pytest.raises(MachineFailed, match="without a backup"):
        sending.send(JOB, hands)


def test_events_are_passed_on(vault: Vault) -> None:
    seen: list[Event] = []

    def act(look: int) -> MachineState:
        if look == 1:
            vault.errands.emit(DRILL, 1, Event(at=datetime.now(UTC), phase="backup", kind="started"))
            return RUNNING
        return vault.take(DRILL)

    hands = dataclasses.replace(vault.hands(Cloud(act)), watch=seen.append)
    assert sending.send(JOB, hands).machine.boot_s is not None
    assert [event.phase for event in seen] == ["backup"]
