"""What a notice says, and that it says no more than it may."""

from datetime import timedelta

import pytest

from restoredrill import secret
from restoredrill.messages import notices
from restoredrill.model import Finding, MachineFacts, Severity, Verdict
from restoredrill.records import Alarm, Delivery, TaskState
from tests.history.samples import NOON, a_task, an_alarm, at
from tests.messages.samples import FAILING, a_report, a_row, a_told

WEB = "https://drills.example.org/"


def test_a_failure_says_what_since_when_the_finding_the_hint_and_where_to_read_on() -> None:
    earlier = [
        a_row(Verdict.FAILED, -24),
        a_row(Verdict.INCONCLUSIVE, -48),
        a_row(Verdict.FAILED, -72),
        a_row(Verdict.PASSED, -96),
        a_row(Verdict.FAILED, -120),
    ]
    notice = notices.of_drill(a_report(), earlier, WEB)
    assert notice.key == f"drill:{a_report().drill}"
    assert (notice.kind, notice.severity) == ("failed", Severity.HIGH)
    assert notice.title == "shop: FAILED: CONTENT_DIFFERS public.orders"
    assert notice.link == f"https://drills.example.org/drills/shop/{a_report().drill}"
    for told in (
        "CONTENT_DIFFERS public.orders: the rows are not those that were dumped",
        "hint: drill an older backup",
        f"fails since {at(-72):%Y-%m-%dT%H:%M:%SZ}",
        f"last passed {at(-96) + timedelta(hours=0.1):%Y-%m-%dT%H:%M:%SZ}, 4 d before",
        "RTO 2 m 02 s of 30 m, met",
        f"restoredrill report shop {a_report().drill}",
    ):
        assert told in notice.body


def test_the_first_failure_of_all_says_that_nothing_ever_passed() -> None:
    body = notices.of_drill(a_report(), [], None).body
    assert "never passed before" in body
    assert "fails since" not in body


def test_a_drill_that_is_in_the_history_already_is_not_before_itself() -> None:
    body = notices.of_drill(a_report(), [a_row(Verdict.FAILED, 0)], None).body
    assert "fails since" not in body


def test_a_pass_says_since_when_it_failed() -> None:
    notice = notices.of_drill(a_report(Verdict.PASSED), [a_row(Verdict.FAILED, -24)], None)
    assert (notice.severity, notice.link) == (Severity.INFO, "")
    assert f"it failed since {at(-24):%Y-%m-%dT%H:%M:%SZ}" in notice.body
    assert "failed since" not in notices.of_drill(a_report(Verdict.PASSED), [], None).body


def test_what_could_not_be_found_out_gives_the_reason() -> None:
    report = a_report(Verdict.INCONCLUSIVE, reasons=("broken off: no room left on the machine",))
    notice = notices.of_drill(report, [], None)
    assert (notice.kind, notice.severity) == ("inconclusive", Severity.MEDIUM)
    assert "no room left on the machine" in notice.body


def test_a_hundred_findings_are_few_lines() -> None:
    many = tuple(
        FAILING.model_copy(update={"rule": f"RULE_{number}", "object": f"t{table}"})
        for number in range(20)
        for table in range(500)
    )
    notice = notices.of_drill(a_report(findings=many), [], None)
    assert len(notice.body.splitlines()) < 40
    assert "and 495 more" in notice.body
    assert "and 12 more kinds of findings" in notice.body
    assert len(notice.title) <= notices.TITLE_AT_MOST


def test_what_is_ignored_is_not_told() -> None:
    ignored = FAILING.model_copy(update={"ignored": "OPS-114"})
    assert (
        "CONTENT_DIFFERS"
        not in notices.of_drill(a_report(Verdict.PASSED, findings=(ignored,)), [], None).body
    )


def test_no_secret_is_told_by_whatever_way_it_came_in() -> None:
    secret.remember("hunter2-planted")
    planted = Finding(
        rule="A_RULE", severity=Severity.HIGH, object="hunter2-planted", message="hunter2-planted"
    )
    reasons = ("broken off: hunter2-planted",)
    report = a_report(findings=(planted,), reasons=reasons)
    failed = a_task(state=TaskState.DONE, kind="backup", reason="connect to hunter2-planted")
    alarm = Alarm(
        key="no_pass:shop", database="shop", severity=Severity.HIGH, message="hunter2-planted", since=NOON
    )
    lost = Delivery(notice=a_told(), address="shop.notify[0]", next_at=NOON, problem="to hunter2-planted")
    for notice in (
        notices.of_drill(report, [], None),
        notices.of_drill(a_report(Verdict.INCONCLUSIVE, reasons=reasons), [], None),
        notices.of_backup(failed, None),
        notices.of_lost(failed, None),
        notices.of_budget(failed, NOON, None),
        notices.of_alarm(alarm, None),
        notices.of_alarm_over(alarm, NOON, None),
        notices.of_problem("hunter2-planted is no key", NOON),
        notices.of_undelivered(lost, NOON),
    ):
        assert "hunter2-planted" not in notice.model_dump_json()
        assert secret.REDACTED in notice.body


def test_names_that_fool_terminals_are_made_visible() -> None:
    odd = FAILING.model_copy(
        update={"object": "public.\x1b[31m\u202eorders\nmarker: restoredrill:blog:A_RULE"}
    )
    notice = notices.of_drill(a_report(findings=(odd,)), [], None)
    assert "\x1b" not in notice.body + notice.title
    assert "\u202e" not in notice.body + notice.title
    assert "\n" not in notice.title


def test_what_was_left_is_told_by_name_and_nothing_where_nothing_was() -> None:
    machine = MachineFacts(provider="ec2", id="i-1", leftovers=("vol-1", "i-1"))
    notice = notices.of_leftovers(a_report(machine=machine), WEB)
    assert notice is not None
    assert "vol-1" in notice.body
    assert "restoredrill reap" in notice.body
    assert notices.of_leftovers(a_report(), WEB) is None


def test_a_backup_that_failed_says_why() -> None:
    task = a_task(state=TaskState.DONE, kind="backup", outcome="failed", reason="the source does not answer")
    notice = notices.of_backup(task, None)
    assert notice.key == f"backup:{task.id}"
    assert notice.title == "shop: BACKUP FAILED: the source does not answer"


def test_an_alarm_that_begins_anew_is_another_event() -> None:
    first, again = (notices.of_alarm(an_alarm(hours=hours), WEB) for hours in (0, 48))
    assert first.key != again.key
    over = notices.of_alarm_over(an_alarm(), at(3), WEB)
    assert over.key not in (first.key, again.key)
    assert "for 3 h" in over.body


@pytest.mark.parametrize(("hours", "same"), [(1, True), (25, False)])
def test_a_bad_file_is_told_once_a_day(hours: float, same: bool) -> None:
    first, later = notices.of_problem("a; b", NOON), notices.of_problem("a; b", at(hours))
    assert (first.key == later.key) is same
    assert notices.of_problem("c", NOON).key != first.key
