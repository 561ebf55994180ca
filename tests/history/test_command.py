"""`restoredrill history …`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from restoredrill.cli import COMMANDS, frame
from restoredrill.history.opening import open_history
from restoredrill.model import Verdict
from restoredrill.vault.folder import FolderStore
from restoredrill.vault.journal import VaultJournal
from restoredrill.vault.layout import report_key
from tests.history.samples import a_drill
from tests.stories.samples import DRILL, report

FILE = "vault: {{url: 'file://{vault}'}}\ndrill: {{}}\n"


Asked = Callable[..., tuple[int, Any, str]]


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """Two databases with a drill each."""
    (tmp_path / "schedules").mkdir()
    for name in ("blog", "shop"):
        vault = tmp_path / "vaults" / name
        vault.mkdir(parents=True)
        (tmp_path / "schedules" / f"{name}.yaml").write_text(FILE.format(vault=vault))
        told = report(Verdict.PASSED, backup=DRILL).model_copy(update={"database": name})
        VaultJournal(FolderStore(vault)).save(told, {})
    return tmp_path


@pytest.fixture
def asked(host: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Asked:
    """Runs the command in this process, as starting one takes longer than all it does."""
    monkeypatch.chdir(host)
    monkeypatch.setenv("RESTOREDRILL_STATE", str(host / "state"))

    def ask(*words: str) -> tuple[int, Any, str]:
        code = frame.run(COMMANDS, "restoredrill.cli", ["history", *words, "--json"])
        out, err = capfd.readouterr()
        return code, json.loads(out), err

    return ask


def drilled(url: str) -> list[str]:
    with open_history(url) as history:
        return [row.database for row in history.proofs.drills()]


def test_what_is_new_is_taken_up_and_all_of_it_again(host: Path, asked: Asked) -> None:
    file = f"sqlite:///{host}/state/history.sqlite"
    code, document, _ = asked("sync")
    assert (code, [one["drills"] for one in document["databases"]]) == (0, [1, 1])
    assert drilled(file) == ["blog", "shop"]
    with open_history(file) as history:
        history.proofs.note_drills([a_drill(), a_drill(database="blog")])
    code, document, _ = asked("rebuild", "shop")
    assert (code, [one["database"] for one in document["databases"]]) == (0, ["shop"])
    assert sorted(drilled(file)) == ["blog", "blog", "shop"]


def test_the_history_that_the_service_has_is_the_one(host: Path, asked: Asked, postgres_url: str) -> None:
    (host / "schedules" / "_service.yaml").write_text(f"history: {{url: '{postgres_url}', keep: 36500d}}\n")
    assert asked("rebuild")[0] == 0
    assert drilled(postgres_url) == ["blog", "shop"]
    code, document, _ = asked("prune")
    assert (code, document) == (0, {"drills": 0, "tasks": 0, "notices": 0, "audit": 0})
    assert not (host / "state").exists()
    (host / "schedules" / "_service.yaml").write_text(f"history: {{url: '{postgres_url}', keep: 1s}}\n")
    assert asked("prune")[1]["drills"] == 2


def test_what_can_not_be_read_is_said_and_stops_nothing_else(host: Path, asked: Asked) -> None:
    FolderStore(host / "vaults" / "blog").put(report_key(DRILL), [b"{"])
    code, document, err = asked("rebuild")
    assert (code, [one["drills"] for one in document["databases"]]) == (3, [0, 1])
    assert "blog: can't be read" in err
    blog = host / "vaults" / "blog"
    blog.rename(host / "elsewhere")
    blog.symlink_to(blog)
    code, document, err = asked("rebuild")
    assert (code, [one["database"] for one in document["databases"]]) == (3, ["shop"])
    assert "blog: left as it was" in err


def test_a_history_that_does_not_answer_is_said(host: Path, asked: Asked) -> None:
    (host / "state").mkdir()
    (host / "state" / "history.sqlite").write_bytes(b"notes" * 1000)
    code, document, _ = asked("sync")
    assert code == 3
    assert document["error"]["reason"] == "the file is no SQLite database"
