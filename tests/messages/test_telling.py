"""What happens to a service becomes messages: to the right people, once."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from restoredrill.configuration import Loaded
from restoredrill.errors import ConfigError
from restoredrill.history.database import DatabaseHistory
from restoredrill.messages.telling import Messenger
from restoredrill.model import MachineFacts, Verdict
from restoredrill.records import Task, TaskState
from tests.history.samples import NOON, a_task, an_alarm, at
from tests.messages.listening import Answer, Listener, Request
from tests.messages.samples import a_report, a_row, loaded, revealing
from tests.messages.test_pings import RID
from tests.messages.trackers import GitHubSide

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
SHOP = """\
notify:
  - {url: 'json://${PLACE}/bad', on: [failed, inconclusive]}
  - {url: 'json://${PLACE}/all', on: [passed, failed, inconclusive]}
"""
SERVICE = """\
web: {url: https://drills.example.org}
notify: ['json://${PLACE}/service']
ticket: {github: acme/ops, url: 'http://PLACE', token: '${TOKEN}'}
ping: 'http://${PLACE}/ping'
"""


class Desk:
    """A messenger, and one server for all it talks to."""

    def __init__(self, history: DatabaseHistory, tmp_path: Path) -> None:
        self.github = GitHubSide()
        self.listener = Listener(self._answer)
        place = self.listener.place
        self.loaded: Loaded = loaded(tmp_path / "schedules", SHOP, SERVICE.replace("PLACE'", f"{place}'"))
        self.said: list[str] = []
        self.history = history
        reveal = revealing(PLACE=place, TOKEN="t0ken-of-the-tracker")
        self.messenger = Messenger(
            history.outbox,
            lambda: self.loaded,
            reveal,
            self.said.append,
            past=history.proofs.drills,
            rid=RID,
        )
        self.pinged = threading.Semaphore(0)

    def _answer(self, request: Request) -> Answer:
        if request.path.startswith("/ping"):
            self.pinged.release()
        return self.github(request) if request.path.startswith("/repos") else Answer()

    def told(self, hours: float = 0) -> list[tuple[str, str]]:
        """Who was told what title since the last call."""
        before = len(self.listener.seen)
        assert self.messenger.deliver(at(hours), 30)
        found = [one for one in self.listener.seen[before:] if one.path in ("/bad", "/all", "/service")]
        return sorted((one.path, one.json["title"]) for one in found)


@pytest.fixture
def desk(history: DatabaseHistory, tmp_path: Path) -> Iterator[Desk]:
    made = Desk(history, tmp_path)
    with made.listener:
        yield made


def test_a_whole_story_from_failure_to_pass(desk: Desk) -> None:
    failed = "shop: FAILED: CONTENT_DIFFERS public.orders"
    desk.messenger.drill_ended(a_report())
    desk.messenger.drill_ended(a_report())
    assert desk.told(1) == [("/all", failed), ("/bad", failed)]
    assert [issue.open for issue in desk.github.issues] == [True]
    desk.history.proofs.note_drills([a_row(Verdict.FAILED, 0)])
    desk.messenger.drill_ended(a_report(Verdict.PASSED, 24))
    ((place, title),) = desk.told(25)
    assert place == "/all"
    assert title.startswith("shop: PASSED: ")
    assert [issue.open for issue in desk.github.issues] == [False]
    assert desk.told(26) == []
    assert desk.said == []


def test_a_database_that_is_gone_from_the_files_troubles_nobody(desk: Desk) -> None:
    desk.messenger.drill_ended(a_report(database="blog"))
    assert desk.told(1) == []


def test_a_service_without_tickets_opens_none(desk: Desk, tmp_path: Path) -> None:
    desk.loaded = loaded(tmp_path / "fewer", SHOP)
    desk.messenger.drill_ended(a_report())
    assert len(desk.told(1)) == 2
    assert desk.github.issues == []


def test_what_is_left_running_is_told_to_the_database_and_the_service(desk: Desk) -> None:
    machine = MachineFacts(provider="ec2", id="i-1", leftovers=("i-1",))
    desk.messenger.drill_ended(a_report(Verdict.PASSED, machine=machine))
    told = [place for place, title in desk.told(1) if "left running" in title]
    assert told == ["/all", "/bad", "/service"]


@pytest.mark.parametrize(
    ("task", "told"),
    [
        (a_task(kind="backup", state=TaskState.DONE, outcome="failed", reason="no answer"), True),
        (a_task(kind="drill", state=TaskState.DONE, outcome="inconclusive", reason="no answer"), True),
        (a_task(kind="drill", state=TaskState.DONE, outcome="interrupted"), False),
        (a_task(kind="drill", state=TaskState.DONE, outcome="interrupted", attempt=2), True),
        (a_task(kind="backup", state=TaskState.DONE, outcome="taken"), False),
        (a_task(kind="backup", state=TaskState.SKIPPED, reason="a fresher one"), False),
        (a_task(kind="drill", state=TaskState.CANCELLED, reason="by ops"), False),
        (a_task(kind="drill", state=TaskState.RUNNING), False),
    ],
)
def test_only_what_ended_without_a_result_is_told(desk: Desk, task: Task, told: bool) -> None:
    desk.messenger.ended(task, None)
    assert [place for place, _ in desk.told(1)] == (["/all", "/bad"] if told else [])


def test_a_drill_that_has_a_report_is_told_by_it(desk: Desk) -> None:
    task = a_task(state=TaskState.DONE, outcome="failed")
    desk.messenger.ended(task, a_report())
    assert {title for _, title in desk.told(1)} == {"shop: FAILED: CONTENT_DIFFERS public.orders"}


def test_alarms_are_told_when_they_begin_and_when_they_are_over(desk: Desk) -> None:
    begun, over = desk.history.alarms.stand([an_alarm()])
    desk.messenger.alarms(begun, over, NOON)
    assert [place for place, _ in desk.told()] == ["/all", "/bad", "/service"]
    begun, over = desk.history.alarms.stand([an_alarm(hours=1)])
    desk.messenger.alarms(begun, over, at(1))
    assert desk.told(1) == []
    begun, over = desk.history.alarms.stand([])
    desk.messenger.alarms(begun, over, at(2))
    assert {title for _, title in desk.told(2)} == {"shop: over: no pass"}


def test_who_hears_of_the_database_and_of_the_service_hears_it_once(desk: Desk, tmp_path: Path) -> None:
    place = "'json://${PLACE}/all'"
    desk.loaded = loaded(tmp_path / "later", f"notify: [{{url: {place}}}]\n", f"notify: [{place}]\n")
    desk.messenger.alarms([an_alarm()], [], NOON)
    assert [one for one, _ in desk.told()] == ["/all"]


def test_an_alarm_about_messages_is_not_told_by_one_more(desk: Desk) -> None:
    desk.messenger.alarms([an_alarm("undelivered:shop"), an_alarm("config:x")], [], NOON)
    assert desk.told() == []


def test_the_service_is_told_of_a_bad_file_and_of_money(desk: Desk) -> None:
    desk.messenger.configuration(NOON)
    assert desk.told() == []
    desk.loaded = replace(desk.loaded, problem=ConfigError("schedules", ("shop.yaml:1: is empty",)))
    for hours in (0, 1):
        desk.messenger.configuration(at(hours))
    assert [place for place, _ in desk.told(1)] == ["/service"]
    desk.messenger.waits_for_budget(a_task(reason="100 USD a month are spent"), at(1))
    assert {title for _, title in desk.told(1)} == {"shop: drill waits: 100 USD a month are spent"}


def test_the_dead_mans_switch_hears_of_begin_drills_life_and_end(desk: Desk) -> None:
    desk.messenger.started()
    assert desk.pinged.acquire(timeout=30)
    desk.messenger.began(a_task())
    desk.messenger.began(a_task(kind="backup"))
    assert desk.pinged.acquire(timeout=30)
    assert desk.messenger.ping(NOON, NOON)
    desk.messenger.drill_ended(a_report())
    for _ in range(2):
        assert desk.pinged.acquire(timeout=30)
    desk.messenger.broken("no room")
    found = [one.path for one in desk.listener.seen if one.path.startswith("/ping")]
    assert found == ["/ping/start", "/ping/log", "/ping", "/ping/log", "/ping/fail"]


def test_a_switch_that_does_not_answer_stops_nothing(desk: Desk, tmp_path: Path) -> None:
    desk.loaded = loaded(tmp_path / "later", service="ping: '${NOT_SET_ANYWHERE}'\n")
    desk.messenger.broken("no room")
    desk.messenger.drill_ended(a_report())
    assert any("NOT_SET_ANYWHERE" in line for line in desk.said)
