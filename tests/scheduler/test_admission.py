"""Which task begins: limits, order, blackouts, budgets; and that none vanishes."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as some

from restoredrill.admission import Asked, Decisions, Room, decide
from restoredrill.model import make_id
from restoredrill.records import ON_DEMAND, Task, TaskState
from restoredrill.service_settings import LimitSettings

NOW = datetime(2026, 9, 23, 12, 0, tzinfo=UTC)


def task(number: int, database: str = "shop", kind: Any = "drill", **facts: Any) -> Task:
    """One that was due `number` minutes after midnight."""
    due_at = NOW.replace(hour=0) + timedelta(minutes=number)
    known = {"due_at": due_at, "not_before": due_at, **facts}
    return Task(id=make_id(due_at, f"{number:08x}"), database=database, kind=kind, **known)


def running(number: int, *names: Any) -> Task:
    return task(number, *names, state=TaskState.RUNNING, started_at=NOW)


def decided(
    tasks: list[Task],
    limits: dict[str, Any] | None = None,
    provider: str = "local",
    usd: float = 0.0,
    **room: Any,
) -> Decisions:
    asked = {one.id: Asked(provider, usd) for one in tasks}
    return decide(tasks, asked, Room(LimitSettings.model_validate(limits or {}), **room), NOW)


def begun(decisions: Decisions) -> list[str]:
    return [one.database for one in decisions.start]


def why(decisions: Decisions) -> dict[str, str]:
    return {one.database: reason for one, reason in decisions.wait}


def test_who_was_due_first_begins_first_and_people_before_schedules() -> None:
    asked = task(9, "d", asked_by="person", priority=ON_DEMAND)
    found = decided([task(3, "c"), task(1, "a"), task(2, "b"), asked], {"drills": 2, "local_drills": 2})
    assert begun(found) == ["d", "a"]


def test_each_limit_is_named_where_it_holds() -> None:
    some_drills = [task(n, f"d{n}") for n in range(4)]
    assert "limits.drills allows: 2" in why(decided(some_drills, {"drills": 2}))["d2"]
    assert "limits.local_drills allows: 1" in why(decided(some_drills, {"local_drills": 1}))["d1"]
    assert "limits.machines allows: 3" in why(decided(some_drills, {"machines": 3}, "ec2"))["d3"]
    backups = [task(n, f"d{n}", "backup") for n in range(2)]
    assert "limits.backups allows: 1" in why(decided(backups, {"backups": 1}))["d1"]


def test_what_runs_counts() -> None:
    found = decided([running(1, "a"), task(2, "b")], {"drills": 1})
    assert begun(found) == []
    assert set(why(found)) == {"b"}


def test_two_of_a_kind_of_one_database_never_and_of_two_kinds_always() -> None:
    found = decided([running(1), task(2), task(3, kind="backup")])
    assert [one.kind for one in found.start] == ["backup"]
    assert why(found)["shop"] == "another drill of shop is under way"


def test_a_later_drill_replaces_one_that_waits() -> None:
    found = decided([running(0), task(1), task(2), task(3)])
    assert [one.due_at for one, _ in found.skip] == [task(1).due_at, task(2).due_at]
    assert f"replaced by {task(3).id}" in found.skip[0][1]


def test_a_drill_of_a_certain_backup_is_replaced_by_none_and_replaces_none() -> None:
    of_one = task(1, pick="20260923T031500Z-7f3a", asked_by="person", priority=ON_DEMAND)
    found = decided([running(0), of_one, task(2)])
    assert found.skip == ()
    assert len(found.wait) == 2


def test_one_that_is_not_due_yet_replaces_none() -> None:
    tomorrow = task(5, not_before=NOW + timedelta(hours=3))
    found = decided([task(1), tomorrow])
    assert found.skip == ()
    assert [one.id for one in found.start] == [task(1).id]
    assert "not before" in why(found)["shop"]


def test_a_blackout_holds_schedules_and_no_person() -> None:
    until = {"drill": NOW + timedelta(hours=1)}
    found = decided([task(1, "a"), task(2, "b", asked_by="person", priority=ON_DEMAND)], closed=until)
    assert begun(found) == ["b"]
    assert why(found) == {"a": "blackout until 2026-09-23 13:00 UTC"}


def test_a_budget_holds_what_costs_and_nothing_else() -> None:
    limits = {"usd_per_month": 1.0}
    dear = [task(1, "a"), task(2, "b")]
    found = decided(dear, limits, "ec2", usd=0.3, spent_usd=0.5)
    assert begun(found) == ["a"], "what begins now counts for the next"
    assert "usd_per_month (1.00 USD)" in why(found)["b"]
    assert begun(decided(dear, limits, "local", spent_usd=5.0)) == ["a", "b"]
    assert begun(decided(dear, {}, "ec2", usd=99.0)) == ["a", "b"], "no budget, no limit"


def test_what_no_file_asks_for_is_skipped() -> None:
    one = task(1)
    found = decide([one], {}, Room(LimitSettings()), NOW)
    assert [reason for _, reason in found.skip] == ["no file asks for a drill of shop any more"]


_tasks = some.lists(
    some.builds(
        lambda n, name, kind, state, asked: task(
            n,
            name,
            kind,
            state=state,
            priority=ON_DEMAND if asked else 0,
            asked_by="person" if asked else "schedule",
        ),
        some.integers(0, 1000),
        some.sampled_from(["a", "b", "c", "d"]),
        some.sampled_from(["drill", "backup"]),
        some.sampled_from([TaskState.WAITING, TaskState.RUNNING]),
        some.booleans(),
    ),
    unique_by=lambda one: one.id,
    max_size=20,
)


@given(_tasks, some.integers(1, 4), some.integers(1, 4), some.booleans())
def test_none_vanishes_and_no_limit_is_exceeded(
    tasks: list[Task], drills: int, machines: int, away: bool
) -> None:
    limits = {"drills": drills, "machines": machines, "backups": 2, "local_drills": 2}
    found = decided(tasks, limits, "ec2" if away else "local")
    waiting = [one for one in tasks if one.state is TaskState.WAITING]
    settled = [*found.start, *(one for one, _ in found.wait), *(one for one, _ in found.skip)]
    assert sorted(one.id for one in settled) == sorted(one.id for one in waiting)
    assert all(reason for _, reason in (*found.wait, *found.skip))
    under_way = [one for one in tasks if one.state is TaskState.RUNNING]
    for kind, limit in (("drill", drills), ("backup", 2)):
        before = sum(one.kind == kind for one in under_way)
        after = before + sum(one.kind == kind for one in found.start)
        assert after <= max(limit, before)
    if away:
        assert len(under_way) + len(found.start) <= max(machines, len(under_way))
    begun_keys = [(one.database, one.kind) for one in found.start]
    assert len(set(begun_keys)) == len(begun_keys)
    assert not set(begun_keys) & {(one.database, one.kind) for one in under_way}


@given(_tasks)
def test_the_order_in_which_tasks_are_found_decides_nothing(tasks: list[Task]) -> None:
    assert decided(tasks) == decided(list(reversed(tasks)))
