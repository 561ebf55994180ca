"""Tickets at gitlab.com, or at a GitLab of one's own (`url: https://gitlab.example.org`).

https://docs.gitlab.com/api/issues/ and https://docs.gitlab.com/api/notes/. Open issues are listed and not
searched for: how its search takes a marker apart depends on the version.
"""

from urllib.parse import quote

from restoredrill.messages.api import Api
from restoredrill.messages.ticket import News, Ticket, markdown, marked, marker
from restoredrill.secret import Secret

URL = "https://gitlab.com"


class GitLab:
    """See `ticket.Tracker`. `project` is `group/name`; the token needs the scope `api`."""

    def __init__(self, project: str, token: Secret, labels: tuple[str, ...], url: str | None = None) -> None:
        self._issues = f"/api/v4/projects/{quote(project, safe='')}/issues"
        self._labels = ",".join(labels)
        self._api = Api(f"gitlab {project}", url or URL, {"PRIVATE-TOKEN": token.reveal()})

    def find(self, database: str) -> tuple[Ticket, ...]:
        found = self._api.pages(self._issues, {"state": "opened", "scope": "all"})
        tickets = (marked(str(issue["iid"]), issue.get("description"), database) for issue in found)
        return tuple(ticket for ticket in tickets if ticket is not None)

    def open(self, news: News) -> None:
        text = f"{markdown(news)}\n\n{marker(news.database, news.rule)}"
        document = {"title": news.title, "description": text, "labels": self._labels}
        self._api.ask("POST", self._issues, json=document)

    def comment(self, ticket: Ticket, news: News) -> None:
        self._api.ask("POST", f"{self._issues}/{ticket.id}/notes", json={"body": markdown(news)})

    def close(self, ticket: Ticket, news: News) -> None:
        self.comment(ticket, news)
        self._api.ask("PUT", f"{self._issues}/{ticket.id}", json={"state_event": "close"})
