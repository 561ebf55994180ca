"""The contract of `restoredrill.ledger`, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from restoredrill import ledger
from restoredrill.errors import HistoryError
from restoredrill.history.database import DatabaseHistory
from restoredrill.model import Verdict
from restoredrill.records import AuditEntry, Delivery, Task, TaskState
from tests.history.samples import NOON, a_backup, a_drill, a_notice, a_task, an_alarm, an_id, at


def test_it_is_a_history(history: DatabaseHistory) -> None:
    as_seen: ledger.History = history
    assert as_seen.tasks.open() == ()
    assert as_seen.proofs.drills() == ()
    assert as_seen.outbox.due(NOON) == ()
    assert as_seen.alarms.standing() == ()


# Tasks ------------------------------------------------------------------------------------------------------


def test_a_task_comes_back_as_it_was(history: DatabaseHistory) -> None:
    task = a_task(
        due_at=NOON + timedelta(microseconds=7),
        asker="Zoë 'Z' O\0",
        reason="ä\n\N{SNOWMAN}",
        keep_s=3.5,
        usd=0.1,
    )
    assert history.tasks.add(task)
    assert history.tasks.get(task.id) == task
    assert history.tasks.open() == (task,)
    assert history.tasks.get(an_id(9)) is None


def test_a_schedule_has_one_task_of_a_kind_and_time_whatever_became_of_it(history: DatabaseHistory) -> None:
    first = a_task(0, "0001")
    assert history.tasks.add(first)
    assert not history.tasks.add(first)
    assert not history.tasks.add(a_task(0, "0002"))
    skipped = first.model_copy(update={"state": TaskState.SKIPPED, "ended_at": at(1), "due_at": at(5)})
    assert history.tasks.update(skipped, "waiting")
    assert not history.tasks.add(a_task(0, "0003"))
    assert history.tasks.open() == ()
    assert history.tasks.past() == (skipped,)


def test_other_databases_kinds_times_and_people_have_tasks_of_their_own(history: DatabaseHistory) -> None:
    tasks = (
        a_task(0, "0001"),
        a_task(0, "0002", database="blog"),
        a_task(0, "0003", kind="backup"),
        a_task(0, "0004", asked_by="person"),
        a_task(0, "0005", asked_by="person"),
        a_task(1, "0006"),
    )
    assert all(history.tasks.add(task) for task in tasks)
    assert history.tasks.open() == tasks


def test_a_time_is_the_same_in_every_zone(history: DatabaseHistory) -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=5, minutes=45)))
    assert history.tasks.add(a_task(0, "0001", due_at=elsewhere))
    assert not history.tasks.add(a_task(0, "0002"))


def test_an_id_that_another_task_has_is_an_error_and_nothing_vanishes(history: DatabaseHistory) -> None:
    assert history.tasks.add(a_task(0))
    with pytest.raises(HistoryError, match="a drill of shop has this id"):
        history.tasks.add(a_task(0, database="blog"))
    assert [task.database for task in history.tasks.open()] == ["shop"]


def test_only_who_knows_the_state_changes_it(history: DatabaseHistory) -> None:
    task = a_task()
    history.tasks.add(task)
    running = task.model_copy(update={"state": TaskState.RUNNING, "started_at": NOON})
    assert history.tasks.update(running, "waiting")
    assert not history.tasks.update(running.model_copy(update={"usd": 9.0}), "waiting")
    assert history.tasks.get(task.id) == running
    assert history.tasks.update(running.model_copy(update={"usd": 9.0}), "running")
    assert not history.tasks.update(a_task(3), "waiting"), "there is none"


def test_of_many_who_want_a_task_one_gets_it(history: DatabaseHistory) -> None:
    history.tasks.add(a_task())

    def want(number: int) -> bool:
        taken = a_task(state=TaskState.RUNNING, reason=str(number))
        return history.tasks.update(taken, "waiting")

    with ThreadPoolExecutor(8) as pool:
        won = [number for number, got in enumerate(pool.map(want, range(24))) if got]
    assert len(won) == 1
    (left,) = history.tasks.open()
    assert left.reason == str(won[0])


def test_open_ones_come_first_due_first_and_past_ones_newest_first(history: DatabaseHistory) -> None:
    def ended(hours: float, **changed: Any) -> Task:
        return a_task(hours, state=TaskState.DONE, ended_at=at(hours + 1), **changed)

    for task in (a_task(3), a_task(2, state=TaskState.RUNNING), ended(0), ended(1, database="blog")):
        history.tasks.add(task)
    assert [task.id for task in history.tasks.open()] == [an_id(2), an_id(3)]
    assert [task.id for task in history.tasks.past()] == [an_id(1), an_id(0)]
    assert [task.id for task in history.tasks.past("shop")] == [an_id(0)]
    assert [task.id for task in history.tasks.past(limit=1)] == [an_id(1)]


# Proofs -----------------------------------------------------------------------------------------------------


def test_drills_are_added_and_replaced_newest_first(history: DatabaseHistory) -> None:
    rows = [a_drill(hours) for hours in range(5)]
    history.proofs.note_drills(rows)
    worse = a_drill(2, verdict=Verdict.FAILED, rules=("ROWS_MISSING",), rto_s=None, backup=None)
    history.proofs.note_drills([worse, a_drill(2, "0001", database="blog")])
    history.proofs.note_drills([])
    shop = history.proofs.drills("shop")
    assert shop == (rows[4], rows[3], worse, rows[1], rows[0])
    assert history.proofs.drills("shop", since=at(3)) == shop[:2]
    assert history.proofs.drills("shop", limit=1) == shop[:1]
    assert len(history.proofs.drills()) == 6
    assert [row.database for row in history.proofs.drills(since=at(2))] == ["shop", "shop", "shop", "blog"]
    assert history.proofs.drills("nobody") == ()


def test_two_databases_may_have_the_same_id(history: DatabaseHistory) -> None:
    history.proofs.note_drills([a_drill(), a_drill(database="blog")])
    history.proofs.note_backups([a_backup(), a_backup(database="blog")])
    assert len(history.proofs.drills()) == len(history.proofs.backups()) == 2


def test_backups_are_added_replaced_and_gone(history: DatabaseHistory) -> None:
    rows = [a_backup(hours) for hours in range(3)]
    history.proofs.note_backups(rows)
    other = a_backup(7, database="blog")
    history.proofs.note_backups([other, a_backup(1, rows=None)], gone=[rows[0].backup, "nothing"])
    assert history.proofs.backups("shop") == (rows[2], a_backup(1, rows=None))
    assert history.proofs.backups() == (other, rows[2], a_backup(1, rows=None))
    many = [f"nothing {number}" for number in range(2000)]
    history.proofs.note_backups([], gone=[*many, rows[2].backup])
    assert history.proofs.backups("shop") == (a_backup(1, rows=None),)


def test_money_is_counted_once(history: DatabaseHistory) -> None:
    assert history.proofs.spent_usd(NOON) == 0.0
    history.proofs.note_drills([a_drill(1, usd=0.25), a_drill(-1, usd=100.0)])
    done: dict[str, Any] = {"state": TaskState.DONE, "started_at": at(1), "ended_at": at(2)}
    history.tasks.add(a_task(1, usd=0.3, **done))  # the report of it says what it was
    history.tasks.add(a_task(1, "0001", kind="backup", usd=0.5, **done))
    history.tasks.add(a_task(2, usd=1.0, state=TaskState.RUNNING, started_at=at(2)))
    history.tasks.add(a_task(3, usd=50.0))  # waits: nothing is spent
    history.tasks.add(a_task(-1, "0001", kind="backup", usd=50.0, **{**done, "started_at": at(-1)}))
    assert history.proofs.spent_usd(NOON) == pytest.approx(1.75)


# Outbox -----------------------------------------------------------------------------------------------------


@dataclass
class Try:
    """How a delivery is written down."""

    delivery: Delivery
    now: datetime

    def failed(self, **changed: object) -> Delivery:
        later = {"tries": self.delivery.tries + 1, "next_at": self.now + timedelta(minutes=5)}
        return self.delivery.model_copy(update={**later, "problem": "refused\0", **changed})


def test_a_notice_is_queued_once_for_each_address(history: DatabaseHistory) -> None:
    assert history.outbox.post(a_notice(), ["shop.notify[0]", "shop.notify[1]", "shop.notify[0]"])
    assert not history.outbox.post(a_notice(), ["shop.notify[2]"])
    assert history.outbox.post(a_notice("drill:2"), [])
    assert not history.outbox.post(a_notice("drill:2"), ["shop.notify[0]"])
    due = history.outbox.due(NOON)
    assert {one.address for one in due} == {"shop.notify[0]", "shop.notify[1]"}
    assert due[0].notice == a_notice()
    assert history.outbox.due(at(-1)) == ()
    assert len(history.outbox.due(NOON, limit=1)) == 1


def test_one_that_failed_waits_and_one_that_arrived_is_over(history: DatabaseHistory) -> None:
    history.outbox.post(a_notice(), ["a"])
    (first,) = history.outbox.due(NOON)
    history.outbox.tried(Try(first, NOON).failed())
    assert history.outbox.due(NOON) == ()
    (again,) = history.outbox.due(at(1))
    assert (again.tries, again.problem) == (1, "refused\N{REPLACEMENT CHARACTER}")
    history.outbox.tried(again.model_copy(update={"delivered_at": at(1), "problem": ""}))
    history.outbox.tried(Try(again, at(1)).failed(given_up=True))  # somebody slower: it has arrived
    assert history.outbox.due(at(100)) == ()
    assert history.outbox.undelivered() == ()


def test_what_was_given_up_stays_to_be_seen_newest_first(history: DatabaseHistory) -> None:
    for hours in range(3):
        history.outbox.post(a_notice(f"drill:{hours}", hours), ["a"])
    for delivery in history.outbox.due(at(9)):
        history.outbox.tried(Try(delivery, at(9)).failed(given_up=True, tries=8))
    lost = history.outbox.undelivered()
    assert [one.notice.key for one in lost] == ["drill:2", "drill:1", "drill:0"]
    assert all(one.given_up and one.tries == 8 for one in lost)
    assert history.outbox.due(at(100)) == ()


# Alarms and audit -------------------------------------------------------------------------------------------


def test_alarms_that_are_new_and_over_are_told_once(history: DatabaseHistory) -> None:
    silent, leak = an_alarm(), an_alarm("leak:i-1", 1)
    assert history.alarms.stand([silent]) == ((silent,), ())
    later = an_alarm(hours=5, message="no pass for 6h")
    assert history.alarms.stand([later, leak]) == ((leak,), ())
    kept = later.model_copy(update={"since": silent.since})
    assert history.alarms.standing() == (kept, leak)
    assert history.alarms.stand([leak]) == ((), (kept,))
    assert history.alarms.stand([]) == ((), (leak,))
    assert history.alarms.stand([later]) == ((later,), ()), "it is a new one, from now on"


def test_two_who_say_what_is_wrong_at_once_tell_it_once(history: DatabaseHistory) -> None:
    alarms = [an_alarm(f"no_pass:{number}") for number in range(20)]
    with ThreadPoolExecutor(6) as pool:
        told = list(pool.map(lambda _: history.alarms.stand(alarms), range(12)))
    assert sum(len(new) for new, _ in told) == 20
    assert all(over == () for _, over in told)


def test_who_did_what_is_kept_newest_first(history: DatabaseHistory) -> None:
    entries = [AuditEntry(at=NOON, who="ä\0", what="run drill", detail=str(n)) for n in range(3)]
    for entry in entries:
        history.alarms.audit(entry)
    assert history.alarms.audited() == tuple(reversed(entries))
    assert history.alarms.audited(limit=1) == (entries[2],)
