"""Tickets at GitHub, or at a GitHub Enterprise Server (`url: https://github.example.org/api/v3`).

https://docs.github.com/en/rest/issues/issues and .../issues/comments. Open issues are listed and not searched
for: the search is behind by minutes, and a label is dropped without a word where the token may not set it.
"""

from restoredrill.messages.api import Api
from restoredrill.messages.ticket import News, Ticket, markdown, marked, marker
from restoredrill.secret import Secret

URL = "https://api.github.com"


class GitHub:
    """See `ticket.Tracker`. `repository` is `owner/name`; the token needs to read and write issues."""

    def __init__(
        self, repository: str, token: Secret, labels: tuple[str, ...], url: str | None = None
    ) -> None:
        self._issues = f"/repos/{repository}/issues"
        self._labels = list(labels)
        headers = {
            "Authorization": f"Bearer {token.reveal()}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        self._api = Api(f"github {repository}", url or URL, headers)

    def find(self, database: str) -> tuple[Ticket, ...]:
        found = self._api.pages(self._issues, {"state": "open"})
        issues = (issue for issue in found if "pull_request" not in issue)
        tickets = (marked(str(issue["number"]), issue.get("body"), database) for issue in issues)
        return tuple(ticket for ticket in tickets if ticket is not None)

    def open(self, news: News) -> None:
        body = f"{markdown(news)}\n\n{marker(news.database, news.rule)}"
        self._api.ask("POST", self._issues, json={"title": news.title, "body": body, "labels": self._labels})

    def comment(self, ticket: Ticket, news: News) -> None:
        self._api.ask("POST", f"{self._issues}/{ticket.id}/comments", json={"body": markdown(news)})

    def close(self, ticket: Ticket, news: News) -> None:
        self.comment(ticket, news)
        done = {"state": "closed", "state_reason": "completed"}
        self._api.ask("PATCH", f"{self._issues}/{ticket.id}", json=done)
