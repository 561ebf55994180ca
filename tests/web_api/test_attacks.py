"""Attacks on the API that are none of a single guard's business."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from restoredrill import secret
from restoredrill.errors import VaultError
from restoredrill.history.database import DatabaseHistory
from restoredrill.model import Lease
from restoredrill.records import TaskState
from tests.web_api.worlds import DRILL, MACHINE, WAITING, ApiStand
from tests.web_safety.visitors import Visitor

PATHS = (
    "/api/session",
    "/api/openapi.json",
    "/api/databases",
    "/api/databases/shop",
    "/api/databases/shop/drills",
    f"/api/databases/shop/drills/{DRILL}",
    f"/api/databases/shop/drills/{DRILL}/events",
    "/api/databases/shop/backups",
    "/api/databases/shop/tasks",
    "/api/tasks",
    f"/api/tasks/{WAITING}",
    "/api/alarms",
    "/api/audit",
    "/api/leases",
)


@pytest.mark.parametrize("path", PATHS)
def test_a_stranger_reads_nothing(stand: ApiStand, reed: Visitor, path: str) -> None:
    assert reed.get(path).status_code == 200
    stranger = Visitor(stand.app).get(path)
    assert stranger.status_code == 401
    assert "shop" not in stranger.text.replace(path, "")
    assert reed.get(path, headers={"Host": "evil.example"}).status_code == 421


@pytest.mark.parametrize("path", PATHS)
def test_no_other_page_is_let_read_an_answer(reed: Visitor, path: str) -> None:
    for method in ("GET", "OPTIONS"):
        answer = reed.ask(method, path, headers={"Origin": "http://evil.example"})
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 60_000,
        b'{"keep_s": NaN}',
        b'{"keep_s": Infinity}',
        b'{"keep_s": 1e999}',
        b'{"keep_s": ' + b"9" * 5000 + b"}",
        b'{"backup": "\\ud800"}',
        b"\xff\xfe{}",
        b'{"asker": "root", "priority": 99}',
        b"",
        b"null",
    ],
)
def test_a_document_that_is_none_is_only_refused(
    anna: Visitor, history: DatabaseHistory, body: bytes
) -> None:
    before = history.tasks.open()
    token = anna.get("/api/session").json()["token"]
    headers = {"X-CSRF-Token": token, "Content-Type": "application/json"}
    answer = anna.post("/api/databases/shop/drills", content=body, headers=headers)
    assert answer.status_code == 422
    assert len(answer.content) < 3000
    assert history.tasks.open() == before


@pytest.mark.parametrize(
    "name", ["X-HTTP-Method-Override", "X-Method-Override", "X-Original-URL", "X-Rewrite-URL"]
)
def test_no_header_makes_another_request_of_one(reed: Visitor, stand: ApiStand, name: str) -> None:
    for value in ("POST", "DELETE", f"/api/leases/{MACHINE}/end"):
        assert reed.get(f"/api/leases/{MACHINE}/end", headers={name: value}).status_code == 405
    assert stand.world.machines.alive


def test_a_link_changes_nothing(anna: Visitor, stand: ApiStand, history: DatabaseHistory) -> None:
    before = history.tasks.open(), history.alarms.audited(), stand.world.machines.alive
    for path in ("databases/shop/backups", f"tasks/{WAITING}/cancel", f"leases/{MACHINE}/end"):
        for method in ("GET", "HEAD", "OPTIONS"):
            anna.ask(method, f"/api/{path}")
    assert (history.tasks.open(), history.alarms.audited(), stand.world.machines.alive) == before


def test_what_a_library_says_of_a_secret_is_not_told(reed: Visitor, stand: ApiStand) -> None:
    class Talking:
        def leases(self) -> Sequence[Lease]:
            raise VaultError("open", "s3://b", "key planted-s3cret is wrong", hint="see planted-s3cret")

    secret.remember("planted-s3cret")
    stand.world.machines = Talking()  # type: ignore[assignment]
    answer = reed.get("/api/leases")
    assert answer.status_code == 503
    assert "planted-s3cret" not in answer.text
    assert "[redacted]" in answer.json()["detail"]


def test_two_who_cancel_at_once_cancel_once(anna: Visitor, history: DatabaseHistory) -> None:
    token = anna.get("/api/session").json()["token"]
    others = [Visitor(anna.app) for _ in range(4)]
    for other in others:
        other.cookies = anna.cookies

    def cancel(who: Visitor) -> int:
        return who.post(f"/api/tasks/{WAITING}/cancel", headers={"X-CSRF-Token": token}).status_code

    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(cancel, others))
    assert statuses == [200, 409, 409, 409]
    task = history.tasks.get(WAITING)
    assert task is not None
    assert task.state is TaskState.CANCELLED


def test_what_others_named_is_data_and_no_page(anna: Visitor) -> None:
    answer = anna.get("/api/databases/%3Cscript%3Ealert(1)%3C/script%3E")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
