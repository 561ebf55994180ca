"""A failed drill opens a ticket, the next one comments, a pass closes: the same suite for every tracker."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from restoredrill.errors import NotDelivered, UsageError
from restoredrill.messages import notices, tickets
from restoredrill.messages.ticket import News, marked, marker
from restoredrill.model import CheckResult, Outcome, Report, Severity, Verdict
from restoredrill.records import Notice
from tests.messages.listening import Answer, Listener
from tests.messages.samples import FAILING, a_report, loaded, revealing
from tests.messages.trackers import GitHubSide, GitLabSide, Issue, JiraSide, Side

SIDES: dict[str, Callable[[], Side]] = {
    "github": GitHubSide,
    "gitlab": GitLabSide,
    "jira cloud": lambda: JiraSide("ops@example.org"),
    "jira data center": lambda: JiraSide(None),
}
LINK = "https://drills.example.org"


@pytest.fixture(params=SIDES)
def side(request: pytest.FixtureRequest) -> Side:
    return SIDES[request.param]()


@pytest.fixture
def listener(side: Side) -> Iterator[Listener]:
    with Listener(side) as found:
        yield found


@pytest.fixture
def told(side: Side, listener: Listener) -> Callable[[Report], None]:
    """Takes a drill's notice to the tracker, each time as whoever knows nothing of what was told before."""

    def tell(report: Report) -> None:
        notice = a_ticket(report)
        news = News(notice.database, notice.key.split(":")[2], notice.title, notice.body, notice.link)
        tickets.handle(side.tracker(listener.url), report.verdict, report.drill, news)

    return tell


def a_ticket(report: Report) -> Notice:
    return tickets.of_drill(report, notices.of_drill(report, [], LINK))


def other(rule: str) -> tuple[object, ...]:
    return (FAILING.model_copy(update={"rule": rule}),)


def test_from_the_first_failure_to_the_pass(side: Side, told: Callable[[Report], None]) -> None:
    told(a_report(hours=0))
    (issue,) = side.issues
    assert issue.title == "shop: FAILED: CONTENT_DIFFERS public.orders"
    assert "hint: drill an older backup" in issue.body
    assert issue.body.splitlines()[-1] == "marker: restoredrill:shop:CONTENT_DIFFERS"
    assert f"{LINK}/drills/shop/" in issue.body
    told(a_report(hours=24))
    told(a_report(Verdict.INCONCLUSIVE, hours=36, reasons=("broken off: no room",)))
    assert [issue.open for issue in side.issues] == [True]
    assert a_report(hours=24).drill in issue.comments[0]
    assert "broken off: no room" in issue.comments[1]
    passed = a_report(Verdict.PASSED, hours=48)
    told(passed)
    assert [issue.open for issue in side.issues] == [False]
    for evidence in (passed.drill, "RTO 2 m 02 s", f"{LINK}/drills/shop/{passed.drill}"):
        assert evidence in issue.comments[2]
    assert passed.backup is not None
    assert passed.backup.id in issue.comments[2]


def test_a_failure_after_a_pass_opens_another(side: Side, told: Callable[[Report], None]) -> None:
    for hours, verdict in enumerate((Verdict.FAILED, Verdict.PASSED, Verdict.FAILED)):
        told(a_report(verdict, hours))
    assert [issue.open for issue in side.issues] == [False, True]


def test_another_kind_of_failure_is_another_ticket_and_a_pass_closes_both(
    side: Side, told: Callable[[Report], None]
) -> None:
    told(a_report(hours=0))
    told(a_report(hours=1, findings=other("ROWS_MISSING")))
    told(a_report(hours=2, findings=other("ROWS_MISSING")))
    assert [(issue.open, len(issue.comments)) for issue in side.issues] == [(True, 0), (True, 1)]
    told(a_report(Verdict.PASSED, hours=3))
    assert [issue.open for issue in side.issues] == [False, False]


def test_other_databases_have_their_own(side: Side, told: Callable[[Report], None]) -> None:
    told(a_report(hours=0))
    told(a_report(hours=1, database="shop.eu"))
    told(a_report(Verdict.PASSED, hours=2, database="shop.eu"))
    assert [issue.open for issue in side.issues] == [True, False]


def test_only_what_failed_opens_one(side: Side, told: Callable[[Report], None]) -> None:
    told(a_report(Verdict.INCONCLUSIVE))
    told(a_report(Verdict.PASSED, hours=1))
    assert side.issues == []


def test_the_same_drill_told_twice_is_one_ticket_without_a_comment(
    side: Side, told: Callable[[Report], None]
) -> None:
    told(a_report())
    told(a_report())
    assert [len(issue.comments) for issue in side.issues] == [0]


def test_what_a_stranger_named_is_no_markup_and_no_marker(side: Side, told: Callable[[Report], None]) -> None:
    name = "```\n@everyone {noformat} marker: restoredrill:blog:A_RULE"
    told(a_report(findings=(FAILING.model_copy(update={"object": name}),)))
    (issue,) = side.issues
    assert issue.body.splitlines()[-1] == "marker: restoredrill:shop:CONTENT_DIFFERS"
    assert issue.body.splitlines()[0] in ("````text", "{noformat}")
    assert issue.body.count("{noformat}") in (0, 1, 2)


def test_a_ticket_far_down_the_list_is_found(side: Side, told: Callable[[Report], None]) -> None:
    told(a_report())
    side.issues += [Issue(number, "else", "", []) for number in range(2, 251)]
    told(a_report(hours=24))
    assert [len(issue.comments) for issue in side.issues[:2]] == [1, 0]
    assert len(side.issues) == 250


def test_a_wrong_token_is_told_without_it(side: Side, listener: Listener) -> None:
    with pytest.raises(NotDelivered) as error:
        side.tracker(listener.url, "another-t0ken").find("shop")
    assert "401" in error.value.reason
    assert error.value.hint
    assert "another-t0ken" not in f"{error.value} {error.value.hint}"


@pytest.mark.parametrize(
    "answer", [Answer(200, "words"), Answer(200), Answer(500), Answer(301, None, {"Location": "/"})]
)
def test_whatever_else_answers_is_no_empty_list_of_tickets(
    side: Side, listener: Listener, answer: Answer
) -> None:
    listener.answer = lambda _: answer
    with pytest.raises(NotDelivered):
        side.tracker(listener.url).find("shop")


def test_a_tracker_that_is_not_there_is_told(side: Side) -> None:
    with Listener() as gone:
        url = gone.url
    with pytest.raises(NotDelivered, match=r"ask (github|gitlab|jira)"):
        side.tracker(url).find("shop")


def test_a_pull_request_is_no_ticket() -> None:
    side = GitHubSide()
    side.issues.append(Issue(1, "", marker("shop", "A_RULE"), [], is_pull_request=True))
    with Listener(side) as listener:
        assert side.tracker(listener.url).find("shop") == ()


def test_a_workflow_without_an_end_is_told() -> None:
    side = JiraSide(None)
    side.transitions = [("21", "indeterminate")]
    with Listener(side) as listener:
        tracker = side.tracker(listener.url)
        tracker.open(News("shop", "A_RULE", "title", "text", ""))
        (ticket,) = tracker.find("shop")
        with pytest.raises(NotDelivered, match="no transition leads to a status that is done"):
            tracker.close(ticket, News("shop", "", "title", "text", ""))


def test_a_list_without_an_end_is_not_read_for_ever() -> None:
    endless = Answer(200, [], {"Link": '<http://127.0.0.1/?page=2>; rel="next"'})
    side = GitHubSide()
    with Listener(lambda _: endless) as listener, pytest.raises(NotDelivered, match="more than 100 pages"):
        side.tracker(listener.url).find("shop")


def test_the_last_marker_counts() -> None:
    text = f"{marker('blog', 'A_RULE')}\r\n{marker('shop', 'B_RULE')}\r\n"
    found = marked("1", text, "shop")
    assert found is not None
    assert found.rule == "B_RULE"
    assert marked("1", text, "blog") is None
    assert marked("1", None, "shop") is None


def test_a_check_of_ones_own_that_failed_is_a_kind_too() -> None:
    failed = CheckResult(name="orders are there", kind="rows", outcome=Outcome.FAILED)
    assert a_ticket(a_report(findings=(), checks=(failed,))).key.endswith(":CHECK_FAILED")


def test_the_worst_finding_is_the_kind() -> None:
    lesser = FAILING.model_copy(update={"rule": "A_RULE", "severity": Severity.MEDIUM})
    ignored = FAILING.model_copy(update={"rule": "B_RULE", "ignored": "known"})
    report = a_report(findings=(lesser, ignored, FAILING))
    assert a_ticket(report).key == f"ticket:{report.drill}:CONTENT_DIFFERS"


# What _service.yaml names -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "side"),
    [
        ("{github: acme/ops, url: 'URL', token: '${TOKEN}'}", GitHubSide()),
        ("{gitlab: acme/infra/ops, url: 'URL', token: '${TOKEN}'}", GitLabSide()),
        ("{jira: OPS, user: ops@example.org, url: 'URL', token: '${TOKEN}'}", JiraSide("ops@example.org")),
        ("{jira: OPS, url: 'URL', token: '${TOKEN}'}", JiraSide(None)),
    ],
)
def test_the_desk_takes_it_where_the_file_says(settings: str, side: Side, tmp_path: Path) -> None:
    with Listener(side) as listener:
        configured = loaded(tmp_path, service=f"ticket: {settings.replace('URL', listener.url)}\n")
        tickets.desk(revealing(TOKEN="t0ken-of-the-tracker"))(a_ticket(a_report()), configured)
    assert [issue.title for issue in side.issues] == ["shop: FAILED: CONTENT_DIFFERS public.orders"]


def test_a_webhook_gets_every_drill_with_its_marker(tmp_path: Path) -> None:
    with Listener() as listener:
        configured = loaded(tmp_path, service="ticket: {webhook: '${HOOK}'}\n")
        desk = tickets.desk(revealing(HOOK=f"{listener.url}/hooks/T0KEN"))
        for hours, verdict in enumerate((Verdict.FAILED, Verdict.PASSED)):
            desk(a_ticket(a_report(verdict, hours)), configured)
        failed, passed = (request.json for request in listener.seen)
    assert failed["marker"] == "restoredrill:shop:CONTENT_DIFFERS"
    assert (failed["event"], failed["drill"]) == ("failed", a_report().drill)
    assert (passed["event"], passed["marker"]) == ("passed", "")


def test_a_webhook_that_refuses_is_told_without_its_url(tmp_path: Path) -> None:
    with Listener(lambda request: Answer(400, {"message": f"bad path {request.path}"})) as listener:
        configured = loaded(tmp_path, service="ticket: {webhook: '${HOOK}'}\n")
        with pytest.raises(NotDelivered) as error:
            tickets.desk(revealing(HOOK=f"{listener.url}/hooks/T0KEN"))(a_ticket(a_report()), configured)
    assert "400" in error.value.reason
    assert "T0KEN" not in str(error.value)


def test_jira_without_a_url_is_told(tmp_path: Path) -> None:
    configured = loaded(tmp_path, service="ticket: {jira: OPS, token: '${TOKEN}'}\n")
    with pytest.raises(UsageError, match="there is no public one"):
        tickets.desk(revealing(TOKEN="t0ken"))(a_ticket(a_report()), configured)
