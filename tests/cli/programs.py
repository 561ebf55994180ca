"""Runs the command line as people do: as a program of its own, maybe on a terminal."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
STANDINS = (
    "import sys; from restoredrill.cli.frame import run; "
    "sys.exit(run({'echo': 'say', 'fail': 'end', 'work': 'go on'}, 'tests.cli.commands', sys.argv[1:]))"
)
REAL = "from restoredrill.cli import main; main()"
LIMIT_S = 60.0


def arguments(program: str, argv: Sequence[str | Path]) -> list[str]:
    return [sys.executable, "-c", program, *map(str, argv)]


def environment(state: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Ours, with a place of the test's own for notes."""
    return {**os.environ, "RESTOREDRILL_STATE": str(state), "PYTHONPATH": str(ROOT), **(more or {})}


def run(
    program: str, *argv: str | Path, cwd: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run to the end, both outputs caught."""
    return subprocess.run(
        arguments(program, argv),
        cwd=cwd,
        env=environment(cwd / "state", env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def start(
    program: str, *argv: str | Path, cwd: Path, env: Mapping[str, str] | None = None
) -> "subprocess.Popen[str]":
    """Start, both outputs caught, signals as a shell in the foreground leaves them."""
    return subprocess.Popen(
        arguments(program, argv),
        cwd=cwd,
        env=environment(cwd / "state", env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: (
            [signal.signal(s, signal.SIG_DFL) for s in (signal.SIGINT, signal.SIGHUP)] and None
        ),
    )


def wait_for(what: Callable[[], bool]) -> None:
    """Wait until something is so."""
    until = time.monotonic() + LIMIT_S
    while not what():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.02)


def on_terminal(
    program: str, *argv: str | Path, cwd: Path, answers: Sequence[tuple[str, str]] = ()
) -> tuple[int, str, str]:
    """Run with a terminal for input and complaints; (status, standard output, what the terminal showed).

    `answers`: pairs of a text to wait for on the terminal and a line to type then.
    """
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        arguments(program, argv),
        cwd=cwd,
        env=environment(cwd / "state", {"TERM": "xterm", "COLUMNS": "100"}),
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown, left = "", list(answers)
    until = time.monotonic() + LIMIT_S
    try:
        while chunk := _read(ours, until):
            shown += chunk
            if left and left[0][0] in shown.split("\0")[-1]:
                os.write(ours, f"{left.pop(0)[1]}\n".encode())
                shown += "\0"  # what was asked before is not looked at again
        out, _ = child.communicate(timeout=LIMIT_S)
        return child.returncode, out.decode(), shown.replace("\0", "")
    finally:
        child.kill()
        child.communicate()
        os.close(ours)


def _read(terminal: int, until: float) -> str:
    """What comes next; empty at the end."""
    ready, _, _ = select.select([terminal], [], [], max(0.0, until - time.monotonic()))
    assert ready, "nothing more was shown, and it has not ended"
    try:
        return os.read(terminal, 65536).decode(errors="replace")
    except OSError:  # what Linux says when the other end of a terminal is closed
        return ""
