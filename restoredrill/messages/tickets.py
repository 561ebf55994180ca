"""A failed drill opens a ticket, later failures of the same kind comment on it, and the next pass closes it.

The books are kept by the tracker: each ticket's last line is its marker, `restoredrill:shop:CONTENT_DIFFERS`,
which is looked for before anything is opened. So a lost history opens nothing twice. After a crash (see
`postman`) a comment may come twice; a ticket does not, as it names the drill that opened it.
"""

from restoredrill.configuration import Loaded
from restoredrill.errors import NotDelivered, UsageError
from restoredrill.messages import webhook
from restoredrill.messages.github import GitHub
from restoredrill.messages.gitlab import GitLab
from restoredrill.messages.jira import Jira
from restoredrill.messages.postman import Desk, Reveal
from restoredrill.messages.ticket import News, Tracker
from restoredrill.model import Report, Verdict
from restoredrill.records import Notice
from restoredrill.reports import reading
from restoredrill.service_settings import TicketSettings

OF_A_CHECK = "CHECK_FAILED"  # of a drill that failed by a check of the user's own, which has no rule
_KEY = "ticket"


def of_drill(report: Report, told: Notice) -> Notice:
    """What goes to the desk, in the words of the drill's notice. Its key holds the rule. Pure."""
    return told.model_copy(update={"key": f"{_KEY}:{report.drill}:{_rule(report)}"})


def _rule(report: Report) -> str:
    """The worst finding's; none for a drill that did not fail."""
    if report.verdict is not Verdict.FAILED:
        return ""
    failing = (one for one in reading.open_findings(report) if one.severity.fails)
    return next((trouble.rule for trouble in reading.troubles(failing)), OF_A_CHECK)


def desk(reveal: Reveal) -> Desk:
    """Takes such notices to what `_service.yaml` names now."""

    def take(notice: Notice, loaded: Loaded) -> None:
        settings = loaded.service.ticket
        if settings is None:
            raise NotDelivered("open", "a ticket", "_service.yaml names no place for it")
        _, drill, rule = notice.key.split(":")
        news = News(notice.database, rule, notice.title, notice.body, notice.link)
        if settings.webhook is not None:
            webhook.post(reveal(settings.webhook, "ticket.webhook"), notice.kind, drill, news)
        else:
            handle(tracker(settings, reveal), notice.kind, drill, news)

    return take


def handle(tracker: Tracker, verdict: str, drill: str, news: News) -> None:
    """Do what a drill's verdict asks for. Raises `NotDelivered`."""
    found = tracker.find(news.database)
    if verdict == Verdict.PASSED:
        for ticket in found:
            tracker.close(ticket, news)
    elif verdict == Verdict.INCONCLUSIVE:
        for ticket in found:
            tracker.comment(ticket, news)
    elif verdict == Verdict.FAILED:
        alike = [ticket for ticket in found if ticket.rule == news.rule]
        if not alike:
            tracker.open(news)
        elif not any(drill in ticket.text for ticket in alike):
            tracker.comment(alike[0], news)


def tracker(settings: TicketSettings, reveal: Reveal) -> Tracker:
    """The one that is named. Raises `SecretMissing`, `CloudError`, `UsageError`."""
    assert settings.token is not None  # the settings see to it
    token = reveal(settings.token, "ticket.token")
    if settings.github is not None:
        return GitHub(settings.github, token, settings.labels, settings.url)
    if settings.gitlab is not None:
        return GitLab(settings.gitlab, token, settings.labels, settings.url)
    assert settings.jira is not None
    if settings.url is None:
        raise UsageError("use", "ticket.jira", "there is no public one", hint="give ticket.url, the site's")
    return Jira(settings.jira, token, settings.labels, settings.url, settings.user)
