"""The queue by hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.programs import REAL, run

FILE = "vault: {{url: 'file://{vault}'}}\ndrill: {{}}\n"


@pytest.fixture
def host(tmp_path: Path) -> Path:
    (tmp_path / "schedules").mkdir()
    (tmp_path / "vault").mkdir()
    (tmp_path / "schedules" / "shop.yaml").write_text(FILE.format(vault=tmp_path / "vault"))
    return tmp_path


def asked(host: Path, *words: str) -> tuple[int, Any]:
    done = run(REAL, "queue", *words, "--json", cwd=host)
    return done.returncode, json.loads(done.stdout)


def test_what_is_asked_for_waits_and_can_be_taken_back_once(host: Path) -> None:
    assert asked(host, "list") == (0, {"open": [], "past": []})
    code, task = asked(host, "add", "shop", "drill")
    assert (code, task["state"], task["asked_by"], task["priority"]) == (0, "waiting", "person", 10)
    assert [one["id"] for one in asked(host, "list")[1]["open"]] == [task["id"]]
    code, cancelled = asked(host, "cancel", task["id"], "--reason", "wrong database")
    assert code == 0
    assert cancelled["reason"].endswith("wrong database")
    kept = json.loads((host / "vault" / "tasks" / f"{task['id']}.json").read_text())
    assert kept == cancelled, "and that stays for ever"
    code, answer = asked(host, "cancel", task["id"], "--reason", "again")
    assert (code, answer["error"]["reason"]) == (2, "it does not wait any more")
    listed = asked(host, "list")[1]
    assert (listed["open"], [one["state"] for one in listed["past"]]) == ([], ["cancelled"])


def test_what_no_file_has_is_not_queued(host: Path) -> None:
    code, answer = asked(host, "add", "shop", "backup")
    assert (code, answer["error"]["reason"]) == (2, "its file has no backup section")
    assert asked(host, "add", "shep", "drill")[0] == 2
    assert asked(host, "cancel", "20260923T031500Z-7f3a", "--reason", "x")[0] == 2
    assert asked(host, "list")[1]["open"] == []


def test_people_read_a_table(host: Path) -> None:
    assert "is `restoredrill serve` at work?" in run(REAL, "queue", "list", cwd=host).stdout
    asked(host, "add", "shop", "drill")
    shown = run(REAL, "queue", "list", cwd=host).stdout
    assert "drill shop" in shown
    assert "asked for by" in shown
