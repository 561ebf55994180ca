"""Trackers on loopback that keep issues as each API does: paths, who may ask, and the shapes of answers."""

import base64
import re
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import unquote

from restoredrill.messages.github import GitHub
from restoredrill.messages.gitlab import GitLab
from restoredrill.messages.jira import Jira
from restoredrill.messages.ticket import Tracker
from restoredrill.secret import Secret
from tests.messages.listening import Answer, Request

TOKEN = "t0ken-of-the-tracker"
PAGE = 100


@dataclass
class Issue:
    number: int
    title: str
    body: str
    labels: list[str]
    comments: list[str] = field(default_factory=list)
    open: bool = True
    is_pull_request: bool = False


class Side(Protocol):
    """The other side, as a test sees it."""

    issues: list[Issue]

    def __call__(self, request: Request) -> Answer: ...

    def tracker(self, url: str, token: str = TOKEN) -> Tracker: ...


def page_of(found: list[Any], request: Request, url: str) -> Answer:
    number, size = int(request.query.get("page", 1)), int(request.query.get("per_page", 30))
    part = found[(number - 1) * size : number * size]
    more = {"Link": f'<{url}?page={number + 1}>; rel="next"'} if number * size < len(found) else {}
    return Answer(200, part, more)


class GitHubSide:
    """https://docs.github.com/en/rest/issues. Labels are dropped without a word, as if the token may not."""

    def __init__(self) -> None:
        self.issues: list[Issue] = []

    def tracker(self, url: str, token: str = TOKEN) -> Tracker:
        return GitHub("acme/ops", Secret(token), ("restoredrill",), url)

    def __call__(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return Answer(401, {"message": "Bad credentials"})
        assert request.headers["accept"] == "application/vnd.github+json"
        assert request.headers["user-agent"].startswith("restoredrill/")
        found = re.fullmatch(r"/repos/acme/ops/issues(?:/(\d+)(/comments)?)?", request.path)
        if found is None:
            return Answer(404, {"message": "Not Found"})
        if found[1] is None:
            return self._list(request) if request.method == "GET" else self._create(request)
        issue = self.issues[int(found[1]) - 1]
        if found[2]:
            issue.comments.append(request.json["body"])
            return Answer(201, {"id": 1})
        assert request.method == "PATCH"
        assert request.json == {"state": "closed", "state_reason": "completed"}
        issue.open = False
        return Answer(200, self._shown(issue))

    def _list(self, request: Request) -> Answer:
        assert request.query["state"] == "open"
        found = [self._shown(issue) for issue in reversed(self.issues) if issue.open]
        return page_of(found, request, "https://api.github.com/repositories/1/issues")

    def _create(self, request: Request) -> Answer:
        made = Issue(len(self.issues) + 1, request.json["title"], request.json["body"], [])
        self.issues.append(made)
        return Answer(201, self._shown(made))

    def _shown(self, issue: Issue) -> dict[str, Any]:
        state = "open" if issue.open else "closed"
        shown = {"number": issue.number, "title": issue.title, "body": issue.body, "state": state}
        return shown | ({"pull_request": {}} if issue.is_pull_request else {})


class GitLabSide:
    """https://docs.gitlab.com/api/issues/"""

    def __init__(self) -> None:
        self.issues: list[Issue] = []

    def tracker(self, url: str, token: str = TOKEN) -> Tracker:
        return GitLab("acme/infra/ops", Secret(token), ("restoredrill", "backup"), url)

    def __call__(self, request: Request) -> Answer:
        if request.headers.get("private-token") != TOKEN:
            return Answer(401, {"message": "401 Unauthorized"})
        found = re.fullmatch(r"/api/v4/projects/([^/]+)/issues(?:/(\d+)(/notes)?)?", request.path)
        if found is None or unquote(found[1]) != "acme/infra/ops":
            return Answer(404, {"message": "404 Project Not Found"})
        if found[2] is None:
            return self._list(request) if request.method == "GET" else self._create(request)
        issue = self.issues[int(found[2]) - 1]
        if found[3]:
            issue.comments.append(request.json["body"])
            return Answer(201, {"id": 1})
        assert request.method == "PUT"
        assert request.json == {"state_event": "close"}
        issue.open = False
        return Answer(200, self._shown(issue))

    def _list(self, request: Request) -> Answer:
        assert request.query["state"] == "opened"
        found = [self._shown(issue) for issue in reversed(self.issues) if issue.open]
        return page_of(found, request, "https://gitlab.example.org/api/v4/projects/1/issues")

    def _create(self, request: Request) -> Answer:
        sent = request.json
        made = Issue(len(self.issues) + 1, sent["title"], sent["description"], sent["labels"].split(","))
        self.issues.append(made)
        return Answer(201, self._shown(made))

    def _shown(self, issue: Issue) -> dict[str, Any]:
        state = "opened" if issue.open else "closed"
        shown = {"id": 1000 + issue.number, "iid": issue.number, "title": issue.title}
        return shown | {"description": issue.body or None, "state": state, "labels": issue.labels}


class JiraSide:
    """https://developer.atlassian.com/cloud/jira/platform/rest/v2/; without `user` a Data Center."""

    def __init__(self, user: str | None) -> None:
        self.issues: list[Issue] = []
        self.types = [("10", "Sub-task", True), ("11", "Epic", False), ("12", "Task", False)]
        self.transitions = [("21", "indeterminate"), ("31", "done"), ("41", "done")]
        self._user = user
        self._search = "/rest/api/2/search/jql" if user else "/rest/api/2/search"

    def tracker(self, url: str, token: str = TOKEN) -> Tracker:
        return Jira("OPS", Secret(token), ("restoredrill", "of backups"), url, self._user)

    def __call__(self, request: Request) -> Answer:
        if request.headers.get("authorization") != self._authorization():
            return Answer(401, {"errorMessages": ["You are not authenticated"], "errors": {}})
        if request.path == self._search:
            return self._find(request)
        if request.path == "/rest/api/2/project/OPS":
            kinds = [{"id": kind, "name": name, "subtask": sub} for kind, name, sub in self.types]
            return Answer(200, {"key": "OPS", "issueTypes": kinds})
        if request.path == "/rest/api/2/issue":
            return self._create(request)
        found = re.fullmatch(r"/rest/api/2/issue/OPS-(\d+)/(comment|transitions)", request.path)
        if found is None:
            return Answer(404, {"errorMessages": ["No such thing"], "errors": {}})
        issue = self.issues[int(found[1]) - 1]
        if found[2] == "comment":
            issue.comments.append(request.json["body"])
            return Answer(201, {"id": "1"})
        return self._shown_transitions() if request.method == "GET" else self._transition(issue, request)

    def _authorization(self) -> str:
        basic = base64.b64encode(f"{self._user}:{TOKEN}".encode()).decode()
        return f"Basic {basic}" if self._user else f"Bearer {TOKEN}"

    def _find(self, request: Request) -> Answer:
        asked = re.fullmatch(
            r'project = "OPS" AND labels = "([^" ]+)" AND statusCategory != Done', request.json["jql"]
        )
        assert asked is not None
        found = [issue for issue in self.issues if issue.open and asked[1] in issue.labels]
        assert request.json["fields"] == ["description"]
        shown = [{"key": f"OPS-{issue.number}", "fields": {"description": issue.body}} for issue in found]
        return Answer(200, {"issues": shown[: request.json["maxResults"]]})

    def _create(self, request: Request) -> Answer:
        sent = request.json["fields"]
        assert sent["project"] == {"key": "OPS"}
        ok = sent["issuetype"]["id"] in [kind for kind, _, sub in self.types if not sub]
        if not ok or any(" " in label for label in sent["labels"]) or len(sent["summary"]) > 255:
            return Answer(400, {"errorMessages": [], "errors": {"labels": "The label contains spaces"}})
        self.issues.append(Issue(len(self.issues) + 1, sent["summary"], sent["description"], sent["labels"]))
        return Answer(201, {"id": "1", "key": f"OPS-{len(self.issues)}"})

    def _shown_transitions(self) -> Answer:
        shown = [{"id": way, "to": {"statusCategory": {"key": key}}} for way, key in self.transitions]
        return Answer(200, {"transitions": shown})

    def _transition(self, issue: Issue, request: Request) -> Answer:
        issue.open = dict(self.transitions)[request.json["transition"]["id"]] != "done"
        return Answer(204)
