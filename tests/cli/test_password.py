"""`restoredrill password`: what it prints opens the dashboard, and what it reads is shown nowhere."""

import json
import subprocess
import sys

import pytest

from restoredrill.errors import Exit
from restoredrill.service_settings import User
from restoredrill.web.safety import passwords

WORDS = "four words of mine"


def run(said: str, *options: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "restoredrill", "password", *options]
    return subprocess.run(line, input=said, capture_output=True, text=True, check=False)


def test_what_it_prints_goes_into_the_file_and_fits() -> None:
    ended = run(f"{WORDS}\n")
    assert ended.returncode == Exit.PASSED
    user = User(name="anna", password=ended.stdout.strip())
    assert passwords.fits(WORDS, user.password)
    assert not passwords.fits(f"{WORDS} ", user.password)
    assert WORDS not in ended.stdout + ended.stderr


def test_as_a_document() -> None:
    assert passwords.fits(WORDS, json.loads(run(WORDS, "--json").stdout)["hash"])


@pytest.mark.parametrize("said", ["", "short\n", "x" * 2000])
def test_a_bad_one_is_refused(said: str) -> None:
    ended = run(said)
    assert ended.returncode == Exit.USAGE
    assert "take 12 to 1024" in ended.stderr
    assert ended.stdout == ""
