"""`status`, `report` and `backups`: what a vault tells of the past, and what is said if it tells nothing."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from restoredrill.model import Verdict
from restoredrill.vault.folder import FolderStore
from restoredrill.vault.journal import VaultJournal
from tests.cli.programs import REAL, run
from tests.stories.samples import DRILL, manifest, report

FILE = "vault: {{url: 'file://{vault}'}}\ndrill: {{}}\n"
BACKUP = "20260923T021500Z-0001"


@pytest.fixture
def host(tmp_path: Path) -> Path:
    (tmp_path / "schedules").mkdir()
    protect(tmp_path, "shop")
    return tmp_path


def protect(host: Path, name: str, verdict: Verdict | None = None) -> None:
    """A database with a vault, maybe with a drill in it."""
    vault = host / "vaults" / name
    vault.mkdir(parents=True)
    (host / "schedules" / f"{name}.yaml").write_text(FILE.format(vault=vault))
    if verdict is not None:
        told = report(verdict, backup=BACKUP).model_copy(update={"database": name})
        VaultJournal(FolderStore(vault)).save(told, {})


def lose(host: Path, name: str) -> None:
    """The vault of this database can't be read."""
    vault = host / "vaults" / name
    vault.rmdir()
    vault.symlink_to(vault)


def asked(host: Path, *words: str) -> tuple[int, Any, str]:
    done = run(REAL, *words, "--json", cwd=host)
    return done.returncode, json.loads(done.stdout), done.stderr


def test_status_is_good_only_if_the_last_drill_that_found_out_passed(host: Path) -> None:
    assert asked(host, "status", "shop")[0] == 1, "never drilled"
    protect(host, "blog", Verdict.PASSED)
    assert asked(host, "status", "blog")[0] == 0
    protect(host, "store", Verdict.FAILED)
    code, document, _ = asked(host, "status")
    assert code == 1
    assert {one["database"]: one["proven"] for one in document["databases"]} == {
        "blog": True,
        "shop": False,
        "store": False,
    }


def test_a_vault_that_does_not_answer_is_said_and_is_no_failure(host: Path) -> None:
    """Exit status 3: could not find out."""
    protect(host, "blog", Verdict.PASSED)
    lose(host, "shop")
    code, document, err = asked(host, "status")
    assert code == 3
    assert [one["database"] for one in document["databases"] if one["problem"]] == ["shop"]
    assert "shop: nothing is known" in err


def test_a_report_is_shown_by_its_id_or_as_the_latest(host: Path) -> None:
    protect(host, "blog", Verdict.FAILED)
    for words in (DRILL, "latest"):
        code, document, _ = asked(host, "report", "blog", words)
        assert (code, document["drill"], document["verdict"]) == (0, DRILL, "failed")


@pytest.mark.parametrize("words", ["latest", "last", "20260923T031500Z-0000"])
def test_a_report_that_is_not_there_is_a_matter_of_usage(host: Path, words: str) -> None:
    code, document, _ = asked(host, "report", "shop", words)
    assert code == 2
    assert "restoredrill report shop" in document["error"]["hint"]


def test_backups_are_those_of_this_database(host: Path) -> None:
    store = FolderStore(host / "vaults" / "shop")
    for number, database in enumerate(("shop", "blog"), 1):
        made = manifest(f"20260923T021500Z-000{number}", datetime(2026, 9, 23, tzinfo=UTC))
        made = made.model_copy(update={"database": database})
        store.put(f"backups/{made.id}/manifest.json", [made.model_dump_json(by_alias=True).encode()])
    _, document, _ = asked(host, "backups", "shop")
    assert [backup["id"] for backup in document["backups"]] == [BACKUP]


def test_a_form_that_could_not_be_written_is_said_before_the_drill(host: Path) -> None:
    code, document, _ = asked(host, "drill", "shop", "--html", str(host / "nowhere" / "page.html"))
    assert code == 2
    assert "no such directory" in document["error"]["reason"]
    assert not (host / "vaults" / "shop" / "drills").exists()


def plugin(host: Path, *words: str) -> tuple[int, str]:
    done = run(REAL, "status", "--nagios", *words, cwd=host)
    return done.returncode, done.stdout.strip()


def test_a_monitoring_plugin_says_one_line(host: Path) -> None:
    protect(host, "blog", Verdict.PASSED)
    code, line = plugin(host, "blog")
    assert code == 0
    assert line.startswith("RESTOREDRILL OK - every database is proven | 'blog_proof_age'=")
    protect(host, "store", Verdict.FAILED)
    code, line = plugin(host)
    assert code == 2
    assert line.startswith(f"RESTOREDRILL CRITICAL - store: drill {DRILL} failed: ")
    lose(host, "shop")
    assert plugin(host, "shop")[0] == 3
    file = host / "schedules" / "blog.yaml"
    file.write_text(file.read_text() + "alarms: {no_pass_for: 1h}\n")
    code, line = plugin(host, "blog")
    assert code == 2
    assert "blog: no pass for" in line


def test_a_monitoring_plugin_has_no_other_way_to_say_what_is_wrong(host: Path) -> None:
    (host / "schedules" / "shop.yaml").write_text("drill: {}\n")
    code, line = plugin(host)
    assert code == 3
    assert line.startswith("RESTOREDRILL UNKNOWN - ")
    assert "vault" in line
