"""Each alarm both ways: what makes it ring, and what keeps it quiet."""

from datetime import timedelta
from typing import Any

from restoredrill import config
from restoredrill.alarms import Seen, alarms
from restoredrill.configuration import Loaded
from restoredrill.errors import ConfigError
from restoredrill.model import Lease, Severity, Verdict
from restoredrill.records import Delivery, TaskState
from restoredrill.service_settings import ServiceSettings
from restoredrill.standing import standing
from tests.history.samples import NOON, a_backup, a_drill, a_notice, a_task, at

HOURLY = """
source: {url: "${SHOP}"}
vault: {url: "file:///v"}
backup: {cron: "0 * * * *"}
drill: {cron: "0 3 * * *", deadline: 2h}
"""
BY_HAND = """
source: {url: "${SHOP}"}
vault: {url: "file:///v"}
backup: {}
drill: {}
"""


def seen(
    file: str = HOURLY,
    drills: Any = (),
    backups: Any = (),
    service: dict[str, Any] | None = None,
    **more: Any,
) -> Seen:
    """A database as it is after long; `drills` and `backups` newest first."""
    known = {
        "since": {"shop": at(-10_000)},
        "queued": {("shop", "backup"): NOON, ("shop", "drill"): NOON},
        "problem": None,
        **more,
    }
    settings = ServiceSettings.model_validate(service or {})
    loaded = Loaded({"shop": config.parse(file, "shop", "shop.yaml")}, settings, NOON, known.pop("problem"))
    return Seen(loaded, {"shop": standing("shop", drills, backups, NOON)}, **known)


GOOD: Any = {"drills": [a_drill(-9)], "backups": [a_backup(-0.5)]}


def ringing(situation: Seen, hours: float = 0) -> dict[str, Any]:
    """By their keys."""
    return {alarm.key: alarm for alarm in alarms(situation, at(hours))}


def test_where_all_is_well_nothing_rings() -> None:
    assert ringing(seen(**GOOD)) == {}


def test_no_backup_for_so_long() -> None:
    late = ringing(seen(drills=[a_drill(-9)], backups=[a_backup(-2.5)]))
    assert set(late) == {"no_backup:shop"}
    assert late["no_backup:shop"].since == at(-2.5)
    assert "no newer backup for 2h" in late["no_backup:shop"].message
    patient = HOURLY + "alarms: {no_backup_for: 3h}\n"
    assert ringing(seen(patient, drills=[a_drill(-9)], backups=[a_backup(-2.5)])) == {}


def test_there_never_was_a_backup() -> None:
    none = ringing(seen(drills=[a_drill(-9)]))
    assert "there is no backup yet" in none["no_backup:shop"].message
    assert ringing(seen(drills=[a_drill(-9)], since={"shop": at(-1)})) == {}, "its file is an hour old"


def test_no_pass_for_so_long_is_silence_even_where_drills_fail_loudly() -> None:
    unknown = a_drill(-9, verdict=Verdict.INCONCLUSIVE, reasons=("the vault did not answer",))
    found = ringing(seen(drills=[unknown, a_drill(-49)], backups=[a_backup(-0.5)]))
    assert set(found) == {"no_pass:shop", "inconclusive:shop"}
    assert found["no_pass:shop"].severity is Severity.CRITICAL
    assert set(ringing(seen(drills=[unknown, a_drill(-47)], backups=[a_backup(-0.5)]))) == {
        "inconclusive:shop"
    }


def test_what_is_done_by_hand_only_is_waited_for_only_if_the_file_says_so() -> None:
    assert ringing(seen(BY_HAND)) == {}
    assert set(ringing(seen(BY_HAND + "alarms: {no_pass_for: 30d, no_backup_for: 7d}\n"))) == {
        "no_pass:shop",
        "no_backup:shop",
    }


def test_a_failed_drill_rings_until_the_next_one() -> None:
    failed = a_drill(-1, verdict=Verdict.FAILED, reasons=("public.orders: 3 rows missing",))
    found = ringing(seen(drills=[failed, a_drill(-9)], backups=[a_backup(-0.5)]))
    assert "3 rows missing" in found["failed:shop"].message
    assert ringing(seen(drills=[a_drill(-0.5), failed], backups=[a_backup(-0.5)])) == {}


def test_leftovers_ring() -> None:
    left = a_drill(-1, leftovers=("i-0a", "vol-0b"))
    assert "i-0a, vol-0b" in ringing(seen(drills=[left], backups=[a_backup(-0.5)]))["leftovers:shop"].message


def test_a_task_that_began_and_never_ended() -> None:
    begun = a_task(-4, state=TaskState.RUNNING, started_at=at(-4))
    found = ringing(seen(**GOOD, open_tasks=[begun]))
    assert found[f"endless:{begun.id}"].since == at(-2)
    young = begun.model_copy(update={"started_at": at(-2.5)})
    assert ringing(seen(**GOOD, open_tasks=[young])) == {}
    assert ringing(seen(**GOOD, open_tasks=[a_task(-400)])) == {}, "one that waits says why by itself"


def test_a_schedule_that_never_fired() -> None:
    found = ringing(seen(**GOOD, queued={("shop", "drill"): at(-3)}, since={"shop": at(-3)}))
    assert set(found) == {"unfired:backup:shop"}
    stopped = {("shop", "backup"): at(-0.5), ("shop", "drill"): at(-26)}
    assert set(ringing(seen(**GOOD, queued=stopped))) == {"unfired:drill:shop"}
    jittered = seen(**GOOD, queued=stopped, service={"jitter": "3h"})
    assert ringing(jittered) == {}


def test_files_that_are_no_good() -> None:
    problem = ConfigError("shop.yaml", ("shop.yaml:3: drill.cron: no such minute",))
    assert "no such minute" in str(ringing(seen(**GOOD, problem=problem))["config"].message)


def test_messages_that_nobody_got() -> None:
    lost = Delivery(notice=a_notice(), address="shop.notify[0]", next_at=NOON, given_up=True)
    assert "shop.notify[0]" in ringing(seen(**GOOD, undelivered=[lost]))["undelivered"].message


def test_a_budget_that_is_used_up() -> None:
    limits = {"limits": {"usd_per_month": 20}}
    assert "20.50 of 20.00 USD" in ringing(seen(**GOOD, service=limits, spent_usd=20.5))["budget"].message
    assert ringing(seen(**GOOD, service=limits, spent_usd=19.5)) == {}
    assert ringing(seen(**GOOD, spent_usd=1e6)) == {}, "no budget, no alarm"


def test_what_outlived_its_lease() -> None:
    """Promise 4: somebody has to know."""
    lease = Lease(
        machine="i-0a",
        provider="ec2",
        drill=a_task().id,
        database="shop",
        started_at=at(-5),
        expires_at=NOON - timedelta(minutes=31),
    )
    assert ringing(seen(**GOOD, leases=[lease]))["leak:i-0a"].severity is Severity.CRITICAL
    young = lease.model_copy(update={"expires_at": NOON - timedelta(minutes=29)})
    assert ringing(seen(**GOOD, leases=[young])) == {}, "the reaper comes every ten minutes"


def test_a_backup_that_was_never_drilled_in_the_time_promised() -> None:
    promised = HOURLY.replace("deadline: 2h", "deadline: 2h, coverage: 30h")
    unproven: Any = {"drills": [a_drill(-9)], "backups": [a_backup(-0.5), a_backup(-31)]}
    late = ringing(seen(promised, **unproven))
    assert set(late) == {"coverage:shop"}
    assert "was never drilled; 30h was promised" in late["coverage:shop"].message
    assert ringing(seen(promised.replace("30h", "32h"), **unproven)) == {}
    assert ringing(seen(HOURLY, **unproven)) == {}
    proven = [a_drill(-9, backup=a_backup(-31).backup)]
    assert ringing(seen(promised, drills=proven, backups=[a_backup(-0.5), a_backup(-31)])) == {}
