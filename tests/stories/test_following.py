"""Machines that have to be started first: every way in which one ends, and what a drill makes of it."""

from datetime import UTC, datetime

import pytest

from restoredrill import drill
from restoredrill.drill import Hands
from restoredrill.errors import (
    CapacityMissing,
    CloudDenied,
    CloudUnreachable,
    Interrupted,
    RestoredrillError,
)
from restoredrill.following import Following, Line
from restoredrill.model import Cost, Errand, Event, Job, MachineFacts, Report, Severity, Verdict
from restoredrill.protocols import Bill, MachineState
from tests.stories.samples import Act, Cloud, Machine, MemoryJournal, cloud_job, job, manifest, plan, report

RUNNING, ENDED = MachineState(running=True), MachineState(running=False, detail="User initiated")
RECLAIMED = MachineState(running=False, detail="Server.SpotInstanceTermination", reclaimed=True)


def conduct(
    cloud: Cloud | Machine, journal: MemoryJournal, the_job: Job | None = None, bill: Bill | None = None
) -> Report:
    hands = Hands(cloud, journal, lambda report: {"report.html": "x"}, lambda event: None, bill)
    return drill.conduct(the_job or cloud_job(), manifest(), hands)


def say(journal: MemoryJournal, number: int, kind: str = "started", message: str = "") -> None:
    made = {"at": datetime.now(UTC), "phase": "restore", "kind": kind, "message": message}
    journal.emit("d", number, Event.model_validate(made))


def passes(journal: MemoryJournal, attempt: int = 1, verdict: Verdict = Verdict.PASSED) -> Act:
    """It speaks, writes a report, and ends."""

    def act(look: int) -> MachineState:
        if look == 1:
            say(journal, (attempt - 1) * 100_000 + 1)
            return RUNNING
        found = report(verdict)
        facts = found.machine.model_copy(update={"attempts": attempt, "zone": "eu-central-1b"})
        journal.saved.append(found.model_copy(update={"machine": facts}))
        return ENDED

    return act


def silent(look: int) -> MachineState:
    """It runs, and nobody hears of it."""
    return RUNNING


def rules(found: Report) -> list[str]:
    return [finding.rule for finding in found.findings]


# Well


def test_a_machine_that_says_its_piece_and_ends_is_ended_again_and_looked_for() -> None:
    journal = MemoryJournal()
    cloud = Cloud(passes(journal))
    final = conduct(cloud, journal)
    assert (final.verdict, final.machine.attempts) == (Verdict.PASSED, 1)
    assert final.machine.boot_s is not None
    assert final.machine.zone == "eu-central-1b"
    assert cloud.did == ["launch 1", f"terminate {final.drill}", "look"]
    assert final.machine.swept_at is not None


def test_a_machine_that_has_done_its_work_and_does_not_end_is_not_waited_for_long() -> None:
    journal = MemoryJournal()
    line = Line(lambda after: (), lambda attempt: True, lambda event: None)
    following = Following(cloud_job(), Cloud(silent), line, {}, end_grace_s=0.0)
    following.start(1)
    assert following.follow() == ""
    assert journal.saved == []


def test_a_control_plane_that_does_not_answer_for_a_while_changes_nothing() -> None:
    journal = MemoryJournal()
    well = passes(journal)

    def act(look: int) -> MachineState:
        if look <= 2:
            raise CloudUnreachable("look at", "i-1", "throttled")
        return well(look - 2)

    assert conduct(Cloud(act), journal).verdict is Verdict.PASSED


def test_one_that_refuses_ends_the_drill() -> None:
    def act(look: int) -> MachineState:
        raise CloudDenied("look at", "i-1", "not allowed")

    assert conduct(Cloud(act), MemoryJournal()).verdict is Verdict.INCONCLUSIVE


def test_what_the_watcher_says_does_not_hide_what_the_agent_says_after_it() -> None:
    journal, seen = MemoryJournal(), list[int]()

    def act(look: int) -> MachineState:
        if look == 1:
            say(journal, 1)
            say(journal, 99_999, "note", "the log is shipped")
        if look == 2:
            say(journal, 2, "done")
        return RUNNING if look < 3 else ENDED

    hands = Hands(Cloud(act), journal, lambda report: {}, lambda event: seen.append(1))
    drill.conduct(cloud_job(), manifest(), hands)
    assert len(seen) == 3


# Taken away


def test_a_machine_that_is_reclaimed_is_followed_by_one_that_is_not() -> None:
    journal = MemoryJournal()
    cloud = Cloud(lambda look: RECLAIMED, passes(journal, 2))
    final = conduct(cloud, journal)
    assert (final.verdict, final.machine.attempts) == (Verdict.PASSED, 2)
    assert cloud.did[:2] == ["launch 1", "launch 2"], "what is gone is not ended again"
    first, second = (errand.plan for errand, _ in cloud.launched)
    assert first is not None
    assert second is not None
    assert [rung.market for rung in first.rungs] == ["spot", "spot", "on-demand", "on-demand"]
    assert [rung.market for rung in second.rungs] == ["on-demand", "on-demand", "spot", "spot"]
    assert [rung.zone[-1] for rung in second.rungs] == ["a", "b", "a", "b"]
    assert journal.jobs[0].plan == first, "what was submitted stays as it was"


def test_an_interruption_notice_is_enough() -> None:
    journal = MemoryJournal()

    def notified(look: int) -> MachineState:
        if look == 1:
            say(journal, 1)
            say(journal, 99_999, "interrupted", "spot notice")
        return RUNNING

    cloud = Cloud(notified, passes(journal, 2))
    assert conduct(cloud, journal).verdict is Verdict.PASSED
    assert cloud.did[1] == "terminate i-1", "one writer at a time"


def test_what_it_had_found_out_before_it_was_taken_away_counts() -> None:
    journal = MemoryJournal()
    journal.saved.append(report(Verdict.FAILED))
    final = conduct(Cloud(lambda look: RECLAIMED), journal)
    assert (final.verdict, final.machine.attempts) == (Verdict.FAILED, 1)


def test_what_it_had_not_found_out_is_tried_again() -> None:
    """An agent whose machine is going down says that its server died, as far as it knows."""
    journal = MemoryJournal()
    journal.saved.append(report(Verdict.INCONCLUSIVE))
    assert conduct(Cloud(lambda look: RECLAIMED, passes(journal, 2)), journal).verdict is Verdict.PASSED


def test_three_are_enough() -> None:
    cloud = Cloud(*[lambda look: RECLAIMED] * 4)
    final = conduct(cloud, MemoryJournal())
    assert (final.verdict, rules(final)) == (Verdict.INCONCLUSIVE, ["MACHINE_RECLAIMED"])
    assert (len(cloud.launched), final.machine.attempts) == (3, 3)
    assert "SpotInstanceTermination" in final.reasons[0]


def test_no_machine_is_started_that_could_not_come_to_an_end() -> None:
    cloud = Cloud(lambda look: RECLAIMED, silent)
    final = conduct(cloud, MemoryJournal(), cloud_job(deadline_s=60))
    assert rules(final) == ["MACHINE_RECLAIMED"]
    assert len(cloud.launched) == 1


def test_no_capacity_is_inconclusive_with_its_reason_at_any_attempt() -> None:
    refused = CapacityMissing("launch", "a machine for shop", "m7i.large spot: no capacity")
    first = conduct(Cloud(refused), MemoryJournal())
    assert (first.verdict, rules(first)) == (Verdict.INCONCLUSIVE, ["CAPACITY_MISSING"])
    assert "no capacity" in first.reasons[0]
    assert rules(conduct(Cloud(lambda look: RECLAIMED, refused), MemoryJournal())) == ["CAPACITY_MISSING"]


# Silent


def test_a_machine_that_is_never_heard_of_is_ended_and_its_console_kept() -> None:
    journal, cloud = MemoryJournal(), Cloud(silent, console="kernel panic\nno root device")
    final = conduct(cloud, journal, cloud_job(first_word_s=0.2))
    assert (final.verdict, rules(final)) == (Verdict.INCONCLUSIVE, ["BOOT_TIMEOUT"])
    assert "0.2s" in final.reasons[0]
    assert "no root device" in final.reasons[0]
    assert journal.forms == {"report.html": "x", "console-1.txt": "kernel panic\nno root device"}
    assert f"terminate {final.drill}" in cloud.did


def test_a_machine_that_stops_talking_is_silent() -> None:
    journal = MemoryJournal()

    def act(look: int) -> MachineState:
        if look == 1:
            say(journal, 1)
        return RUNNING

    final = conduct(Cloud(act), journal, cloud_job(silence_s=0.2))
    assert rules(final) == ["MACHINE_SILENT"]
    assert "its console is empty" in final.reasons[0]


def test_a_sign_of_life_is_enough_not_to_be_silent() -> None:
    journal = MemoryJournal()
    well = passes(journal)

    def act(look: int) -> MachineState:
        say(journal, look + 1, "beat")
        return well(1) if look == 1 else RUNNING if look < 5 else well(2)

    assert conduct(Cloud(act), journal, cloud_job(silence_s=0.2, first_word_s=0.2)).verdict is Verdict.PASSED


def test_a_vault_that_does_not_answer_is_no_silence_of_the_machine() -> None:
    journal = MemoryJournal(dead_for=4)
    well = passes(journal)
    heard = iter(range(1, 100))

    def act(look: int) -> MachineState:
        if look < 5:
            return RUNNING
        return well(next(heard))

    assert conduct(Cloud(act), journal, cloud_job(silence_s=0.6, first_word_s=0.6)).verdict is Verdict.PASSED


def test_a_machine_of_this_host_is_never_silent() -> None:
    journal = MemoryJournal()
    journal.saved.append(report())
    final = conduct(Machine(looks=4), journal, job())
    assert (final.verdict, final.machine.boot_s) == (Verdict.PASSED, None)


def test_a_machine_that_ends_without_a_report_is_told_with_its_console() -> None:
    journal = MemoryJournal()

    def act(look: int) -> MachineState:
        say(journal, 99_999, "note", "the bundle's SHA-256 is not the plan's")
        return ENDED

    final = conduct(Cloud(act, console="bye"), journal)
    assert rules(final) == ["MACHINE_FAILED"]
    for words in ("SHA-256", "User initiated", "bye"):
        assert words in final.reasons[0]
    assert journal.forms["console-1.txt"] == "bye"


def test_a_console_that_cannot_be_read_is_said() -> None:
    class Mute(Cloud):
        def last_words(self, machine: str) -> str:
            raise CloudDenied("read", "console of i-1", "not allowed")

    final = conduct(Mute(silent), MemoryJournal(), cloud_job(first_word_s=0.1))
    assert "could not be read" in final.reasons[0]


# Too slow


@pytest.mark.parametrize("of_cloud", [True, False])
def test_a_phase_has_a_limit_where_the_job_has_one(of_cloud: bool) -> None:
    journal = MemoryJournal()
    say(journal, 1)
    limited = (cloud_job() if of_cloud else job()).model_copy(update={"limits_s": {"restore": 0.2}})
    final = conduct(Cloud(silent) if of_cloud else Machine(looks=10**6), journal, limited)
    assert (final.verdict, rules(final)) == (Verdict.INCONCLUSIVE, ["PHASE_TIMEOUT"])
    assert "restore" in final.reasons[0]


def test_the_limit_of_another_phase_and_of_one_that_is_over_does_not_matter() -> None:
    journal = MemoryJournal()
    say(journal, 1)
    say(journal, 2, "done")
    journal.saved.append(report())
    limited = job().model_copy(update={"limits_s": {"restore": 0.1, "verify": 0.1}})
    assert conduct(Machine(looks=4), journal, limited).verdict is Verdict.PASSED


def test_a_deadline_that_passes_keeps_the_console() -> None:
    journal = MemoryJournal()
    final = conduct(Cloud(silent, console="still at it"), journal, cloud_job(deadline_s=-60))
    assert rules(final) == ["DEADLINE_OVER"]
    assert journal.forms["console-1.txt"] == "still at it"


# Dear


def test_the_bill_is_made_when_nothing_is_left_and_is_in_the_report() -> None:
    journal = MemoryJournal()
    cloud = Cloud(passes(journal))

    def bill(errand: Errand, report: Report) -> Cost:
        assert report.machine.swept_at is not None
        return Cost(amount=0.011, estimate=0.02)

    final = conduct(cloud, journal, bill=bill)
    assert (final.cost.amount, final.verdict) == (0.011, Verdict.PASSED)
    assert journal.saved[-1].cost.amount == 0.011


def test_a_bill_that_cannot_be_made_is_a_note_and_no_more() -> None:
    journal = MemoryJournal()

    def bill(errand: Errand, report: Report) -> Cost:
        raise CloudDenied("read", "prices", "not allowed")

    final = conduct(Cloud(passes(journal)), journal, bill=bill)
    assert (final.verdict, rules(final), final.cost.estimate) == (Verdict.PASSED, ["COST_UNKNOWN"], 0.02)
    assert final.findings[0].severity is Severity.INFO


# Gone


def test_a_server_that_is_kept_counts_as_it_was_estimated() -> None:
    """It goes on costing when the report is written, and a month's budget must know."""

    def never(errand: Errand, report: Report) -> Cost:
        raise AssertionError("it is too early for a bill")

    journal = MemoryJournal()

    def kept(look: int) -> MachineState:
        journal.saved.append(report(url="postgresql:///shop?host=/run/x"))
        return RUNNING

    planned = plan().model_copy(update={"usd_estimate": 0.5})
    wanted = cloud_job().model_copy(update={"keep_s": 7200.0, "plan": planned})
    final = conduct(Cloud(kept), journal, wanted, never)
    assert (final.cost.amount, final.cost.estimate) == (0.5, 0.5)
    assert "as estimated" in final.cost.prices_from


class Resists(Cloud):
    """It can't be ended, and maybe not looked for."""

    def __init__(self, *acts: Act | RestoredrillError, blind: bool) -> None:
        super().__init__(*acts)
        self._blind = blind

    def terminate(self, machine: str) -> None:
        raise CloudDenied("terminate", machine, "not allowed")

    def leftovers(self, errand: str) -> tuple[str, ...]:
        if self._blind:
            raise CloudUnreachable("look for", errand, "no answer")
        return ("instance i-1 (running)",)


@pytest.mark.parametrize(("blind", "left"), [(False, "instance i-1 (running)"), (True, "unknown: look for")])
def test_what_cannot_be_ended_is_named_and_what_cannot_be_looked_for_is_not_nothing(
    blind: bool, left: str
) -> None:
    journal = MemoryJournal()
    (found,) = conduct(Resists(passes(journal), blind=blind), journal).machine.leftovers
    assert found.startswith(left)


def test_of_a_machine_that_said_nothing_its_provider_tells() -> None:
    journal = MemoryJournal()
    facts = MachineFacts(provider="ec2", id="i-1", type="m7i.large", market="spot")
    hands = Hands(Cloud(silent), journal, lambda report: {}, lambda event: None, facts=lambda errand: facts)
    final = drill.conduct(cloud_job(first_word_s=0.1), manifest(), hands)
    assert (final.machine.type, final.machine.market, final.machine.attempts) == ("m7i.large", "spot", 1)


def test_a_provider_that_tells_nothing_is_not_waited_for() -> None:
    def facts(errand: str) -> MachineFacts:
        raise CloudUnreachable("look at", errand, "no answer")

    hands = Hands(Cloud(silent), MemoryJournal(), lambda report: {}, lambda event: None, facts=facts)
    assert rules(drill.conduct(cloud_job(first_word_s=0.1), manifest(), hands)) == ["BOOT_TIMEOUT"]


# Told to stop


@pytest.mark.parametrize("of_cloud", [True, False])
def test_who_is_told_to_stop_may_leave_a_machine_of_the_cloud_and_no_other(of_cloud: bool) -> None:
    """Promise 8: a drill runs on by itself, and the next one goes on with it. Here it is our child."""

    def interrupted(look: int) -> MachineState:
        raise KeyboardInterrupt

    journal, cloud = MemoryJournal(), Cloud(interrupted)
    hands = Hands(cloud, journal, lambda report: {}, lambda event: None, leaves=True)
    with pytest.raises(Interrupted, match="goes on by itself" if of_cloud else "has been ended"):
        drill.conduct(cloud_job() if of_cloud else job(), manifest(), hands)
    assert ("look" in cloud.did) is not of_cloud
    assert bool(journal.saved) is not of_cloud
