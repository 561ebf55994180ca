"""`init` writes a file that is valid as it stands, and never over anything unasked."""

import json
import re
from pathlib import Path
from typing import Any

import pyrage
import pytest

from restoredrill import config
from restoredrill.cli import COMMANDS, frame
from restoredrill.cli.starter import Starter, starter_text
from restoredrill.errors import Exit
from tests.cli import programs
from tests.cli.programs import REAL
from tests.config.documents import PUBLIC_KEY

S3 = ("--vault-url", "s3://acme-backups/shop")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs happen in a directory of the test's own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def init(*argv: str) -> int:
    return frame.run(COMMANDS, "restoredrill.cli", ["init", *argv])


def test_the_file_is_valid_and_says_what_was_given(capsys: Any) -> None:
    assert (
        init("shop", *S3, "--endpoint-url", "https://s3.example", "--encrypt-to", PUBLIC_KEY, "--json") == 0
    )
    assert json.loads(capsys.readouterr().out) == {
        "database": "shop",
        "file": "schedules/shop.yaml",
        "replaced": False,
        "public_key": None,
        "key_file": None,
    }
    shop = config.load(Path("schedules"))["shop"]
    assert shop.source is not None
    assert shop.source.url == "${SHOP_DATABASE_URL}"
    assert (shop.vault.url, shop.vault.endpoint_url) == ("s3://acme-backups/shop", "https://s3.example")
    assert shop.backup is not None
    assert shop.backup.encrypt_to == (PUBLIC_KEY,)
    assert shop.drill is not None
    assert shop.drill.decrypt_with == "${SHOP_AGE_KEY}"


def test_what_the_file_shows_in_comments_is_valid_too() -> None:
    """Every comment that shows a line is made that line, where the line is not there already."""
    text = starter_text(
        Starter("shop", "${X}", "s3://acme/shop", "https://s3.example", (PUBLIC_KEY,), "file:/k")
    )
    shown = re.sub(
        r"^( +)# ?((?:[a-z_]+:| - \{).*)$", r"\1\2", text.replace("  checks: []\n", "  checks:\n"), flags=re.M
    )
    assert shown.count("\n") == text.count("\n")
    shop = config.parse(shown, "shop", "shop.yaml")
    assert shop.drill is not None
    assert [check.kind for check in shop.drill.check_specs] == ["rows", "freshness", "sql", "command"]
    assert shop.drill.ignore
    assert shop.vault.restore_as is not None
    assert shop.vault.access_key_id == "${BACKUP_KEY_ID}"


@pytest.mark.parametrize(
    ("name", "variable"),
    [("shop", "SHOP_DATABASE_URL"), ("shop-eu.2", "SHOP_EU_2_DATABASE_URL"), ("2nd", "DB_2ND_DATABASE_URL")],
)
def test_variables_are_called_like_the_database(name: str, variable: str) -> None:
    assert init(name, *S3) == 0
    source = config.load_one(Path("schedules"), name).source
    assert source is not None
    assert source.url == f"${{{variable}}}"


def test_a_new_key_is_private_and_fits(place: Path, capsys: Any) -> None:
    assert init("shop", *S3, "--new-key", "shop.age-key", "--json") == 0
    public = json.loads(capsys.readouterr().out)["public_key"]
    key = place / "shop.age-key"
    assert key.stat().st_mode & 0o777 == 0o600
    lines = key.read_text(encoding="utf-8").splitlines()
    assert lines[1] == f"# public key: {public}"
    assert str(pyrage.x25519.Identity.from_str(lines[2]).to_public()) == public
    shop = config.load_one(Path("schedules"), "shop")
    assert shop.backup is not None
    assert shop.backup.encrypt_to == (public,)
    assert shop.drill is not None
    assert shop.drill.decrypt_with == f"file:{key}"
    assert "AGE-SECRET" not in (place / "schedules" / "shop.yaml").read_text(encoding="utf-8")


def test_a_key_is_never_replaced_nor_kept_with_the_schedules(place: Path, capsys: Any) -> None:
    (place / "old.age-key").write_text("mine", encoding="utf-8")
    assert init("shop", *S3, "--new-key", "old.age-key", "--force") == Exit.USAGE
    assert "may be the only key to older backups" in capsys.readouterr().err
    assert (place / "old.age-key").read_text(encoding="utf-8") == "mine"
    assert init("shop", *S3, "--new-key", "schedules/shop.age-key") == Exit.USAGE
    assert "a private key has no place beside the schedules" in capsys.readouterr().err
    assert not (place / "schedules").exists(), "nothing is written when something is wrong"


def test_a_file_is_replaced_only_by_force(place: Path, capsys: Any) -> None:
    assert init("shop", *S3) == 0
    file = place / "schedules" / "shop.yaml"
    file.write_text("mine", encoding="utf-8")
    assert init("shop", *S3) == Exit.USAGE
    assert capsys.readouterr().err.endswith("it is there already\nhint: --force replaces it\n")
    assert file.read_text(encoding="utf-8") == "mine"
    assert init("shop", *S3, "--force") == 0
    assert "schedules/shop.yaml replaced" in capsys.readouterr().out
    assert config.load_one(Path("schedules"), "shop").name == "shop"
    assert [path.name for path in file.parent.iterdir()] == ["shop.yaml"]


def test_two_files_of_one_name_are_refused(place: Path, capsys: Any) -> None:
    (place / "schedules").mkdir()
    (place / "schedules" / "shop.yml").touch()
    assert init("shop", *S3, "--force") == Exit.USAGE
    assert "shop.yml is there already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "NAME is not given"),
        (["shop"], "--vault-url is not given"),
        (["a/b", *S3], "invalid value for '[NAME]': must be letters and digits"),
        (
            ["shop", "--vault-url", "ftp://x"],
            "invalid value for '--vault-url': must start with s3:// or file:///",
        ),
        (
            ["shop", *S3, "--source-url", "postgresql://app:hunter2@db/shop"],
            "invalid value for '--source-url': holds a password; write ${NAME} in its place",
        ),
        (
            ["shop", *S3, "--encrypt-to", "AGE-SECRET-KEY-1HUNTER2"],
            "invalid value for '--encrypt-to': is a private key and must not stand here",
        ),
        (
            ["shop", *S3, "--decrypt-with", "hunter2"],
            "invalid value for '--decrypt-with': is a secret and must not stand here",
        ),
    ],
)
def test_what_is_wrong_is_said_without_repeating_secrets(
    argv: list[str], message: str, capsys: Any, place: Path
) -> None:
    assert init(*argv) == Exit.USAGE
    shown = capsys.readouterr().err
    assert message in shown
    assert "hunter2" not in shown.lower()
    assert not (place / "schedules").exists()


def test_a_directory_that_can_not_be_made_is_an_error(place: Path, capsys: Any) -> None:
    (place / "schedules").touch()
    assert init("shop", *S3) == Exit.USAGE
    assert "schedules" in capsys.readouterr().err


def test_asks_on_a_terminal(place: Path) -> None:
    answers = [
        ("name of the database's file [shop]:", ""),
        ("URL of the database", "postgresql://app:hunter2@db/shop"),
        ("holds a password", "postgresql://app:${PW}@db/shop"),
        ("where backups go", "s3://acme/shop"),
        ("endpoint of the store", ""),
        ("file for a new encryption key", "shop.age-key"),
    ]
    status, out, shown = programs.on_terminal(REAL, "init", cwd=place, answers=answers)
    assert status == 0, shown
    assert out.startswith("schedules/shop.yaml written\npublic key: age1")
    shop = config.load_one(place / "schedules", "shop")
    assert shop.source is not None
    assert shop.source.url == "postgresql://app:${PW}@db/shop"
    assert shop.vault.endpoint_url is None
    assert (place / "shop.age-key").exists()


def test_asks_before_it_replaces(place: Path) -> None:
    assert init("shop", *S3) == 0
    file = place / "schedules" / "shop.yaml"
    file.write_text("mine", encoding="utf-8")
    argv = (
        "init",
        "shop",
        *S3,
        "--source-url",
        "${X}",
        "--endpoint-url",
        "https://x",
        "--encrypt-to",
        PUBLIC_KEY,
    )
    answers = [("replace it? [y/N]:", "")]
    status, _, shown = programs.on_terminal(REAL, *argv, cwd=place, answers=answers)
    assert status == Exit.USAGE, shown
    assert file.read_text(encoding="utf-8") == "mine"
    status, out, _ = programs.on_terminal(REAL, *argv, cwd=place, answers=[("replace it?", "y")])
    assert (status, out.splitlines()[0]) == (0, "schedules/shop.yaml replaced")


def test_the_end_of_input_at_a_question_is_an_interrupt(place: Path) -> None:
    status, _, _ = programs.on_terminal(REAL, "init", cwd=place, answers=[("name of the", "\x04")])
    assert status == Exit.INTERRUPTED
    assert not (place / "schedules").exists()
