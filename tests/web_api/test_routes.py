"""What the API tells and does, each with one that it refuses."""

from typing import Any

import pytest

from restoredrill.history.database import DatabaseHistory
from restoredrill.records import ON_DEMAND, TaskState
from restoredrill.vault.folder import FolderStore
from restoredrill.vault.tasks import VaultTasks
from tests.history.samples import an_id
from tests.web_api.worlds import BACKUP, DATABASES, DRILL, MACHINE, RUNNING, WAITING, ApiStand
from tests.web_safety.visitors import Visitor


def asked(visitor: Visitor, path: str) -> Any:
    answer = visitor.get(f"/api{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json"), answer.text
    return answer.json()


def told(visitor: Visitor, path: str, document: Any = None) -> tuple[int, Any]:
    token = asked(visitor, "/session")["token"]
    more = {} if document is None else {"json": document}
    answer = visitor.post(f"/api{path}", headers={"X-CSRF-Token": token}, **more)
    return answer.status_code, answer.json() if answer.content else None


def test_it_says_who_asks(anna: Visitor, reed: Visitor) -> None:
    assert asked(anna, "/session") | {"token": ""} == {"user": "anna", "role": "run", "token": ""}
    assert asked(reed, "/session")["role"] == "read"


def test_it_says_where_every_database_stands(reed: Visitor) -> None:
    found = asked(reed, "/databases")
    assert [one["database"] for one in found["items"]] == sorted(DATABASES)
    blog, empty, shop = found["items"]
    assert (shop["proven"], blog["proven"], empty["proven"]) == (True, False, False)
    assert (shop["backups"], shop["verified"]) == (7, 7)
    assert (empty["last_drill"], empty["proof_age_s"]) == (None, None)
    assert asked(reed, "/databases/shop") == shop


def test_lists_come_in_pages_that_hold_everything_once(reed: Visitor) -> None:
    def walked(path: str, key: str) -> list[str]:
        pages = [asked(reed, f"{path}?limit=2")]
        while pages[-1]["next"] is not None:
            pages.append(asked(reed, f"{path}?limit=2&cursor={pages[-1]['next']}"))
        return [one[key] for page in pages for one in page["items"]]

    assert walked("/databases", "database") == sorted(DATABASES)
    assert walked("/databases/shop/drills", "drill") == [an_id(-hours) for hours in range(1, 8)]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=x", "limit=1&limit=2", "cursor=", "cursor=%C3%A4", "cursor=_w", "a=b"],
)
def test_a_page_that_nobody_can_mean_is_refused(reed: Visitor, query: str) -> None:
    answer = reed.get(f"/api/databases?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


def test_it_tells_what_lies_in_the_vault(reed: Visitor) -> None:
    report = asked(reed, f"/databases/shop/drills/{DRILL}")
    assert (report["schema"], report["drill"], report["verdict"]) == (
        "restoredrill.report/1",
        DRILL,
        "passed",
    )
    events = asked(reed, f"/databases/shop/drills/{DRILL}/events")
    assert [one["phase"] for one in events["items"]] == ["restore"]


def test_it_tells_the_rest(reed: Visitor) -> None:
    assert len(asked(reed, "/databases/shop/backups")["items"]) == 7
    tasks = asked(reed, "/databases/shop/tasks")["items"]
    assert {one["state"] for one in tasks} == {"waiting", "running", "skipped"}
    assert [one["id"] for one in asked(reed, "/tasks")["items"]] == [WAITING, RUNNING]
    assert asked(reed, f"/tasks/{WAITING}")["schema"] == "restoredrill.task/1"
    assert [one["key"] for one in asked(reed, "/alarms")["items"]] == ["no_pass:shop"]
    assert [one["machine"] for one in asked(reed, "/leases")["items"]] == [MACHINE]
    assert [one["what"] for one in asked(reed, "/audit")["items"]] == ["sign in"]


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/databases/none",
        "/databases/none/drills",
        f"/databases/shop/drills/{an_id(5)}",
        f"/databases/shop/drills/{an_id(5)}/events",
        f"/databases/blog/drills/{DRILL}",  # another database's
        "/databases/shop/drills/..%2f..%2fsecret",
        f"/databases/shop/drills/{DRILL}%0a",
        "/databases/shop/drills/latest",
        "/databases/%2e%2e",
        f"/tasks/{an_id(5)}",
        "/tasks/x",
    ],
)
def test_what_is_not_there_is_a_problem_that_says_what_next(reed: Visitor, path: str) -> None:
    answer = reed.get(f"/api{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    problem = answer.json()
    assert (problem["status"], problem["type"]) == (404, "about:blank")
    assert problem["title"]


def test_a_drill_is_queued_for_whoever_asks(anna: Visitor, history: DatabaseHistory) -> None:
    status, task = told(anna, "/databases/shop/drills", {"backup": BACKUP, "machine": "local", "keep_s": 60})
    assert status == 202
    queued = history.tasks.get(task["id"])
    assert queued is not None
    assert (queued.asked_by, queued.asker, queued.priority) == ("person", "anna", ON_DEMAND)
    assert (queued.kind, queued.pick, queued.machine, queued.keep_s) == ("drill", BACKUP, "local", 60)
    entry = history.alarms.audited()[0]
    assert (entry.who, entry.what, entry.database) == ("anna", "run drill", "shop")
    assert entry.detail == f"{task['id']}; {BACKUP}; on local; from 127.0.0.1"


def test_a_backup_is_queued(anna: Visitor, history: DatabaseHistory) -> None:
    status, task = told(anna, "/databases/shop/backups")
    assert (status, task["kind"], task["state"]) == (202, "backup", "waiting")
    assert history.tasks.get(task["id"]) is not None


@pytest.mark.parametrize(
    "document",
    [
        {"backup": "latest"},
        {"backup": f"{BACKUP}\n"},
        {"machine": "mainframe"},
        {"keep_s": "60"},
        {"keep_s": -1},
        {"keep_s": 1e9},
        {"kep_s": 60},
        [],
        "x",
    ],
)
def test_what_no_drill_can_be_is_refused(anna: Visitor, history: DatabaseHistory, document: Any) -> None:
    before = history.tasks.open()
    status, problem = told(anna, "/databases/shop/drills", document)
    assert status == 422
    assert problem["hint"] == "/api/openapi.json describes it"
    assert history.tasks.open() == before


def test_what_can_not_be_done_is_said(anna: Visitor, stand: ApiStand) -> None:
    status, problem = told(anna, "/databases/shop/drills", {"backup": an_id(9)})
    assert (status, problem["title"]) == (404, "There is no such backup")
    status, problem = told(anna, "/databases/empty/drills", {})
    assert (status, problem["hint"]) == (409, "add `drill` to it")
    stand.world.machines.away = True
    answer = anna.get("/api/leases")
    assert (answer.status_code, answer.json()["detail"]) == (503, "look at eu-central-1: no answer")


def test_what_waits_can_be_cancelled_and_what_runs_not(
    anna: Visitor, stand: ApiStand, history: DatabaseHistory
) -> None:
    status, task = told(anna, f"/tasks/{WAITING}/cancel")
    assert (status, task["state"], task["reason"]) == (200, "cancelled", "cancelled by anna")
    stored = history.tasks.get(WAITING)
    assert stored is not None
    assert stored.state is TaskState.CANCELLED
    vault = FolderStore(stand.world._root / "shop")
    assert VaultTasks(vault).get(WAITING) == stored
    for other in (WAITING, RUNNING):
        status, problem = told(anna, f"/tasks/{other}/cancel")
        assert status == 409
        assert problem["title"] == "Only what waits can be cancelled"


def test_a_lease_is_extended_and_ended(anna: Visitor, stand: ApiStand, history: DatabaseHistory) -> None:
    until = "2026-09-24T12:00:00Z"
    status, lease = told(anna, f"/leases/{MACHINE}/extend", {"expires_at": until})
    assert (status, lease["expires_at"]) == (200, until)
    assert stand.world.machines.alive[0].expires_at.isoformat() == "2026-09-24T12:00:00+00:00"
    assert told(anna, f"/leases/{MACHINE}/end") == (204, None)
    assert stand.world.machines.alive == ()
    assert [one.what for one in history.alarms.audited()[:2]] == ["end machine", "extend lease"]
    assert told(anna, f"/leases/{MACHINE}/end")[0] == 404


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        ("2026-09-23T11:59:59Z", 409),
        ("2026-09-30T12:00:01Z", 409),
        ("2026-09-24T12:00:00", 422),
        ("soon", 422),
        (1e12, 422),
        (None, 422),
    ],
)
def test_no_lease_is_for_ever_or_over_already(
    anna: Visitor, stand: ApiStand, until: object, expected: int
) -> None:
    before = stand.world.machines.alive
    assert told(anna, f"/leases/{MACHINE}/extend", {"expires_at": until})[0] == expected
    assert stand.world.machines.alive == before


@pytest.mark.parametrize(
    "path",
    [
        "/databases/shop/drills",
        "/databases/shop/backups",
        f"/tasks/{WAITING}/cancel",
        f"/leases/{MACHINE}/extend",
        f"/leases/{MACHINE}/end",
    ],
)
def test_who_may_only_read_does_nothing(reed: Visitor, history: DatabaseHistory, path: str) -> None:
    before = history.tasks.open()
    assert told(reed, path)[0] == 403
    assert reed.get(f"/api{path}").status_code in (200, 405)
    assert history.tasks.open() == before


def test_nothing_is_done_that_can_not_be_written_down(anna: Visitor, stand: ApiStand) -> None:
    token = asked(anna, "/session")["token"]
    stand.world._history._access.engine.dispose()
    path = stand.world._root.parent / "state" / "history.sqlite"
    path.unlink()
    path.mkdir()
    answer = anna.post(f"/api/leases/{MACHINE}/end", headers={"X-CSRF-Token": token})
    assert answer.status_code == 503
    assert stand.world.machines.alive
