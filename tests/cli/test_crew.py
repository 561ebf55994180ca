"""What becomes of a task that another host's process worked on, by what the vault says of it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from restoredrill.cli.serving.crew import Crew
from restoredrill.cli.serving.places import Vaults
from restoredrill.configuration import Configuration
from restoredrill.machines.children import Children
from restoredrill.model import Verdict
from restoredrill.records import Kind, Task, TaskState
from restoredrill.vault.folder import FolderStore
from restoredrill.vault.journal import VaultJournal
from tests.stories.samples import DRILL, manifest, report

FILE = "vault: {{url: 'file://{vault}'}}\nsource: {{url: '${{SHOP}}'}}\nbackup: {{}}\ndrill: {{}}\n"


@pytest.fixture
def vault(tmp_path: Path) -> FolderStore:
    (tmp_path / "schedules").mkdir()
    (tmp_path / "vault").mkdir()
    (tmp_path / "schedules" / "shop.yaml").write_text(FILE.format(vault=tmp_path / "vault"))
    return FolderStore(tmp_path / "vault")


@pytest.fixture
def crew(tmp_path: Path, vault: FolderStore, monkeypatch: pytest.MonkeyPatch) -> Crew:
    monkeypatch.setenv("RESTOREDRILL_MACHINES", str(tmp_path / "machines"))
    schedules = tmp_path / "schedules"
    vaults = Vaults(Configuration(schedules))
    return Crew(Children(tmp_path / "locks", {}), vaults, schedules, "here", lambda event, **facts: None)


def running(kind: Kind = "drill", **changed: Any) -> Task:
    """Begun by a host that is gone a moment ago: its time is not over for hours."""
    now = datetime.now(UTC)
    known: dict[str, Any] = {"started_at": now, "host": "elsewhere", **changed}
    return Task(
        id=DRILL,
        database="shop",
        kind=kind,
        due_at=now,
        not_before=now,
        machine="local",
        state=TaskState.RUNNING,
        **known,
    )


def test_a_report_that_is_there_is_waited_for_no_longer(crew: Crew, vault: FolderStore) -> None:
    VaultJournal(vault).save(report(Verdict.FAILED).model_copy(update={"database": "shop"}), {})
    found = crew.take_up(running())
    assert found is not None
    assert found.outcome == "failed"


def test_a_backup_that_exists_is_waited_for_no_longer(crew: Crew, vault: FolderStore) -> None:
    made = manifest(DRILL, datetime(2026, 9, 23, tzinfo=UTC))
    vault.put(f"backups/{DRILL}/manifest.json", [made.model_dump_json(by_alias=True).encode()])
    found = crew.take_up(running("backup"))
    assert found is not None
    assert (found.outcome, found.reason) == ("taken", f"backup {DRILL}")


@pytest.mark.parametrize("kind", ["backup", "drill"])
def test_what_never_began_is_told_as_that_once_its_time_is_over(crew: Crew, kind: Kind) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=9)
    assert crew.take_up(running(kind, started_at=long_ago)) is None
    assert crew.take_up(running(kind, host="here")) is None, "and at once, where it was here"


def test_half_a_backup_is_discarded_and_told(crew: Crew, vault: FolderStore) -> None:
    vault.put(f"backups/{DRILL}/data/toc.dat", [b"PGDMP"])
    found = crew.take_up(running("backup", host="here"))
    assert found is not None
    assert found.outcome == "interrupted"
    assert list(vault.list(f"backups/{DRILL}/")) == []
