"""What a confined program can and can't do, by itself: also where the host grants no network namespaces."""

import socket
import sys
from pathlib import Path

import pytest

from restoredrill import confine, process
from tests.plugins.requirements import missing

TRY = """
import os, socket, subprocess, sys
def can(deed):
    try:
        deed()
        return True
    except OSError:
        return False
def listens():
    with socket.socket(socket.AF_UNIX) as it:
        it.bind(sys.argv[2])
        it.listen()
def asks_itself():
    here, there = socket.socketpair()
    here.send(b"x")
    assert there.recv(1) == b"x"
def inet(family, kind):
    socket.socket(family, kind).close()
print(
    can(lambda: inet(socket.AF_INET, socket.SOCK_STREAM)),
    can(lambda: inet(socket.AF_INET6, socket.SOCK_DGRAM)),
    can(lambda: socket.socket(socket.AF_UNIX).connect(sys.argv[1])),
    can(listens),
    can(asks_itself),
)
"""


def tried(directory: Path, *wrapper: str) -> list[str]:
    script = directory / "try.py"
    script.write_text(TRY)
    listening = directory / "production"
    with socket.socket(socket.AF_UNIX) as production:
        production.bind(str(listening))
        production.listen()
        argv = [*wrapper, sys.executable, "-I", "-S", str(script), str(listening), str(directory / "own")]
        done = process.run(argv, timeout_s=60.0)
    assert done.code == 0, done.err
    return done.out.split()


def confined() -> tuple[str, ...]:
    if process.run([sys.executable, "-I", "-S", confine.__file__, "true"], timeout_s=60.0).code != 0:
        missing("this kernel can't confine a program")
    return (sys.executable, "-I", "-S", confine.__file__)


def test_a_confined_program_answers_on_unix_sockets_and_calls_nobody(short_path: Path) -> None:
    assert tried(short_path, *confined()) == ["False", "False", "False", "True", "True"]


def test_what_a_confined_program_starts_is_confined_too(short_path: Path) -> None:
    assert tried(short_path, *confined(), "env")[:3] == ["False", "False", "False"]


def test_a_program_that_is_not_confined_does_all_of_it(short_path: Path) -> None:
    assert tried(short_path) == ["True", "True", "True", "True", "True"]


def test_a_machine_that_is_not_known_is_refused() -> None:
    with pytest.raises(KeyError):
        confine._filter("riscv64")
