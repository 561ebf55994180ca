"""What runs on a throwaway machine around the agent: starts it, watches over it, and powers off at the end.

The agent is a process of its own, so that one that hangs keeps nobody from seeing the spot notice, from
keeping its log, or from ending the machine.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Literal

from pydantic import AwareDatetime, ValidationError

from restoredrill import clock, process
from restoredrill.aws.imds import Imds, Notice
from restoredrill.document import Document
from restoredrill.errors import CloudError, MachineFailed, RestoredrillError, VaultError
from restoredrill.machines.ec2 import boot
from restoredrill.machines.ec2.boot import Note
from restoredrill.model import Errand, Event, MachineFacts
from restoredrill.protocols import Store

# Requests to the vault are tried for as long as there is a machine to try them: a report must not be lost
# because the network was away for longer than a usual request is patient. The deadline, and the lease's end,
# are what ends that.
PATIENT_ATTEMPTS = 100_000

NOTE = "boot.json"
_STANDING = "machine.json"
_KEPT = "kept.json"
_LOG_BYTES_MAX = 4 * 1024 * 1024


class Standing(Document):
    """`machine.json` beside a job: which of its errand's machines this is, and what it knows of itself."""

    attempt: int
    facts: MachineFacts | None = None


class Kept(Document):
    """`kept.json`: the agent has left a server running on purpose."""

    until: AwareDatetime


@dataclass(frozen=True)
class Pace:
    """How often what is looked at, and how long is waited for what should end by itself. Seconds."""

    look_s: float = 0.5
    notice_s: float = 5.0  # AWS's own advice for spot/instance-action
    ship_s: float = 30.0
    farewell_s: float = 60.0
    stopped_s: float = 10.0  # the same, where we were told to stop: the network may be gone already


@dataclass(frozen=True)
class World:
    """What the machine works with; the command puts it together, and a test puts stand-ins in."""

    store: Store  # patient: see PATIENT_ATTEMPTS
    imds: Imds
    start: Callable[[Path, IO[bytes]], process.Child]  # the agent, at work in a directory, writing a log
    arm: Callable[[datetime, int], None]  # the self-destruct timer: when, and in how many seconds at most
    power_off: Callable[[], None]
    pace: Pace = Pace()


def carry_out(directory: Path, world: World) -> int:
    """Do the errand that `directory`/boot.json names; the agent's exit status. Powers off, whatever happens.

    Raises `MachineFailed`, `VaultError` if the agent could not even be started; the vault is told why.
    """
    try:
        note = read_note(directory)
        try:
            return _Errand(note, directory, world).run()
        except Exception as error:
            _tell_trouble(note, world, error)
            raise
    finally:
        world.power_off()


def read_note(directory: Path) -> Note:
    """What the boot data said. Raises `MachineFailed`."""
    try:
        return Note.model_validate_json((directory / NOTE).read_bytes())
    except (OSError, ValidationError) as error:
        hint = "this command is for throwaway machines: their boot data call it"
        raise MachineFailed("read", str(directory / NOTE), _first_line(error), hint=hint) from error


def standing(home: Path) -> Standing | None:
    """Of the machine that works in `home`; None on this host, which is nobody's throwaway machine."""
    try:
        return Standing.model_validate_json((home / _STANDING).read_bytes())
    except FileNotFoundError:
        return None


def keep(home: Path, until: datetime) -> None:
    """The agent's word that its server is to live on; what watches over it lets it."""
    (home / _KEPT).write_text(Kept(until=until).model_dump_json())


class _Errand:
    """One errand on this machine, from its job to the last line of its log."""

    def __init__(self, note: Note, directory: Path, world: World) -> None:
        self._note = note
        self._world = world
        self._home = directory / note.errand
        self._log = self._home / "agent.log"
        self._notice: Notice | None = None

    def run(self) -> int:
        errand = self._prepare()
        # A little before the timer: what is known by then can still be told.
        end_s = clock.monotonic_s() + _left_s(errand) - self._world.pace.farewell_s
        shipper = _Shipper(self._world.store, f"{self._note.folder}agent-{self._note.attempt}.log", self._log)
        with self._log.open("ab") as log:
            child = self._world.start(self._home, log)
        patience_s = self._world.pace.farewell_s
        try:
            status = self._watch(child, shipper, end_s)
        except KeyboardInterrupt:  # a shutdown waits for us
            patience_s = self._world.pace.stopped_s
            raise
        finally:
            process.kill_group(child)
            shipper.farewell(patience_s)
        self._stay(errand)
        return status

    def _prepare(self) -> Errand:
        """The job and what is known of this machine, in a directory that the agent works in."""
        facts = self._facts()
        text = b"".join(self._world.store.fetch(f"{self._note.folder}job.json"))
        try:
            errand = Errand.model_validate_json(text)
        except ValidationError as error:
            raise MachineFailed("read", "the job", _first_line(error)) from error
        self._home.mkdir(mode=0o711, parents=True, exist_ok=True)
        self._home.chmod(0o711)  # the server's user must pass through
        (self._home / "job.json").write_bytes(text)
        told = Standing(attempt=self._note.attempt, facts=facts)
        (self._home / _STANDING).write_text(told.model_dump_json())
        self._log.touch(mode=0o600)
        self._world.arm(errand.expires_at, _lease_s(errand))
        return errand

    def _facts(self) -> MachineFacts | None:
        with contextlib.suppress(CloudError):
            return self._world.imds.facts()
        return None

    def _watch(self, child: process.Child, shipper: "_Shipper", end_s: float) -> int:
        """Until the agent has ended, or had to."""
        pace = self._world.pace
        next_notice_s, next_ship_s = 0.0, clock.monotonic_s() + pace.ship_s
        while (status := child.poll()) is None:
            now_s = clock.monotonic_s()
            if now_s > end_s:
                raise MachineFailed("run", "the agent", "it did not end in time")
            if now_s >= next_notice_s and self._notice is None:
                next_notice_s = now_s + pace.notice_s
                if self._is_taken_away():
                    child.terminate()  # it ends its server; what it found so far is worth nothing now
                    end_s = min(end_s, clock.monotonic_s() + pace.farewell_s)
            if now_s >= next_ship_s:
                next_ship_s = now_s + pace.ship_s
                shipper.ship()
            clock.sleep(pace.look_s)
        return status

    def _is_taken_away(self) -> bool:
        """Look for a spot notice; the first thing done about one is to tell it."""
        with contextlib.suppress(CloudError):
            self._notice = self._world.imds.notice()
        if self._notice is None:
            return False
        at = f" at {self._notice.at:%H:%M:%S} UTC" if self._notice.at else ""
        words = f"spot interruption notice: {self._notice.action}{at}"
        # Waited for a little, since the machine may be off in a moment; if the vault is dead, in vain.
        _put_event(self._world.store, self._note, 1, "interrupted", words, wait_s=5.0)
        return True

    def _stay(self, errand: Errand) -> None:
        """With a server that is kept: until that time or the lease is over, or the machine is taken away."""
        try:
            until = Kept.model_validate_json((self._home / _KEPT).read_bytes()).until
        except FileNotFoundError:
            return
        until = min(until, errand.expires_at)
        left_s = max(0.0, (until - clock.utcnow()).total_seconds())
        self._world.arm(until, round(left_s))
        end_s = clock.monotonic_s() + left_s
        while clock.monotonic_s() < end_s and not self._is_taken_away():
            clock.sleep(min(self._world.pace.notice_s, max(0.0, end_s - clock.monotonic_s())))


class _Shipper:
    """Puts a log into the vault, in the background: a dead vault holds up nothing. One at a time."""

    def __init__(self, store: Store, key: str, log: Path) -> None:
        self._store = store
        self._key = key
        self._log = log
        self._shipped: tuple[int, float] | None = None
        self._thread: threading.Thread | None = None

    def ship(self) -> None:
        """Unless it is as it was, or still under way."""
        if (self._thread is None or not self._thread.is_alive()) and self._state() != self._shipped:
            self._thread = threading.Thread(target=self._send, name="log", daemon=True)
            self._thread.start()

    def farewell(self, patience_s: float) -> None:
        """What is there now, if that can be had in time."""
        until_s = clock.monotonic_s() + patience_s
        for _ in range(2):  # one under way may have read the log before its last lines
            self.ship()
            if self._thread is not None:
                self._thread.join(max(0.0, until_s - clock.monotonic_s()))

    def _send(self) -> None:
        state = self._state()
        with contextlib.suppress(VaultError, OSError):
            self._store.put(self._key, self._chunks())
            self._shipped = state

    def _chunks(self) -> Iterator[bytes]:
        with self._log.open("rb") as file:
            file.seek(max(0, self._log.stat().st_size - _LOG_BYTES_MAX))
            yield file.read(_LOG_BYTES_MAX)

    def _state(self) -> tuple[int, float] | None:
        with contextlib.suppress(OSError):
            found = self._log.stat()
            return found.st_size, found.st_mtime
        return None


def _tell_trouble(note: Note, world: World, error: Exception) -> None:
    """Why there will be no report, as the machine's last words."""
    said = str(error) if isinstance(error, RestoredrillError) else f"{type(error).__name__}: {error}"
    _put_event(world.store, note, 2, "note", said, wait_s=world.pace.farewell_s)


def _put_event(
    store: Store,
    note: Note,
    from_end: int,
    kind: Literal["interrupted", "note"],
    message: str,
    wait_s: float,
) -> None:
    """In the background, as the vault may be dead; numbers from the end of the attempt's are ours."""
    number = boot.last_number(note.attempt) + 1 - from_end
    event = Event(at=clock.utcnow(), phase="machine", kind=kind, message=message[:2000])

    def send() -> None:
        with contextlib.suppress(VaultError):
            store.put(f"{note.folder}events/{number:06d}.json", [event.model_dump_json().encode()])

    thread = threading.Thread(target=send, name="event", daemon=True)
    thread.start()
    thread.join(wait_s)


def _left_s(errand: Errand) -> float:
    """Of the lease; a clock that is behind does not lengthen it."""
    return min(float(_lease_s(errand)), (errand.expires_at - clock.utcnow()).total_seconds())


def _lease_s(errand: Errand) -> int:
    return round((errand.expires_at - errand.started_at).total_seconds())


def _first_line(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return text.splitlines()[0][:300].lower() if text else type(error).__name__


# What stands behind `World` on a real machine ---------------------------------------------------------------


def arm(directory: Path, environment: Mapping[str, str], expires_at: datetime, lease_s: int) -> None:
    """Arm the machine's self-destruct timer (anew)."""
    program = directory / "arm.sh"
    program.write_text(boot.arming(expires_at, lease_s))
    with contextlib.suppress(TimeoutError):
        process.run(["sh", program], extra_env=environment, timeout_s=60)


def power_off() -> None:
    """Begin to shut this machine down. What called us does the same, should this fail."""
    with contextlib.suppress(RestoredrillError, TimeoutError):
        process.run(["systemctl", "poweroff"], timeout_s=60)
