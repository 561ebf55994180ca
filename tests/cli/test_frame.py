"""What every command has in common: options, output, errors, exit statuses, signals."""

import importlib
import json
import signal
import subprocess
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from restoredrill.cli import COMMANDS, frame, output, progress
from restoredrill.errors import Exit
from tests.cli import programs
from tests.cli.programs import REAL, STANDINS

TABLE = {"echo": "say what was given", "fail": "end in an error", "work": ""}


def run(*argv: str) -> int:
    return frame.run(TABLE, "tests.cli.commands", argv)


@pytest.fixture(autouse=True)
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place of the test's own for notes of crashes."""
    monkeypatch.setenv("RESTOREDRILL_STATE", str(tmp_path / "state"))
    return tmp_path / "state" / "crashes"


# Options and answers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "argv",
    [["--schedules", "s", "echo", "a"], ["echo", "--schedules", "s", "a"], ["echo", "a", "--schedules=s"]],
)
def test_shared_options_stand_before_and_after_the_command(argv: list[str], capsys: Any) -> None:
    assert run(*argv) == 0
    assert capsys.readouterr().out == "at work\ns a\n"


def test_the_later_option_wins(capsys: Any) -> None:
    assert run("--schedules", "first", "echo", "--schedules", "second") == 0
    assert capsys.readouterr().out == "at work\nsecond \n"


def test_schedules_is_the_default(capsys: Any) -> None:
    run("echo")
    assert capsys.readouterr().out == "at work\nschedules \n"


@pytest.mark.parametrize("argv", [["--json", "echo", "a", "b"], ["echo", "a", "b", "--json"]])
def test_json_is_one_document_and_nothing_else(argv: list[str], capsys: Any) -> None:
    assert run(*argv) == 0
    caught = capsys.readouterr()
    assert json.loads(caught.out) == {"schedules": "schedules", "json": True, "words": ["a", "b"]}
    assert caught.err == ""


def test_a_word_after_two_dashes_is_no_option(capsys: Any) -> None:
    assert run("echo", "--", "--json") == 0
    assert capsys.readouterr().out == "at work\nschedules --json\n"


@pytest.mark.parametrize("status", list(Exit))
def test_the_answer_decides_the_exit_status(status: Exit) -> None:
    assert run("echo", "--exit", str(int(status))) == status


def test_an_answer_may_be_a_table(capsys: Any) -> None:
    table = Table("name", "state")
    table.add_row("shop", "[ok] " + "x" * 90)
    output.show(table)
    assert "x" * 90 in capsys.readouterr().out


def test_help_lists_commands_that_are_for_people(capsys: Any) -> None:
    assert run("--help") == 0
    shown = capsys.readouterr().out
    assert "say what was given" in shown
    assert "work" not in shown
    assert "Exit status: 0 passed" in shown


def test_version(capsys: Any) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("restoredrill 0.")


# Errors -----------------------------------------------------------------------------------------------------


def test_an_error_is_a_message_and_a_hint(capsys: Any) -> None:
    assert run("fail", "denied") == Exit.INCONCLUSIVE
    caught = capsys.readouterr()
    assert caught.out == ""
    assert caught.err == "restoredrill: read s3://b/k: access denied\nhint: grant s3:GetObject\n"


def test_an_error_in_json(capsys: Any) -> None:
    assert run("fail", "denied", "--json") == Exit.INCONCLUSIVE
    assert json.loads(capsys.readouterr().out) == {
        "error": {
            "operation": "read",
            "thing": "s3://b/k",
            "reason": "access denied",
            "hint": "grant s3:GetObject",
            "problems": [],
        }
    }


def test_problems_stand_one_a_line(capsys: Any) -> None:
    assert run("fail", "two problems") == Exit.USAGE
    assert capsys.readouterr().err == (
        "restoredrill: schedules: 2 problems\n  a.yaml:1: x\n  b.yaml:2: y\nhint: read them\n"
    )
    assert run("fail", "one problem") == Exit.USAGE
    assert capsys.readouterr().err == "restoredrill: schedules/a.yaml:1: vault: is missing\n"


def test_an_unmet_plan_says_all_that_it_lacks(capsys: Any) -> None:
    assert run("fail", "unmet plan") == Exit.INCONCLUSIVE
    said = "restoredrill: shop: 2 problems\n  no subnet sg-1\n  no room for it\nhint: see README\n"
    assert capsys.readouterr().err == said


def test_problems_in_json(capsys: Any) -> None:
    assert run("--json", "fail", "two problems") == Exit.USAGE
    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["reason"], error["problems"]) == ("2 problems", ["a.yaml:1: x", "b.yaml:2: y"])


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["ecoh"], "restoredrill: run ecoh: no such command\nhint: did you mean echo?\n"),
        (["xyzzy"], "restoredrill: run xyzzy: no such command\nhint: `restoredrill --help` lists them\n"),
        (
            ["--frob"],
            "restoredrill: run restoredrill: no such option '--frob'\nhint: see `restoredrill --help`\n",
        ),
        (
            ["echo", "--exit", "x"],
            (
                "restoredrill: run restoredrill echo: invalid value for '--exit': 'x' is not a valid "
                "integer\nhint: see `restoredrill echo --help`\n"
            ),
        ),
        (
            ["fail"],
            (
                "restoredrill: run restoredrill fail: missing argument 'KIND'\n"
                "hint: see `restoredrill fail --help`\n"
            ),
        ),
    ],
)
def test_wrong_usage(argv: list[str], message: str, capsys: Any) -> None:
    assert run(*argv) == Exit.USAGE
    assert capsys.readouterr().err == message
    assert run("--json", *argv) == Exit.USAGE
    assert "error" in json.loads(capsys.readouterr().out)


def test_no_command_shows_the_help_and_is_wrong_usage(capsys: Any) -> None:
    assert run() == Exit.USAGE
    caught = capsys.readouterr()
    assert caught.out == ""
    assert "say what was given" in caught.err


def test_the_unexpected_is_one_line_and_a_note(capsys: Any, notes: Path) -> None:
    assert run("fail", "unexpected") == Exit.INCONCLUSIVE
    lines = capsys.readouterr().err.splitlines()
    (note,) = notes.iterdir()
    assert lines == [
        "restoredrill: run restoredrill: unexpected ValueError: odd value [redacted]",
        f"hint: the traceback is in {note}",
    ]
    assert note.stat().st_mode & 0o777 == 0o600
    assert "Traceback" in note.read_text(encoding="utf-8")
    assert "planted" not in note.read_text(encoding="utf-8")


def test_debugging_shows_the_traceback(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTOREDRILL_DEBUG", "1")
    run("fail", "denied")
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert "VaultDenied" in shown


@pytest.mark.parametrize("kind", ["pipe", "input"])
def test_a_lost_connection_is_no_closed_output(kind: str, capsys: Any) -> None:
    """click takes both for its own and ends quietly with 1, which would read as "the backup is bad"."""
    assert run("fail", kind) == Exit.INCONCLUSIVE
    assert "unexpected" in capsys.readouterr().err


def test_an_interrupt_is_told(capsys: Any) -> None:
    assert run("fail", "interrupt", "--json") == Exit.INTERRUPTED
    caught = capsys.readouterr()
    assert json.loads(caught.out)["error"]["reason"].startswith("interrupted")
    assert caught.err.startswith("restoredrill: run restoredrill: interrupted")


# As a program -----------------------------------------------------------------------------------------------


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    heavy = {
        "pydantic",
        "boto3",
        "botocore",
        "psycopg",
        "rich",
        "jinja2",
        "sqlalchemy",
        "apscheduler",
        "ruamel",
    }
    look = (
        "import sys; from restoredrill.cli import COMMANDS, frame; "
        f"frame.run(COMMANDS, 'restoredrill.cli', ['--help']); print(sorted({heavy} & sys.modules.keys()))"
    )
    ran = programs.run(look, cwd=tmp_path)
    assert ran.stdout.splitlines()[-1] == "[]"
    assert all(name in ran.stdout for name, words in COMMANDS.items() if words)


@pytest.mark.parametrize(
    "argv", [["--help"], ["echo", "--help"], ["echo", "x", "--exit", "1"], ["echo", "x", "--json"]]
)
def test_a_reader_that_leaves_is_no_error(argv: list[str], tmp_path: Path) -> None:
    child = programs.start(STANDINS, *argv, cwd=tmp_path)
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.close()
    assert child.stderr.read() == ""
    assert child.wait(programs.LIMIT_S) == (1 if "1" in argv else 0)
    child.stderr.close()


def test_output_that_can_not_be_written_is_an_error(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            programs.arguments(STANDINS, ["echo"]),
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=programs.ROOT,
            text=True,
        )
    assert ran.returncode == Exit.INCONCLUSIVE
    assert ran.stderr == "restoredrill: write standard output: no space left on device\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_cleans_up_and_ends_with_130(number: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "enough").touch()
    child = programs.start(STANDINS, "work", tmp_path, cwd=tmp_path)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    child.send_signal(number)
    out, err = child.communicate(timeout=programs.LIMIT_S)
    assert (child.returncode, out) == (Exit.INTERRUPTED, "")
    assert err == "restoredrill: run restoredrill: interrupted; what was under way has been cleaned up\n"
    assert (tmp_path / "cleaned").exists()


def test_a_second_signal_does_not_stop_cleaning_up(tmp_path: Path) -> None:
    child = programs.start(STANDINS, "work", tmp_path, cwd=tmp_path)
    assert child.stdout is not None
    assert child.stderr is not None
    assert child.stdout.readline() == "ready\n"
    child.terminate()
    programs.wait_for((tmp_path / "cleaning").exists)
    child.terminate()
    assert "still cleaning up" in child.stderr.readline()
    (tmp_path / "enough").touch()
    child.communicate(timeout=programs.LIMIT_S)
    assert child.returncode == Exit.INTERRUPTED
    assert (tmp_path / "cleaned").exists()


def test_progress_is_for_terminals_only(tmp_path: Path) -> None:
    ran = programs.run(STANDINS, "work", tmp_path, "--steps", "2", cwd=tmp_path)
    assert (ran.stdout, ran.stderr) == ("all done\n", "")
    status, out, shown = programs.on_terminal(
        STANDINS, "work", tmp_path, "--steps", "2", "--json", cwd=tmp_path
    )
    assert status == 0
    assert json.loads(out) == {"steps": 2}
    assert "step 1" in shown
    assert "12 MB/s" in shown


def test_the_progress_line_shows_text_as_it_is() -> None:
    console = Console(file=StringIO(), force_terminal=True, width=100)
    with progress.line(console) as advance:
        advance("restoring [bold]public.orders", 12.5, None)
        console.print("x")
    assert "[bold]public.orders" in console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_a_module_of_that_name(name: str) -> None:
    found = importlib.import_module(f"restoredrill.cli.{name}").command
    assert found.name == name
    assert found.help


def test_the_real_program_runs(tmp_path: Path) -> None:
    ran = programs.run(REAL, "schema", cwd=tmp_path)
    assert ran.returncode == 0
    assert json.loads(ran.stdout)["type"] == "object"


# Groups -----------------------------------------------------------------------------------------------------


def test_a_group_lists_what_is_in_it(capsys: Any) -> None:
    assert frame.run(COMMANDS, "restoredrill.cli", ["agent", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "publish" in shown
    assert "errand" not in shown


def test_a_group_alone_is_a_mistake(capsys: Any) -> None:
    assert frame.run(COMMANDS, "restoredrill.cli", ["agent"]) == Exit.USAGE
    assert "run restoredrill agent: no command given" in capsys.readouterr().err


def test_a_near_miss_in_a_group_is_named(capsys: Any) -> None:
    assert frame.run(COMMANDS, "restoredrill.cli", ["agent", "bild"]) == Exit.USAGE
    assert "did you mean build?" in capsys.readouterr().err
    assert frame.run(COMMANDS, "restoredrill.cli", ["agent", "zzz"]) == Exit.USAGE
    assert "`restoredrill agent --help` lists them" in capsys.readouterr().err


@pytest.mark.parametrize(
    "argv",
    [["--json", "agent", "errand"], ["agent", "--json", "errand"], ["agent", "errand", "--json"]],
)
def test_shared_options_stand_anywhere_around_a_group(argv: list[str], tmp_path: Path, capsys: Any) -> None:
    assert frame.run(COMMANDS, "restoredrill.cli", [*argv, str(tmp_path)]) == Exit.INCONCLUSIVE
    assert "boot.json" in json.loads(capsys.readouterr().out)["error"]["thing"]
