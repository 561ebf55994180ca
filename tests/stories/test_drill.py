"""The controller's side of a drill: what it picks, how it follows, and what it makes of every end."""

import dataclasses
import signal
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restoredrill import drill, following, picking, undecided
from restoredrill.drill import Hands
from restoredrill.errors import Interrupted, UsageError
from restoredrill.model import Event, Job, Report, VaultSpec, Verdict
from restoredrill.picking import DrillRequest
from restoredrill.protocols import MachineState
from tests.stories.samples import NOW, Machine, MemoryJournal, interruptible, job, manifest, plan, report

BACKUPS = [
    manifest(f"2026092{day}T021500Z-000{day}", NOW - timedelta(days=9 - day)) for day in (5, 4, 3, 2, 1)
]
REQUEST = DrillRequest("shop", VaultSpec(url="file:///v"), "latest", "local", 2, 600.0)


def nothing(_report: Report) -> dict[str, str]:
    return {}


def conduct(
    machine: Machine, journal: MemoryJournal, the_job: Job | None = None, watched: list[Event] | None = None
) -> Report:
    seen = [] if watched is None else watched
    return drill.conduct(the_job or job(), manifest(), Hands(machine, journal, nothing, seen.append))


# Choosing


def test_latest_is_the_newest() -> None:
    assert picking.choose("latest", BACKUPS, frozenset(), 0) is BACKUPS[0]


def test_oldest_unverified_passes_over_what_is_proven() -> None:
    proven = frozenset({BACKUPS[4].id, BACKUPS[3].id})
    assert picking.choose("oldest-unverified", BACKUPS, proven, 0) is BACKUPS[2]


def test_when_all_are_proven_the_oldest_is_proven_again() -> None:
    assert picking.choose("oldest-unverified", BACKUPS, frozenset(b.id for b in BACKUPS), 0) is BACKUPS[4]


@given(st.integers(0, 2**16))
def test_random_is_one_of_them_and_the_same_for_the_same_seed(seed: int) -> None:
    chosen = picking.choose("random", BACKUPS, frozenset(), seed)
    assert chosen in BACKUPS
    assert picking.choose("random", BACKUPS, frozenset(), seed) is chosen


def test_an_id_is_that_backup_and_an_unknown_one_is_refused_with_a_hint() -> None:
    assert picking.choose(BACKUPS[3].id, BACKUPS, frozenset(), 0) is BACKUPS[3]
    with pytest.raises(UsageError, match="no such backup") as caught:
        picking.choose("20200101T000000Z-0000", BACKUPS, frozenset(), 0)
    assert BACKUPS[0].id in caught.value.hint


def test_only_a_pass_proves() -> None:
    reports = [report(Verdict.PASSED, backup="a"), report(Verdict.FAILED, backup="b"), report(Verdict.PASSED)]
    reports.append(report(Verdict.INCONCLUSIVE, backup="c"))
    assert picking.proven_by(reports) == {"a"}


def test_a_vault_without_backups_fails_the_drill() -> None:
    """Promise 1: success on nothing is no success."""
    found = undecided.hopeless(REQUEST, "20260923T031500Z-7f3a", undecided.no_backup("shop", ()), NOW)
    assert found.verdict is Verdict.FAILED
    assert [f.rule for f in found.findings] == ["NO_BACKUP"]


def test_a_vault_with_backups_of_others_only_says_whose() -> None:
    assert "of blog, store" in undecided.no_backup("shop", {"store", "blog"}).hint


def test_a_lease_outlasts_its_deadline_and_both_are_in_the_plan() -> None:
    made = picking.make_job(REQUEST, "20260923T031500Z-7f3a", BACKUPS[0], NOW)
    assert made.deadline_at == NOW + timedelta(minutes=10)
    assert made.expires_at > made.deadline_at


def test_the_lease_of_a_machine_of_the_cloud_holds_for_what_is_kept() -> None:
    """It is written on it once; this host's own is moved when something is kept."""
    keeping = dataclasses.replace(REQUEST, keep_s=7200.0)
    here = picking.make_job(keeping, "20260923T031500Z-7f3a", BACKUPS[0], NOW)
    there = picking.make_job(keeping, "20260923T031500Z-7f3a", BACKUPS[0], NOW, plan())
    assert there.expires_at - here.expires_at == timedelta(hours=2)
    assert there.deadline_at == here.deadline_at


# Following


def test_the_agents_report_comes_back_with_the_look_that_found_nothing() -> None:
    """Promise 4: the machine is ended, then looked for, and the second report says what the look found."""
    journal, machine = MemoryJournal(), Machine()
    journal.saved.append(report())
    final = conduct(machine, journal)
    assert final.verdict is Verdict.PASSED
    assert machine.ended == [final.drill]
    assert final.machine.swept_at is not None
    assert journal.saved[-1] == final


def test_what_the_look_finds_is_in_the_report() -> None:
    journal = MemoryJournal()
    journal.saved.append(report())
    assert conduct(Machine(left=("process 7",)), journal).machine.leftovers == ("process 7",)


def test_a_vault_that_is_gone_for_a_while_changes_nothing() -> None:
    seen: list[Event] = []
    journal = MemoryJournal(dead_for=2)
    journal.saved.append(report())
    journal.emit("d", 1, Event(at=NOW, phase="restore", kind="started"))
    assert conduct(Machine(looks=4), journal, watched=seen).verdict is Verdict.PASSED
    assert [event.phase for event in seen] == ["restore"]


def test_an_agent_that_ends_without_a_report_is_inconclusive_with_its_last_words() -> None:
    """Promise 1: what could not be found out is no pass."""
    final = conduct(Machine(detail="Killed"), MemoryJournal())
    assert final.verdict is Verdict.INCONCLUSIVE
    assert "Killed" in final.reasons[0]


def test_a_drill_past_its_deadline_is_ended_and_inconclusive() -> None:
    machine = Machine(looks=10**6)
    late = job(started_at=datetime.now(UTC) - timedelta(hours=2), deadline_s=60)
    final = conduct(machine, MemoryJournal(), late)
    assert final.verdict is Verdict.INCONCLUSIVE
    assert [f.rule for f in final.findings] == ["DEADLINE_OVER"]
    assert machine.ended


def test_what_an_agent_found_out_counts_though_it_never_ends() -> None:
    """It hangs, maybe, in ending its server: that is the controller's to do, and no reason to forget."""
    machine, journal = Machine(looks=10**6), MemoryJournal()
    journal.saved.append(report(Verdict.FAILED))
    late = job(started_at=datetime.now(UTC) - timedelta(hours=2), deadline_s=60)
    assert conduct(machine, journal, late).verdict is Verdict.FAILED
    assert machine.ended


@pytest.mark.parametrize(
    ("elapsed_s", "pause_s"), [(0.0, 0.25), (4.0, 0.25), (40.0, 2.0), (100.0, 5.0), (7200.0, 5.0)]
)
def test_the_vault_is_looked_at_less_often_as_time_goes_on(elapsed_s: float, pause_s: float) -> None:
    """Each look is a request that costs."""
    assert following.pause_s(elapsed_s) == pytest.approx(pause_s)


def test_a_pass_that_cannot_be_stored_is_no_pass_but_is_not_lost() -> None:
    journal = MemoryJournal(full=True)
    journal.saved.append(report())
    final = conduct(Machine(), journal)
    assert final.verdict is Verdict.INCONCLUSIVE
    assert [f.rule for f in final.findings] == ["REPORT_NOT_STORED"]


def test_a_failure_that_cannot_be_stored_stays_a_failure() -> None:
    journal = MemoryJournal(full=True)
    journal.saved.append(report(Verdict.FAILED))
    assert conduct(Machine(), journal).verdict is Verdict.FAILED


def test_a_kept_server_is_not_ended() -> None:
    journal, machine = MemoryJournal(), Machine(looks=10**6)
    journal.saved.append(report(url="postgresql://x@/y"))
    assert conduct(machine, journal, job(keep_s=7200)).machine.url == "postgresql://x@/y"
    assert machine.ended == []


def test_keep_keeps_nothing_that_did_not_pass() -> None:
    journal, machine = MemoryJournal(), Machine(looks=10**6)
    journal.saved.append(report(Verdict.FAILED))
    conduct(machine, journal, job(keep_s=7200))
    assert machine.ended


class Interrupts(Machine):
    """Ctrl-C while it is looked at."""

    def state(self, machine: str) -> MachineState:
        raise KeyboardInterrupt


def test_an_interruption_ends_the_machine_and_is_in_the_vault() -> None:
    journal, machine = MemoryJournal(), Interrupts()
    with pytest.raises(Interrupted):
        conduct(machine, journal)
    assert machine.ended
    assert journal.saved[-1].verdict is Verdict.INCONCLUSIVE
    assert [f.rule for f in journal.saved[-1].findings] == ["INTERRUPTED"]


def test_an_interruption_does_not_say_that_all_is_clean_where_it_is_not() -> None:
    with pytest.raises(Interrupted, match="still there: process 7") as caught:
        conduct(Interrupts(left=("process 7",)), MemoryJournal())
    assert "reap" in caught.value.hint


class Breaks(Machine):
    """It does something that nobody has thought of."""

    def state(self, machine: str) -> MachineState:
        raise OSError("no space left on device")


def test_a_mistake_of_ours_leaves_no_machine() -> None:
    """Promise 4."""
    machine = Breaks()
    with pytest.raises(OSError, match="no space"):
        conduct(machine, MemoryJournal())
    assert machine.ended


class Unlucky(Machine):
    """Ctrl-C while it is torn down."""

    def terminate(self, machine: str) -> None:
        signal.raise_signal(signal.SIGINT)
        super().terminate(machine)


def test_an_interruption_does_not_leave_a_machine_half_torn_down() -> None:
    """Promise 4: it is heard when the machine is gone and the report of it written."""
    journal, machine = MemoryJournal(), Unlucky()
    journal.saved.append(report())
    with interruptible(), pytest.raises(KeyboardInterrupt):
        conduct(machine, journal)
    assert machine.ended
    assert journal.saved[-1].machine.swept_at is not None
