"""`validate` and `schema`: no network, no secrets, every problem; and what is allowed but worth a word."""

import json
from pathlib import Path
from typing import Any

import pytest

from restoredrill import config, settings
from restoredrill.advice import advise
from restoredrill.cli import COMMANDS, frame
from restoredrill.errors import Exit
from tests.config.documents import BACKUP_ONLY, DESIGN, EVERYTHING, SMALLEST, backup, drill


def run(*argv: str) -> int:
    return frame.run(COMMANDS, "restoredrill.cli", argv)


@pytest.fixture
def schedules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with two good files, in an environment that has none of their secrets."""
    for name in ("SHOP_DATABASE_URL", "OPS_CHAT_URL"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "shop.yaml").write_text(DESIGN, encoding="utf-8")
    (tmp_path / "small.yaml").write_text(SMALLEST, encoding="utf-8")
    return tmp_path


def test_says_what_it_understood(schedules: Path, capsys: Any) -> None:
    assert run("validate", "--schedules", str(schedules)) == 0
    assert capsys.readouterr().out.splitlines() == [
        "shop: ok",
        (
            "  backup   15 * * * * (UTC), fingerprint content, encrypted to 1, "
            "keeps 3 last, 24 hourly, 14 daily, 8 weekly, 12 monthly"
        ),
        "  drill    0 3 * * * (Europe/Berlin), latest on local, 4 checks, deadline 45m, rto 30m, rpo 26h",
        "  warning  source.url: SHOP_DATABASE_URL is not set here",
        "  warning  drill.decrypt_with: file:/run/secrets/shop.age-key can not be read here",
        "  warning  notify[0].url: OPS_CHAT_URL is not set here",
        "  warning  vault.restore_as: not given, so drills hold credentials that can write",
        "small: ok",
        "  drill    by hand only, latest on local, 0 checks, deadline 2h",
        "  warning  no cron: `serve` has nothing to do here",
    ]


def test_the_same_in_json(schedules: Path, capsys: Any) -> None:
    assert run("validate", "--schedules", str(schedules), "--json") == 0
    shop, small = json.loads(capsys.readouterr().out)["databases"]
    assert shop["name"] == "shop"
    assert shop["backup"] == {"cron": "15 * * * *", "timezone": "UTC"}
    assert shop["checks"][0] == "orders are there"
    assert "notify[0].url: OPS_CHAT_URL is not set here" in shop["warnings"]
    assert (small["backup"], small["drill"]) == (None, {"cron": None, "timezone": "UTC"})


def test_problems_end_with_2_and_are_all_told(schedules: Path, capsys: Any) -> None:
    (schedules / "a.yaml").write_text(drill("jobs: 0", "cron: x"), encoding="utf-8")
    (schedules / "b.yaml").write_text("{", encoding="utf-8")
    assert run("validate", "--schedules", str(schedules)) == Exit.USAGE
    caught = capsys.readouterr()
    assert caught.out == ""
    lines = caught.err.splitlines()
    assert lines[0] == f"restoredrill: {schedules}: 3 problems"
    assert lines[1].startswith(f"  {schedules}/a.yaml:3: drill.jobs: must be 1 or more")
    assert lines[-1] == "hint: `restoredrill schema` prints what a file may hold"


def test_nothing_there_points_to_init(tmp_path: Path, capsys: Any) -> None:
    assert run("validate", "--schedules", str(tmp_path)) == Exit.USAGE
    assert capsys.readouterr().err == (
        f"restoredrill: {tmp_path}: holds no .yaml file\nhint: `restoredrill init` writes a first file\n"
    )


@pytest.mark.parametrize("argv", [["schema"], ["schema", "--json"]])
def test_schema_is_printed(argv: list[str], capsys: Any) -> None:
    assert run(*argv) == 0
    assert json.loads(capsys.readouterr().out) == settings.json_schema()


# Advice -----------------------------------------------------------------------------------------------------


def covered(keep: str, cron: str = "cron: '0 3 * * *', ") -> str:
    """A file that promises a drill of each backup within 7 days."""
    kept = [f"keep: {keep}"] if keep else []
    return backup("cron: '0 * * * *'", *kept) + f"drill: {{{cron}coverage: 7d}}\n"


HTTP = "drill: {}\nvault: {url: s3://b/c, endpoint_url: 'http://%s:9000'}\n"
CRON = "cron: '@daily'"


def advice(text: str) -> tuple[str, ...]:
    return advise(config.parse(text, "shop", "shop.yaml"), lambda reference: ())


@pytest.mark.parametrize(
    ("text", "quiet", "words"),
    [
        (
            drill(CRON, "deadline: 1h", "rto: 1h"),
            drill(CRON, "deadline: 1h", "rto: 59m"),
            "drill.rto: 1h can't be",
        ),
        (drill("network: open"), drill("network: isolated"), "lets a restored database call out"),
        (SMALLEST, drill(CRON), "no cron"),
        (HTTP % "s3.example", HTTP % "127.0.0.1", "http sends everything as it is"),
        (
            HTTP % "s3.example",
            HTTP.replace("http:", "https:") % "s3.example",
            "http sends everything as it is",
        ),
        (
            backup("fingerprint: none") + "drill: {}\n",
            backup("fingerprint: rows") + "drill: {}\n",
            "a drill shows only that the restore ran",
        ),
        (BACKUP_ONLY + "drill: {}\n", EVERYTHING, "drills hold credentials that can write"),
        (BACKUP_ONLY + "drill: {}\n", BACKUP_ONLY, "drills hold credentials that can write"),
        (
            covered("{daily: 8}"),
            covered("{daily: 7}"),
            "up to 8 backups are kept, and 7d has 7",
        ),
        (covered(""), covered("{last: 1}"), "every backup is kept for good"),
        (covered("{last: 1}", cron=""), covered("{last: 1}"), "no cron line drills anything"),
    ],
)
def test_advice_speaks_up_and_keeps_quiet(text: str, quiet: str, words: str) -> None:
    assert any(words in line for line in advice(text))
    assert not any(words in line for line in advice(quiet))
