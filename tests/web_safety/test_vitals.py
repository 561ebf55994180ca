"""/healthz and /metrics."""

from datetime import timedelta
from pathlib import Path

import pytest
from starlette.applications import Starlette

from restoredrill.errors import HistoryError
from restoredrill.service_settings import WebSettings
from restoredrill.web.safety.guards import guards
from restoredrill.web.vitals import Health, Render, health, routes
from tests.web_safety.visitors import ANNA, Dashboard, Times, Visitor

NOW = Times().at
PLAIN = "text/plain; version=0.0.4; charset=utf-8"


def visitor(tmp_path: Path, age_s: float = 1.0, render: Render | None = None) -> Visitor:
    def look() -> Health:
        return health(True, NOW - timedelta(seconds=age_s), 5.0, NOW)

    entrance = Dashboard(WebSettings(users=(ANNA,)), tmp_path).entrance
    return Visitor(Starlette(routes=routes(look, render), middleware=list(guards(entrance))))


def test_a_service_that_ticks_is_well(tmp_path: Path) -> None:
    found = visitor(tmp_path).get("/healthz", headers={"Host": "whatever.a.balancer.says"})
    assert (found.status_code, found.json()) == (200, {"status": "ok", "role": "leader", "tick_age_s": 1.0})


def test_one_that_does_not_is_not(tmp_path: Path) -> None:
    found = visitor(tmp_path, age_s=121).get("/healthz")
    assert (found.status_code, found.json()["status"]) == (503, "stale")


@pytest.mark.parametrize(
    ("age_s", "ticks_s", "status"), [(119, 5, "ok"), (500, 60, "ok"), (721, 60, "stale")]
)
def test_slow_ticks_are_given_time(age_s: float, ticks_s: float, status: str) -> None:
    assert health(False, NOW - timedelta(seconds=age_s), ticks_s, NOW).status == status


def test_a_clock_that_was_set_back_is_no_harm() -> None:
    assert health(False, NOW + timedelta(hours=1), 5.0, NOW).tick_age_s == 0.0


def test_figures_come_as_they_were_asked_for(tmp_path: Path) -> None:
    asked: list[str] = []

    def render(accept: str) -> tuple[bytes, str]:
        asked.append(accept)
        return b"up 1\n", PLAIN

    found = visitor(tmp_path, render=render).get("/metrics", headers={"Accept": "text/plain"})
    assert (found.content, found.headers["content-type"], asked) == (b"up 1\n", PLAIN, ["text/plain"])


def test_figures_that_can_not_be_told_are_a_problem(tmp_path: Path) -> None:
    def render(_accept: str) -> tuple[bytes, str]:
        raise HistoryError("read", "drills", "the disk is gone", hint="look at it")

    assert visitor(tmp_path, render=render).get("/metrics").status_code == 503
    assert visitor(tmp_path).get("/metrics").status_code == 404
