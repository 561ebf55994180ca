"""Every backup that is kept has its turn: which is due, and what is told of it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from restoredrill import coverage
from restoredrill.model import Manifest, Verdict, make_id
from tests.stories.samples import manifest, report

NOW = datetime(2026, 9, 23, 3, tzinfo=UTC)
DAY_S = 86400.0


def kept(*days: float) -> list[Manifest]:
    """Backups of so many days ago, newest first."""
    times = [NOW - timedelta(days=day) for day in sorted(days)]
    return [
        manifest().model_copy(update={"id": make_id(at, f"{n:04x}"), "taken_at": at})
        for n, at in enumerate(times)
    ]


def test_what_is_proven_and_what_is_due() -> None:
    backups = kept(1, 5, 9)
    proven = {backups[2].id: NOW - timedelta(days=2)}
    facts = coverage.facts(backups, proven, 7 * DAY_S, NOW)
    assert (facts.verified, facts.retained, facts.overdue) == (1, 3, 0)
    assert facts.oldest_unverified == facts.next_due == backups[1].id
    assert facts.next_due_at == NOW + timedelta(days=2)


def test_a_proof_that_is_too_old_is_none() -> None:
    backups = kept(40)
    old = {backups[0].id: NOW - timedelta(days=31)}
    assert coverage.facts(backups, old, 30 * DAY_S, NOW).overdue == 1
    assert coverage.facts(backups, old, 32 * DAY_S, NOW).overdue == 0


def test_without_a_promise_nothing_is_due() -> None:
    facts = coverage.facts(kept(1, 2), {}, None, NOW)
    assert (facts.next_due, facts.overdue, facts.verified) == (None, 0, 0)


def test_only_passes_prove_and_nothing_older_is_read() -> None:
    backups = kept(1, 2)

    def told() -> object:
        yield report(Verdict.FAILED, backup=backups[0].id).model_copy(update={"started_at": NOW})
        yield report(backup=backups[1].id).model_copy(update={"started_at": NOW, "finished_at": NOW})
        yield report().model_copy(update={"started_at": NOW - timedelta(days=3)})
        raise AssertionError("what is older than any backup says nothing")

    assert coverage.proofs(told(), backups) == {backups[1].id: NOW}  # type: ignore[arg-type]


def test_there_is_time_for_another_until_there_is_not() -> None:
    order = coverage.due(kept(1, 2, 3), {}, 5 * DAY_S)  # due in 2, 3 and 4 days
    assert coverage.urgent(order, DAY_S, NOW) is None
    assert coverage.urgent(order, DAY_S, NOW + timedelta(days=1)) == order[0]


@given(st.lists(st.floats(0, 20), min_size=1, max_size=12, unique=True), st.integers(15, 40))
def test_whoever_drills_once_a_day_keeps_a_promise_that_can_be_kept(ages: list[float], days: int) -> None:
    """The newest one is drilled whenever there is time; no backup is overdue that was not at the start."""
    backups = kept(*ages)
    proven: dict[str, datetime] = {}
    within_s = days * DAY_S
    order = coverage.due(backups, proven, within_s)
    if any(one.at < NOW + timedelta(days=n) for n, one in enumerate(order)):
        return  # it could not be kept from the beginning
    for day in range(60):
        now = NOW + timedelta(days=day)
        assert coverage.facts(backups, proven, within_s, now).overdue == 0
        first = coverage.urgent(coverage.due(backups, proven, within_s), DAY_S, now)
        proven[backups[0].id if first is None else first.backup] = now


def test_the_words_of_it() -> None:
    known: Mapping[str, datetime] = {}
    assert coverage.facts([], known, DAY_S, NOW).retained == 0
