"""What `restoredrill drill` picks, and what it never picks."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.programs import REAL, run
from tests.stories.samples import manifest

FILE = "vault: {{url: 'file://{vault}'}}\ndrill: {{}}\n"


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A file for `shop` and one for `blog`, both with the same vault."""
    (tmp_path / "schedules").mkdir()
    for name in ("shop", "blog"):
        (tmp_path / "schedules" / f"{name}.yaml").write_text(FILE.format(vault=tmp_path / "vault"))
    (tmp_path / "vault").mkdir()
    return tmp_path


def put(host: Path, backup: str, database: str, *, cut: bool = False) -> None:
    """A backup that is nothing but its manifest."""
    taken_at = datetime.strptime(backup[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    made = manifest(backup, taken_at).model_copy(update={"database": database})
    path = host / "vault" / "backups" / backup / "manifest.json"
    path.parent.mkdir(parents=True)
    text = made.model_dump_json(by_alias=True)
    path.write_text(text[:20] if cut else text)


def backup_id(age: timedelta) -> str:
    return f"{datetime.now(UTC) - age:%Y%m%dT%H%M%SZ}-0001"


OLD, NEW = backup_id(timedelta(days=2)), backup_id(timedelta(days=1))


def dry_run(host: Path, *words: str) -> tuple[int, Any]:
    done = run(REAL, "drill", "shop", "--dry-run", "--json", *words, cwd=host)
    return done.returncode, json.loads(done.stdout)


def test_the_newest_of_this_database_is_picked_and_no_other(host: Path) -> None:
    """Two files may share a vault: a backup of one proves nothing about the other."""
    put(host, OLD, "shop")
    put(host, NEW, "blog")
    code, plan = dry_run(host)
    assert (code, plan["backup"]["id"]) == (0, OLD)
    assert dry_run(host, "--backup", NEW)[0] == 2


def test_a_vault_with_backups_of_another_database_only_fails_the_drill(host: Path) -> None:
    put(host, NEW, "blog")
    code, report = dry_run(host)
    assert (code, report["verdict"]) == (1, "failed")
    (finding,) = report["findings"]
    assert finding["rule"] == "NO_BACKUP"
    assert "blog" in finding["hint"]
    assert not (host / "vault" / "drills").exists(), "a dry run writes nothing"


def test_a_newest_backup_that_cannot_be_read_is_not_passed_over(host: Path) -> None:
    """Promise 1: an older one that passes would hide it."""
    put(host, OLD, "shop")
    put(host, NEW, "shop", cut=True)
    code, report = dry_run(host)
    assert (code, report["verdict"]) == (1, "failed")
    assert [f["rule"] for f in report["findings"]] == ["MANIFEST_UNREADABLE"]
    assert dry_run(host, "--backup", OLD)[1]["backup"]["id"] == OLD, "it can be asked for"


def test_an_older_backup_that_cannot_be_read_does_not_matter(host: Path) -> None:
    put(host, OLD, "shop", cut=True)
    put(host, NEW, "shop")
    assert dry_run(host)[1]["backup"]["id"] == NEW
