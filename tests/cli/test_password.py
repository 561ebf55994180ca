"""`restoredrill password`: what it prints opens the dashboard, and what it reads is shown nowhere."""

import io
import json

import pytest

from restoredrill.cli import COMMANDS, frame
from restoredrill.errors import Exit
from restoredrill.service_settings import User
from restoredrill.web.safety import passwords

WORDS = "four words of mine"


def run(monkeypatch: pytest.MonkeyPatch, said: str, *options: str) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(said))
    return frame.run(COMMANDS, "restoredrill.cli", ["password", *options])


def test_what_it_prints_goes_into_the_file_and_fits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, f"{WORDS}\n") == Exit.PASSED
    out, err = capsys.readouterr()
    user = User(name="anna", password=out.strip())
    assert passwords.fits(WORDS, user.password)
    assert not passwords.fits(f"{WORDS} ", user.password)
    assert WORDS not in out + err


def test_as_a_document(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, WORDS, "--json") == Exit.PASSED
    assert passwords.fits(WORDS, json.loads(capsys.readouterr().out)["hash"])


@pytest.mark.parametrize("said", ["", "short\n", "x" * 2000])
def test_a_bad_one_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], said: str
) -> None:
    assert run(monkeypatch, said) == Exit.USAGE
    assert "take 12 to 1024" in capsys.readouterr().err
