"""The only module that starts and ends other programs.

PostgreSQL refuses to run as root, so a server that root starts runs as `nobody`; and a throwaway server gets
no network. Both are decided here and nowhere else.
"""

import contextlib
import functools
import os
import pwd
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

from restoredrill import clock
from restoredrill.errors import ToolMissing

PIPE = subprocess.PIPE

MODULE = (sys.executable, "-P", "-m")
"""Runs a module of ours in a process of its own. -P: a file in the working directory is none of them."""

_PATIENCE_S = 30.0  # for a program that does nothing, on a machine that is busy

MACHINE = "RESTOREDRILL_MACHINE"
"""Names the directory of the machine that a process belongs to: it goes on to everything that one starts."""

# What a child may know of our surroundings. Everything else stays here: credentials above all (promise 5).
_INHERITED = (
    MACHINE,
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TZDIR",
    "TMPDIR",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
)


@dataclass(frozen=True)
class Finished:
    """How a program ended: its exit status (negative: the signal) and what it said."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Proc:
    """A process that stays the same one even when its number is used again: pid, when it began (seconds since
    the host's start: no setting of its clock changes that) and which start that was.
    """

    pid: int
    created: float
    boot: str = ""


Child = subprocess.Popen[bytes]
"""A program that `start` started."""


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for a child: the harmless part of ours, and `extra`."""
    inherited = {k: v for k, v in os.environ.items() if k in _INHERITED or k.startswith("LC_")}
    return {**inherited, **(extra or {})}


def run(
    argv: Sequence[str | Path],
    *,
    extra_env: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
    as_server: bool = False,
    cwd: Path | None = None,
) -> Finished:
    """Run a program to its end. Its whole group is killed on time-out, which raises `TimeoutError`.

    Raises `ToolMissing` if there is no such program.
    """
    child = start(
        argv,
        extra_env=extra_env,
        as_server=as_server,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        out, err = child.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        kill_group(child)
        raise TimeoutError(f"{Path(argv[0]).name} did not end within {timeout_s:g} s") from None
    except BaseException:
        kill_group(child)
        raise
    return Finished(child.returncode, _text(out), _text(err))


def start(
    argv: Sequence[str | Path],
    *,
    extra_env: Mapping[str, str] | None = None,
    as_server: bool = False,
    isolated: bool = False,
    cwd: Path | None = None,
    stdin: int | IO[Any] | None = subprocess.DEVNULL,
    stdout: int | IO[Any] | None = subprocess.DEVNULL,
    stderr: int | IO[Any] | None = subprocess.DEVNULL,
    held: Sequence[int] = (),
    tied: bool = False,
) -> "subprocess.Popen[bytes]":
    """Start a program in a session of its own, so that Ctrl-C reaches only us and its whole group can be
    ended.

    `as_server` runs it as `nobody` where we are root; `isolated` takes all network from it, so that it can
    answer on a Unix socket but call nobody; `held` are open files that live as long as the program does (a
    lock); `tied` has the kernel kill it when the thread that called this is gone, where the host can do that.
    The returned pid is the program's own: the wrappers replace themselves.
    """
    words, uid, gid = _dressed([str(word) for word in argv], as_server, isolated, tied)
    try:
        return subprocess.Popen(
            words,
            env=environment(extra_env),
            cwd=cwd,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            pass_fds=tuple(held),
            user=uid,
            group=gid,
            extra_groups=[] if uid is not None else None,
        )
    except FileNotFoundError as error:
        name = Path(words[0]).name
        hint = f"install {name} or put it into PATH"
        raise ToolMissing("start", name, "no such program", hint=hint) from error


def _dressed(
    words: list[str], as_server: bool, isolated: bool, tied: bool
) -> tuple[list[str], int | None, int | None]:
    """The words with the wrappers they need, and the user and group that Popen itself is to change to."""
    if isolated:
        words = [*_isolation(), *(_as_server_words() if as_server else ()), *words]
    if tied and shutil.which("setpriv") is not None:
        words = ["setpriv", "--pdeathsig", "KILL", "--", *words]
    uid, gid = server_ids() if as_server and not isolated else (None, None)
    return words, uid, gid


def start_detached(
    argv: Sequence[str | Path], *, extra_env: Mapping[str, str], cwd: Path, log: IO[Any]
) -> Proc:
    """Start a program that lives on when we end; while we live, a thread reaps it so that it never is a
    zombie.
    """
    child = start(argv, extra_env=extra_env, cwd=cwd, stdout=log, stderr=log)
    proc = identify(child.pid) or Proc(child.pid, 0.0)
    threading.Thread(target=child.wait, name=f"reap {child.pid}", daemon=True).start()
    return proc


# The user a server runs as ----------------------------------------------------------------------------------


def server_ids() -> tuple[int, int] | tuple[None, None]:
    """(uid, gid) that servers run as where we are root: `nobody`, so that a restored database owns
    nothing here.
    """
    if os.geteuid() != 0:
        return None, None
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def give_to_server(path: Path) -> None:
    """Make the server's user the owner of `path`, if it is another than ours."""
    uid, gid = server_ids()
    if uid is not None and gid is not None:
        os.chown(path, uid, gid)


def server_can_read(path: Path) -> bool:
    """Can the server's user reach and read `path` (a program, say)?"""
    uid, _ = server_ids()
    return uid is None or run(["test", "-r", path], as_server=True, cwd=Path("/")).code == 0


def _as_server_words() -> tuple[str, ...]:
    uid, gid = server_ids()
    return () if uid is None else ("setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--")


@functools.cache
def _isolation() -> tuple[str, ...]:
    """The words that take the network from a program: the most that this host allows, found out by doing it.

    confine.py keeps it from connecting anywhere, Unix sockets included; unshare gives it a network and shared
    memory of its own, with nothing in it. Raises `ToolMissing` if neither can be had.
    """
    user = () if os.geteuid() == 0 else ("--user", "--map-current-user")
    unshared = ("unshare", *user, "--net", "--ipc", "--")
    confined = (sys.executable, "-I", "-S", str(Path(__file__).with_name("confine.py")))
    for words in ((*confined, *unshared), confined, unshared):
        try:
            if run([*words, *_as_server_words(), "true"], cwd=Path("/"), timeout_s=_PATIENCE_S).code == 0:
                return words
        except (ToolMissing, TimeoutError):
            continue
    raise ToolMissing("isolate", "a program", "this host can't start one without network")


def can_isolate() -> bool:
    """Can this host start a program without network?"""
    try:
        return bool(_isolation())
    except ToolMissing:
        return False


# Ending -----------------------------------------------------------------------------------------------------


def identify(pid: int) -> Proc | None:
    """The process with this number, if there is one that is not a zombie."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else _identity(process)
    except psutil.NoSuchProcess:
        return None


def _identity(process: psutil.Process) -> Proc:
    """Raises `psutil.NoSuchProcess`."""
    try:
        stat = Path(f"/proc/{process.pid}/stat").read_bytes()  # proc(5): field 22, after a name in brackets
    except OSError:  # gone, or no Linux
        return Proc(process.pid, process.create_time() - psutil.boot_time())
    ticks = int(stat.rpartition(b")")[2].split()[19])
    return Proc(process.pid, ticks / os.sysconf("SC_CLK_TCK"), _boot())


@functools.cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def alive(proc: Proc) -> bool:
    """Is this very process still there?"""
    found = identify(proc.pid)
    return found is not None and found.boot == proc.boot and abs(found.created - proc.created) < 0.5


def end(proc: Proc, *, patience_s: float = 5.0, first: signal.Signals = signal.SIGTERM) -> None:
    """End this very process: `first`, then SIGKILL after `patience_s`. Returns when it is gone."""
    for sig, wait_s in ((first, patience_s), (signal.SIGKILL, 30.0)):
        if not alive(proc):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(proc.pid, sig)
        _wait_gone(proc, wait_s)


def kill_group(child: "subprocess.Popen[bytes]") -> None:
    """Kill a child of `start` and everything in its session's group, and reap it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    for stream in (child.stdin, child.stdout, child.stderr):
        if stream is not None:
            stream.close()


def pause_group(child: "subprocess.Popen[bytes]", *, paused: bool) -> None:
    """Stop (SIGSTOP) or continue a child of `start` with its whole group; silent if it is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGSTOP if paused else signal.SIGCONT)


@contextlib.contextmanager
def leashed(child: Child) -> Iterator[None]:
    """Inside, the child's whole group is killed once this process is gone, however it went.

    For a group that may be stopped: stopped processes notice nobody's end, not even their leader's.
    """
    # Waits for the end of a pipe that only we hold open.
    waiting = ["sh", "-c", 'read -r _; kill -s KILL -- "-$1"', "sh", str(child.pid)]
    watcher = start(waiting, stdin=subprocess.PIPE, cwd=Path("/"))
    try:
        yield
    finally:
        kill_group(watcher)


def open_paths(child: "subprocess.Popen[bytes]") -> frozenset[str]:
    """Regular files that a child of ours and its children have open at this moment."""
    return frozenset(path for process in _family(child.pid) for path in _open_paths_of(process))


def _family(pid: int) -> Iterator[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        yield parent
        yield from parent.children(recursive=True)


def _open_paths_of(process: psutil.Process) -> list[str]:
    """Only root may look into a process that is just ending: whoever else is refused looks again until it has
    ended. Nothing is guessed: that a file is open no more means that it is complete.
    """
    until_s = clock.monotonic_s() + _PATIENCE_S
    while True:
        try:
            return [f.path for f in process.open_files()]
        except psutil.AccessDenied:
            if identify(process.pid) is None:
                return []
            if clock.monotonic_s() > until_s:
                raise
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            return []
        clock.sleep(0.005)


def running_below(folder: Path) -> tuple[Proc, ...]:
    """Every process whose working directory or machine is `folder` or below it, but for this one: found by
    looking. (A daemon leaves directory, session and parent, but keeps its environment.)
    """
    root = f"{folder.resolve()}/"
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and (_works_below(process, root) or _is_of(process, root)):
                found.append(_identity(process))
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return tuple(found)


def _works_below(process: psutil.Process, root: str) -> bool:
    return f"{process.cwd().removesuffix(' (deleted)')}/".startswith(root)


def _is_of(process: psutil.Process, root: str) -> bool:
    return f"{process.environ().get(MACHINE, '')}/".startswith(root)


def myself() -> Proc:
    """This process."""
    return _identity(psutil.Process())


def _wait_gone(proc: Proc, limit_s: float) -> None:
    until = clock.monotonic_s() + limit_s
    pause_s = 0.005
    while alive(proc) and clock.monotonic_s() < until:
        clock.sleep(pause_s)
        pause_s = min(pause_s * 2, 0.1)


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode("utf-8", errors="replace")
