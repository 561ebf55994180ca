"""Which backups stay: by table, and by what must never happen."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restoredrill.vault.retention import Keep, Plan, plan

NOW = datetime(2026, 9, 23, 12, tzinfo=UTC)


def at(text: str) -> datetime:
    """2026-09-23 11:30, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def kept(done: Plan) -> list[str]:
    """Ids that stay, newest first."""
    return [backup for backup, _ in done.keep]


EVERY_HOUR = {f"{hours:03d}": NOW - timedelta(hours=hours) for hours in range(24 * 40)}

TABLE: list[tuple[Keep, list[int]]] = [
    (Keep(last=3), [0, 1, 2]),
    (Keep(hourly=4), [0, 1, 2, 3]),
    # At noon: today's newest is of noon, those of the days before are of 23:00.
    (Keep(daily=3), [0, 13, 37]),
    # 2026-09-23 is a Wednesday: weeks end on Sunday 23:00.
    (Keep(weekly=3), [0, 61, 61 + 168]),
    (Keep(monthly=2), [0, 12 + 22 * 24 + 1]),
    (Keep(yearly=5), [0]),
    (Keep(last=2, daily=2, weekly=2), [0, 1, 13, 61]),
    (Keep(last=100_000), list(range(24 * 40))),
]


@pytest.mark.parametrize(("keep", "hours"), TABLE)
def test_rules_keep_the_newest_of_each_period(keep: Keep, hours: list[int]) -> None:
    done = plan(EVERY_HOUR, keep, NOW)
    assert kept(done) == [f"{h:03d}" for h in hours]
    assert len(done.keep) + len(done.delete) == len(EVERY_HOUR)


def test_reasons_name_every_rule() -> None:
    done = plan(EVERY_HOUR, Keep(last=2, hourly=1, daily=2), NOW)
    assert done.keep == (("000", "last 1, hourly 1, daily 1"), ("001", "last 2"), ("013", "daily 2"))
    assert done.delete[0] == ("002", "no rule keeps it")


def test_periods_count_only_where_there_is_a_backup() -> None:
    taken = {"old": at("2020-01-01 03:00"), "older": at("2019-05-01 03:00"), "new": at("2026-09-20 03:00")}
    assert kept(plan(taken, Keep(daily=2), NOW)) == ["new", "old"]


def test_days_end_where_the_timezone_says() -> None:
    taken = {"late": at("2026-09-22 22:30"), "early": at("2026-09-22 21:30")}
    assert kept(plan(taken, Keep(daily=2), NOW)) == ["late"]
    berlin = ZoneInfo("Europe/Berlin")
    assert kept(plan(taken, Keep(daily=2), NOW, timezone=berlin)) == ["late", "early"]


def test_the_hour_that_comes_twice_is_two_hours() -> None:
    taken = {"summer": at("2026-10-25 00:30"), "winter": at("2026-10-25 01:30")}
    now = at("2026-10-26 00:00")
    assert kept(plan(taken, Keep(hourly=2), now, timezone=ZoneInfo("Europe/Berlin"))) == ["winter", "summer"]


def test_weeks_are_iso_weeks_across_the_year() -> None:
    taken = {"thu": at("2026-12-31 10:00"), "fri": at("2027-01-01 10:00"), "mon": at("2027-01-04 10:00")}
    assert kept(plan(taken, Keep(weekly=9), at("2027-01-05 00:00"))) == ["mon", "fri"]


def test_no_rule_keeps_everything() -> None:
    done = plan(EVERY_HOUR, Keep(), NOW)
    assert done.delete == ()
    assert plan({}, Keep(last=1), NOW) == Plan((), ())


def test_the_only_one_that_passed_stays() -> None:
    passed = frozenset({"500", "700", "gone"})
    done = plan(EVERY_HOUR, Keep(last=1), NOW, passed=passed)
    assert done.keep == (("000", "last 1"), ("500", "the newest that passed a drill"))
    assert kept(plan(EVERY_HOUR, Keep(last=1), NOW, passed=passed | {"000"})) == ["000"]


def test_what_is_being_drilled_or_locked_stays() -> None:
    done = plan(EVERY_HOUR, Keep(last=1), NOW, running=frozenset({"050"}), held=frozenset({"060", "000"}))
    assert done.keep[1:] == (("050", "a drill is running on it"), ("060", "under an object lock"))


def test_a_wrong_clock_pushes_nothing_out() -> None:
    taken = {**EVERY_HOUR, "2099": datetime(2099, 1, 1, tzinfo=UTC)}
    done = plan(taken, Keep(last=2), NOW)
    assert kept(done) == ["2099", "000", "001"]
    assert done.keep[0][1] == "its time is in the future"


# What must never happen -------------------------------------------------------------------------------------

COUNTS = st.integers(0, 4)
KEEPS = st.builds(Keep, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)
TIMES = st.integers(-60 * 24 * 800, 60 * 24 * 3).map(lambda minutes: NOW + timedelta(minutes=minutes))
TAKEN = st.lists(TIMES, max_size=30).map(lambda times: {f"b{i:02d}": time for i, time in enumerate(times)})
SOME = st.sets(st.integers(0, 29).map(lambda i: f"b{i:02d}"), max_size=5).map(frozenset)
ZONES = st.sampled_from([UTC, ZoneInfo("America/New_York"), timezone(timedelta(hours=14))])


@settings(max_examples=150, deadline=None)
@given(TAKEN, KEEPS, SOME, SOME, SOME, ZONES)
def test_never(
    taken: dict[str, datetime],
    keep: Keep,
    passed: frozenset[str],
    running: frozenset[str],
    held: frozenset[str],
    zone: timezone,
) -> None:
    done = plan(taken, keep, NOW, passed=passed, running=running, held=held, timezone=zone)
    stays, goes = {backup for backup, _ in done.keep}, {backup for backup, _ in done.delete}
    assert stays | goes == set(taken)
    assert not stays & goes
    assert all(reason for _, reason in (*done.keep, *done.delete))
    # Never the only backup, nor the newest.
    if taken:
        past = {backup: time for backup, time in taken.items() if time <= NOW}
        assert stays
        assert not past or max(past, key=lambda b: (past[b], b)) in stays
    # Never the only one that passed.
    assert not passed & set(taken) or passed & stays
    assert (running | held) & set(taken) <= stays
    # Nothing that is to go is newer than everything that stays.
    assert not goes or max(taken[b] for b in stays) >= max(taken[b] for b in goes)


@settings(max_examples=100, deadline=None)
@given(TAKEN, KEEPS, SOME)
def test_doing_it_twice_deletes_no_more(
    taken: dict[str, datetime], keep: Keep, passed: frozenset[str]
) -> None:
    once = plan(taken, keep, NOW, passed=passed)
    left = {backup: taken[backup] for backup, _ in once.keep}
    assert plan(left, keep, NOW, passed=passed).delete == ()


@settings(max_examples=100, deadline=None)
@given(TAKEN, KEEPS, st.sampled_from(["last", "hourly", "daily", "weekly", "monthly", "yearly"]))
def test_a_larger_rule_never_keeps_less(taken: dict[str, datetime], keep: Keep, rule: str) -> None:
    if keep == Keep():
        return
    more = Keep(**{**keep.__dict__, rule: getattr(keep, rule) + 1})
    assert set(kept(plan(taken, keep, NOW))) <= set(kept(plan(taken, more, NOW)))
