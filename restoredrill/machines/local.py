"""This host as a machine: a directory with a lease, an agent working in it, and a guard that ends both in
time.

What lives is found by looking: a machine is its directory and every process whose working directory is below
it (a PostgreSQL server works in its data directory). So whatever was killed, the look still finds the rest.
"""

import fcntl
import json
import os
import shutil
import signal
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, ValidationError

from restoredrill import clock, process
from restoredrill.document import Document
from restoredrill.errors import MachineFailed
from restoredrill.interruptions import postponed
from restoredrill.model import ID_PATTERN, Errand, Lease
from restoredrill.process import Proc
from restoredrill.protocols import MachineState

LEASE = "lease.json"
LAST_WORDS_LINES = 12
_YOUNG_S = 60.0  # a lease without an agent is, for so long, one whose agent is just being started


class LeaseFile(Document):
    """`lease.json` of one machine: written before anything is started, so that nothing is ever without
    one.
    """

    drill: str
    database: str
    started_at: AwareDatetime
    expires_at: AwareDatetime
    agent: Proc | None = None
    guard: Proc | None = None
    launcher: Proc | None = None  # whoever waits for the agent and tears down after it
    kept: bool = False  # a passed drill left running on purpose


AGENT = (*process.MODULE, "restoredrill", "agent", "run")
GUARD = (*process.MODULE, "restoredrill.machines.guard")


class LocalMachine:
    """The `local` provider. `environment` is all that an agent may know of our own; `agent` is its
    program.
    """

    def __init__(
        self, directory: Path, environment: Mapping[str, str], agent: Sequence[str | Path] = AGENT
    ) -> None:
        self._directory = directory
        self._environment = environment
        self._agent = agent

    def launch(self, job: Errand, attempt: int = 1) -> str:
        """Start guard and agent for `job`; returns the machine's id, which is the drill's.

        Raises `MachineFailed` if the directory can't be made, the machine exists already or this host has no
        room for it; what there is of it then, `terminate` ends.
        """
        home = self.home(job.id)
        _make(self._directory, home)
        with _told(job.id):
            self._begin(job, home)
        return job.id

    def _begin(self, job: Errand, home: Path) -> None:
        lease = LeaseFile(
            drill=job.id,
            database=job.database,
            started_at=job.started_at,
            expires_at=job.expires_at,
            launcher=process.myself(),
        )
        _write(home / LEASE, lease.model_dump_json())
        _write(home / "job.json", job.model_dump_json(by_alias=True))
        guard = self._start([*GUARD, home], self._environment, self._directory / "guard.log")
        marked = {**self._environment, process.MACHINE: str(home.resolve())}
        agent = self._start([*self._agent, home], marked, home / "agent.log")
        _amend(home, agent=agent, guard=guard)

    def state(self, machine: str) -> MachineState:
        """Running as long as the agent is, or as long as a kept server is."""
        home = self.home(machine)
        lease = _read(home)
        if lease is None:
            return MachineState(running=False, detail="the machine is gone")
        if _at_work(home, lease):
            return MachineState(running=True)
        return MachineState(running=False, detail=last_words(home / "agent.log"))

    def last_words(self, machine: str) -> str:
        """The end of the agent's log."""
        return last_words(self.home(machine) / "agent.log")

    def terminate(self, machine: str) -> None:
        """End agent, server and guard, erase the directory."""
        end_machine(self.home(machine))

    def leases(self) -> tuple[Lease, ...]:
        """Every machine below the directory; one without a readable lease counts as an orphan past its
        end. What is not called like one is none of ours: somebody's own folder, or PostgreSQL's programs.

        Raises `MachineFailed` if the directory can't be read.
        """
        try:
            homes = sorted(h for h in self._directory.iterdir() if ID_PATTERN.match(h.name) and h.is_dir())
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise MachineFailed("read", str(self._directory), (error.strerror or "?").lower()) from error
        return tuple(lease for lease in map(_lease, homes) if lease is not None)

    def leftovers(self, drill: str) -> tuple[str, ...]:
        """Processes and directory of this drill that are still there."""
        home = self.home(drill)
        processes = tuple(f"process {proc.pid}" for proc in process.running_below(home))
        return processes + ((f"directory {home}",) if home.exists() else ())

    def home(self, machine: str) -> Path:
        """The directory of a machine."""
        return self._directory / machine

    def _start(self, argv: Sequence[str | Path], environment: Mapping[str, str], log: Path) -> Proc:
        log.touch(mode=0o600)
        with log.open("ab") as sink:
            return process.start_detached(argv, extra_env=environment, cwd=log.parent, log=sink)


@contextmanager
def workplace(directory: Path, name: str, database: str, lives: timedelta) -> Iterator[Path]:
    """A directory for work of this very process, under a lease like any machine's: if we are killed, a look
    finds it (and whatever program still works in it) and `reap` ends it. Erased on the way out.

    Raises `MachineFailed` if it can't be made.
    """
    _make(directory, directory / name)
    home, now = directory / name, clock.utcnow()
    lease = LeaseFile(
        drill=name, database=database, started_at=now, expires_at=now + lives, agent=process.myself()
    )
    try:
        with _told(name):
            _write(home / LEASE, lease.model_dump_json())
        yield home
    finally:
        with postponed():
            end_machine(home)


@contextmanager
def _told(machine: str) -> Iterator[None]:
    """What the system refuses (room, processes) as an error of ours."""
    try:
        yield
    except OSError as error:
        raise MachineFailed("launch", machine, (error.strerror or str(error)).lower()) from error


def keep(home: Path, expires_at: datetime) -> None:
    """Let this machine live on after its agent, until `expires_at`."""
    _amend(home, kept=True, expires_at=expires_at)


def lease_end(home: Path) -> datetime | None:
    """When this machine's time is over: None if that can't be read."""
    lease = _read(home)
    return None if lease is None else lease.expires_at


def deserted(home: Path) -> bool:
    """Is nobody left who works in this machine, and nobody who would tear it down?"""
    lease = _read(home)
    if lease is None or lease.kept or lease.launcher is None or process.alive(lease.launcher):
        return False
    return not _at_work(home, lease)


def end_machine(home: Path) -> None:
    """End every process of the machine and erase its directory. May be repeated, and called by the guard
    itself.
    """
    lease = _read(home)
    me = process.myself()
    if lease is not None and lease.agent is not None and lease.agent.pid != me.pid:
        process.end(lease.agent, patience_s=5)
    for proc in process.running_below(home):
        process.end(proc, patience_s=5, first=signal.SIGQUIT)  # PostgreSQL: immediate shutdown, children too
    for proc in process.running_below(home):
        process.end(proc, patience_s=0, first=signal.SIGKILL)
    shutil.rmtree(home, ignore_errors=True)
    if lease is not None and lease.guard is not None and lease.guard.pid != me.pid:
        process.end(lease.guard)


def last_words(log: Path) -> str:
    """The end of an agent's log, for a report about one that died."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return "it left no log"
    return "\n".join(lines[-LAST_WORDS_LINES:]) or "it said nothing"


def _make(directory: Path, home: Path) -> None:
    try:
        missing = [folder for folder in (directory, *directory.parents) if not folder.exists()]
        directory.mkdir(mode=0o711, parents=True, exist_ok=True)
        _require_ours(directory)
        home.mkdir(mode=0o711)
        for folder in (home, *missing):
            folder.chmod(0o711)  # whatever the umask: the server's user must pass through
    except FileExistsError:
        raise MachineFailed("launch", home.name, "there is a machine of this name already") from None
    except OSError as error:
        hint = f"make {directory} writable or set machines.local.directory"
        raise MachineFailed("make", str(home), error.strerror or str(error), hint=hint) from error


def _require_ours(directory: Path) -> None:
    """Its name can be guessed, so somebody else may have made it first: what is not ours holds no
    database.
    """
    found = directory.lstat()
    if stat.S_ISLNK(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        hint = "remove it, or name another place: machines.local.directory or RESTOREDRILL_MACHINES"
        raise MachineFailed(
            "use", str(directory), "it belongs to others, or others may write to it", hint=hint
        )


def _lease(home: Path) -> Lease | None:
    lease = _read(home)
    if lease is None:
        try:
            made_at = datetime.fromtimestamp(home.stat().st_mtime, tz=UTC)
        except FileNotFoundError:  # ended between two looks
            return None
        return Lease(
            machine=home.name,
            provider="local",
            drill=home.name,
            database="",
            started_at=made_at,
            expires_at=made_at,
            orphan=True,
            detail=f"{home}: no readable lease",
        )
    young = (clock.utcnow() - lease.started_at).total_seconds() < _YOUNG_S
    return Lease(
        machine=home.name,
        provider="local",
        drill=lease.drill,
        database=lease.database,
        started_at=lease.started_at,
        expires_at=lease.expires_at,
        orphan=not _at_work(home, lease) and not (lease.agent is None and young),
        detail=str(home),
    )


def _at_work(home: Path, lease: LeaseFile) -> bool:
    """Does the agent run, or whatever of it is kept? An agent that nobody could note any more is looked
    for.
    """
    if lease.agent is not None and process.alive(lease.agent):
        return True
    return (lease.kept or lease.agent is None) and bool(process.running_below(home))


def _read(home: Path) -> LeaseFile | None:
    try:
        return LeaseFile.model_validate(json.loads((home / LEASE).read_bytes()))
    except (OSError, ValueError, ValidationError):
        return None


def _amend(home: Path, **changes: Any) -> None:
    """Change some of a lease, whatever another process changes of it at the same time.

    Raises `OSError` if the machine is gone.
    """
    with (home / f"{LEASE}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lease = _read(home)
        if lease is not None:
            _write(home / LEASE, lease.model_copy(update=changes).model_dump_json())


def _write(path: Path, text: str) -> None:
    """Whole or not at all, readable by us only."""
    scratch = path.with_name(path.name + ".new")
    scratch.touch(mode=0o600)
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(path)
