"""Tickets in Jira: Cloud, where there is a `user` (basic authentication with an API token), or else a Data
Center with a personal access token.

https://developer.atlassian.com/cloud/jira/platform/rest/v2/ (`/issue`, `/issue/{key}/comment`,
`/issue/{key}/transitions`, `/search/jql`; Data Center still has `/search`). Version 2: its texts are plain.
Jira can be asked for a label exactly, and for a text only roughly: so a ticket bears a label of its database,
`restoredrill:shop`, beside the marker. Its search may be behind by seconds.
"""

import base64
from typing import Any

from restoredrill.errors import NotDelivered
from restoredrill.messages.api import Api
from restoredrill.messages.ticket import News, Ticket, marked, marker
from restoredrill.secret import Secret

ISSUE_TYPES = ("Bug", "Task")  # of these, the first that the project has
_AT_MOST = 100  # open tickets of one database: more than it has rules


class Jira:
    """See `ticket.Tracker`. `project` is a key, such as OPS; `url` the site's, without a path."""

    def __init__(
        self, project: str, token: Secret, labels: tuple[str, ...], url: str, user: str | None = None
    ) -> None:
        self._project = project
        self._labels = [label.replace(" ", "-") for label in labels]  # Jira's hold no spaces
        self._search = "/rest/api/2/search" if user is None else "/rest/api/2/search/jql"
        self._api = Api(f"jira {project}", url, {"Authorization": _authorization(user, token)})

    def find(self, database: str) -> tuple[Ticket, ...]:
        jql = f'project = "{self._project}" AND labels = "{_label(database)}" AND statusCategory != Done'
        query = {"jql": jql, "fields": ["description"], "maxResults": _AT_MOST}
        found = self._api.ask("POST", self._search, json=query)
        issues = found.get("issues") if isinstance(found, dict) else None
        if not isinstance(issues, list):
            raise NotDelivered("search", f"jira {self._project}", "answered with no issues", hint="see `url`")
        tickets = (marked(issue["key"], issue["fields"].get("description"), database) for issue in issues)
        return tuple(ticket for ticket in tickets if ticket is not None)

    def open(self, news: News) -> None:
        fields = {
            "project": {"key": self._project},
            "issuetype": {"id": self._issue_type()},
            "summary": news.title,
            "description": f"{_text(news)}\n\n{marker(news.database, news.rule)}",
            "labels": [*self._labels, _label(news.database)],
        }
        self._api.ask("POST", "/rest/api/2/issue", json={"fields": fields})

    def comment(self, ticket: Ticket, news: News) -> None:
        self._api.ask("POST", f"/rest/api/2/issue/{ticket.id}/comment", json={"body": _text(news)})

    def close(self, ticket: Ticket, news: News) -> None:
        self.comment(ticket, news)
        path = f"/rest/api/2/issue/{ticket.id}/transitions"
        found = self._api.ask("GET", path)["transitions"]
        ends = [one["id"] for one in found if one["to"]["statusCategory"]["key"] == "done"]
        if not ends:
            hint = "give the project's workflow a transition to done that needs no field"
            raise NotDelivered("close", ticket.id, "no transition leads to a status that is done", hint=hint)
        self._api.ask("POST", path, json={"transition": {"id": ends[0]}})

    def _issue_type(self) -> str:
        """A project's own: which there are differs, and so do their names."""
        found: list[Any] = self._api.ask("GET", f"/rest/api/2/project/{self._project}")["issueTypes"]
        kinds = [kind for kind in found if not kind.get("subtask")]
        named = {kind["name"]: kind for kind in reversed(kinds)}
        chosen = next((named[name] for name in ISSUE_TYPES if name in named), kinds[0] if kinds else None)
        if chosen is None:
            raise NotDelivered("open", f"jira {self._project}", "the project has no type of issue")
        return str(chosen["id"])


def _authorization(user: str | None, token: Secret) -> str:
    if user is None:
        return f"Bearer {token.reveal()}"
    return "Basic " + base64.b64encode(f"{user}:{token.reveal()}".encode()).decode()


def _label(database: str) -> str:
    return f"restoredrill:{database}"


def _text(news: News) -> str:
    """Jira's own fence: what stands in it is no markup."""
    fenced = "{noformat}\n" + news.text.replace("{noformat}", "{ noformat }") + "\n{noformat}"
    return f"{fenced}\n{news.link}" if news.link else fenced
