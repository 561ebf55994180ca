"""`restoredrill evidence …`, from a vault to an archive that holds or does not."""

import json
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.cli.programs import REAL, run
from tests.evidence import vaults

FILE = "vault: {{url: 'file://{vault}'}}\ndrill: {{}}\n"


@pytest.fixture
def host(tmp_path: Path) -> Path:
    (tmp_path / "schedules").mkdir()
    (tmp_path / "vault").mkdir()
    (tmp_path / "schedules" / "shop.yaml").write_text(FILE.format(vault=tmp_path / "vault"))
    (tmp_path / "key.pem").write_text(vaults.PRIVATE)
    (tmp_path / "key.pem.pub").write_text(vaults.PUBLIC)
    service = tmp_path / "schedules" / "_service.yaml"
    service.write_text(f"evidence: {{key: 'file:{tmp_path}/key.pem'}}\n")
    return tmp_path


def asked(host: Path, *words: str | Path) -> tuple[int, Any]:
    done = run(REAL, "evidence", *words, "--json", cwd=host)
    return done.returncode, json.loads(done.stdout)


def test_from_a_vault_to_an_archive_that_holds(host: Path) -> None:
    vaults.store(vaults.good(), host / "vault")
    code, made = asked(host, "shop", "--since", "2026-01-01", "--until", "2026-06-30")
    assert (code, made["drills"], made["gaps"]) == (0, 24, [])
    assert made["file"] == "evidence-shop-2026-01-01-2026-06-30.zip"
    code, found = asked(host, "verify", made["file"], "--key", "key.pem.pub")
    assert (code, found["proven"], found["signed"], found["keyids"]) == (0, True, 24, [made["keyid"]])
    with zipfile.ZipFile(host / made["file"]) as file:
        assert vaults.PRIVATE.splitlines()[1] not in "".join(file.read(n).decode() for n in file.namelist())
        assert (
            file.read(f"drills/{vaults.identity(vaults.at(2, 5))}/report.json")
            == (host / "vault" / "drills" / vaults.identity(vaults.at(2, 5)) / "report.json").read_bytes()
        )


def test_gaps_are_said_and_what_is_unsigned_is_not_proven(host: Path) -> None:
    vaults.store(vaults.eventful(), host / "vault")
    code, made = asked(host, "shop", "--since", "2026-01-01", "--until", "2026-06-30", "--output", "e.zip")
    assert code == 0
    assert made["gaps"][0] == "no drill at all in 2026-03"
    code, found = asked(host, "verify", "e.zip", "--key", "key.pem.pub")
    assert (code, found["holds"], found["unsigned"]) == (3, True, [vaults.identity(vaults.at(5, 3))])
    done = run(REAL, "evidence", "verify", "e.zip", "--key", "key.pem.pub", cwd=host)
    assert "NOT PROVEN" in done.stdout
    assert "gap      no drill at all in 2026-03" in done.stdout


def test_an_altered_archive_ends_with_1_and_one_without_a_key_with_3(host: Path) -> None:
    vaults.store(vaults.good(), host / "vault")
    asked(host, "shop", "--since", "2026-01-01", "--until", "2026-06-30", "--output", "e.zip")
    code, found = asked(host, "verify", "e.zip")
    assert code == 3
    assert "the only key is the one in the archive" in found["doubts"][0]
    with zipfile.ZipFile(host / "e.zip", "a") as file:
        file.writestr("drills/more.json", "{}")
    code, found = asked(host, "verify", "e.zip", "--key", "key.pem.pub")
    assert (code, found["problems"]) == (1, ["drills/more.json: extra: the index does not have it"])


def test_without_a_key_the_archive_is_made_and_says_so(host: Path) -> None:
    (host / "schedules" / "_service.yaml").unlink()
    done = run(REAL, "evidence", "shop", "--since", "2026-01-01", cwd=host)
    assert done.returncode == 0
    assert "warning: the archive is not signed" in done.stderr
    assert "gap      no backup is kept" in done.stdout


def test_a_pair_of_keys_is_made_once(host: Path) -> None:
    code, made = asked(host, "key", "new.pem")
    assert code == 0
    assert stat.S_IMODE((host / "new.pem").stat().st_mode) == 0o600
    assert made["public"] == "new.pem.pub"
    before = (host / "new.pem").read_bytes()
    code, refused = asked(host, "key", "new.pem")
    assert (code, refused["error"]["reason"]) == (2, "it is there already")
    assert (host / "new.pem").read_bytes() == before


@pytest.mark.parametrize(
    "words",
    [
        ("shop",),
        ("shop", "--since", "yesterday"),
        ("shop", "--since", "2999-01-01"),
        ("shop", "--since", "2026-02-01", "--until", "2026-01-01"),
        ("shop", "--since", "2026-01-01", "--output", "nowhere/e.zip"),
        ("stop", "--since", "2026-01-01"),
        ("verify", "nowhere.zip"),
        ("verify", "key.pem", "--key", "key.pem"),
    ],
)
def test_what_cant_be_is_a_matter_of_usage(host: Path, words: tuple[str, ...]) -> None:
    code, document = asked(host, *words)
    assert (code, list(document)) == (2, ["error"])


def test_a_database_that_is_called_like_a_command_can_be_asked_for(host: Path) -> None:
    (host / "schedules" / "shop.yaml").rename(host / "schedules" / "verify.yaml")
    code, made = asked(host, "archive", "verify", "--since", "2026-01-01", "--output", "e.zip")
    assert (code, made["drills"]) == (0, 0)
