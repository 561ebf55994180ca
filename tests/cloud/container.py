"""One throwaway machine: systemd as process 1 in namespaces of its own, on a disk and a network of its own.

It ends with the thread that started it, whatever happens to that one, and leaves a control group behind,
which carries its owner's name and is swept by the next bed.
"""

import contextlib
import fcntl
import os
import re
import signal
import subprocess
import termios
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

LAUNCH = Path(__file__).with_name("launch.sh")
GROUP_PREFIX = "restoredrill-bed"
# On hosts with both hierarchies the second one is mounted below the first.
GROUPS = next(
    (path for path in map(Path, ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")) if path.is_dir()),
    Path("/sys/fs/cgroup"),
)
ESCAPES = re.compile(r"\x1b(\[[0-9;?!]*[ -/]*[@-~]|[@-Z\\-_c]|\][^\x07]*\x07)")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
POWER_BUTTON = signal.SIGRTMIN + 4  # systemd(1): start poweroff.target
# What ends a process 1 that calls reboot(2): reboot(2), "Behavior inside PID namespaces".
# unshare(1) ends by the same signal; but with 1 after SIGKILL, and where it fails itself, in other words.
ENDS = {-signal.SIGINT: "poweroff", -signal.SIGHUP: "reboot", -signal.SIGKILL: "killed", 1: "killed"}
FAILED = re.compile(r"^(setpriv|nsenter|unshare): (?!sigprocmask)", re.MULTILINE)
GONE_WITHIN_S = 20.0
POLL_S = 0.02


@dataclass(frozen=True)
class Process:
    """Something that runs in a machine; `pid` is the host's number for it."""

    pid: int
    command: str


@dataclass(frozen=True)
class Hardware:
    """What a machine is made of."""

    tree: Path  # the root file system, shared and only read
    network: int  # descriptor of a network namespace
    type: str = "m7i.large"
    uuid: str = "ec2e1916-9099-7caf-fd21-012345abcdef"  # cloud-init knows EC2 by its first letters
    disk: str = "2g"  # how much it may write, as tmpfs counts
    nvme: int | None = None  # number of the loop device that is its local disk


class Container:
    """A machine that was switched on. `folder` is an empty directory; nobody else sees its mounts there."""

    def __init__(self, folder: Path, name: str, hardware: Hardware) -> None:
        self._group = GROUPS / f"{GROUP_PREFIX}-{_owner(os.getpid())}-{name}"
        self._group.mkdir()
        self._text = bytearray()
        self._frozen: list[int] = []
        self._namespace: str | None = None
        self._pid: int | None = None
        terminal, line = os.openpty()
        fcntl.ioctl(line, termios.TIOCSWINSZ, b"\x18\x00\xf0\x00\x00\x00\x00\x00")  # 24 lines of 240
        self._process = subprocess.Popen(
            self._argv(folder, hardware),
            stdin=subprocess.DEVNULL,
            stdout=line,
            stderr=line,
            pass_fds=(hardware.network,),
            start_new_session=True,  # the tester's Ctrl-C is none of its business
        )
        os.close(line)
        self._reader = threading.Thread(target=self._read, args=(terminal,), daemon=True)
        self._reader.start()

    def _argv(self, folder: Path, hardware: Hardware) -> list[str]:
        mortal = ["setpriv", "--pdeathsig", "KILL", "nsenter", f"--net=/proc/self/fd/{hardware.network}"]
        apart = ["unshare", "-m", "-p", "-u", "-i", "--fork", "--kill-child=KILL", "bash", str(LAUNCH)]
        nvme = [] if hardware.nvme is None else [str(hardware.nvme)]
        made = [
            str(hardware.tree),
            str(folder),
            str(self._group),
            hardware.type,
            hardware.uuid,
            hardware.disk,
        ]
        return [*mortal, *apart, *made, *nvme]

    def _read(self, terminal: int) -> None:
        # A terminal whose other end nobody holds any more reads as an error.
        with contextlib.suppress(OSError):
            while chunk := os.read(terminal, 65536):
                self._text += chunk
        os.close(terminal)

    @property
    def log(self) -> str:
        """What was written to the console so far, without what colours it."""
        return ESCAPES.sub("", self._text.decode(errors="replace").replace("\r", ""))

    @property
    def written(self) -> int:
        """How many bytes that is, as they came."""
        return len(self._text)

    @property
    def ended(self) -> str | None:
        """None while it is on; then `poweroff`, `reboot`, `killed`, or `failed` if it never got as far."""
        code = self._process.poll()
        if code is None:
            return None
        return "failed" if code == 1 and FAILED.search(self.log) else ENDS.get(code, "failed")

    @property
    def init(self) -> int | None:
        """The host's number of its process 1; None if there is none (yet, or any more)."""
        if self._process.poll() is not None:
            return None
        if self._pid is None:
            pid = self._process.pid
            with contextlib.suppress(OSError, ValueError, IndexError):
                child = int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
                self._namespace = _namespace(child)
                self._pid = child
        return self._pid

    def processes(self) -> list[Process]:
        """What runs in it, process 1 first; nothing once it is off."""
        found = []
        for pid in self._pids():
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                found.append(Process(pid, b" ".join(words).decode(errors="replace").strip()))
        return sorted(found, key=lambda process: process.pid)

    def _pids(self) -> list[int]:
        if self.init is not None:
            return [pid for pid in psutil.pids() if _namespace(pid) == self._namespace]
        # The namespace's number may be another machine's by now; the group's name is its own for ever.
        listed: list[int] = []
        for path in self._group.rglob("cgroup.procs"):
            with contextlib.suppress(OSError):
                listed += map(int, path.read_text().split())
        return listed

    def freeze(self, pattern: str) -> list[Process]:
        """Stop every process whose command line matches, and what these start meanwhile; they then hang."""
        stopped: dict[int, Process] = {}
        while fresh := [it for it in self._matching(pattern) if it.pid not in stopped]:
            for process in fresh:
                stopped[process.pid] = process
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGSTOP)
        self._frozen += stopped
        return list(stopped.values())

    def _matching(self, pattern: str) -> list[Process]:
        return [it for it in self.processes() if re.search(pattern, it.command) and it.pid != self.init]

    def thaw(self) -> None:
        """Let everything that was frozen go on."""
        alive = {process.pid for process in self.processes()}
        for pid in self._frozen:
            if pid in alive:
                os.kill(pid, signal.SIGCONT)
        self._frozen.clear()

    def exec(self, argv: list[str], timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run a program in it, as root, and wait for its end."""
        enter = ["nsenter", "-t", str(self._running()), "-m", "-u", "-i", "-n", "-p"]
        clean = ["env", "-i", f"PATH={PATH}", "HOME=/root", "LC_ALL=C.UTF-8"]
        return subprocess.run(
            [*enter, *clean, *argv], check=False, capture_output=True, text=True, timeout=timeout_s
        )

    def path(self, inside: str) -> Path:
        """Where a file of the machine is for us, while it is on."""
        return Path(f"/proc/{self._running()}/root") / inside.lstrip("/")

    def fill(self) -> int:
        """Use up the disk's last byte; how many there were."""
        filled = 0
        with self.path("/.filled").open("ab", buffering=0) as sink, contextlib.suppress(OSError):
            while True:  # a full disk may take a part of what it is given before it refuses
                filled += sink.write(bytes(1 << 20))
        return filled

    def empty(self) -> None:
        """Give back what `fill` took."""
        self.path("/.filled").unlink(missing_ok=True)

    def press_power_button(self) -> None:
        """Ask it to shut down, as EC2 does first when an instance is terminated."""
        if pid := self.init:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, POWER_BUTTON)

    def kill(self) -> None:
        """End it as a broken host would: nothing in it gets to say or write anything."""
        with contextlib.suppress(ProcessLookupError):
            if pid := self.init:
                os.kill(pid, signal.SIGKILL)
            self._process.wait(GONE_WITHIN_S)

    def close(self) -> None:
        """Switch it off if it is on, and leave nothing."""
        if self._process.poll() is None:
            self.kill() if self.init else self._process.kill()
        self._process.wait()
        self._reader.join(GONE_WITHIN_S)
        remove_group(self._group)

    def _running(self) -> int:
        pid = self.init
        if pid is None:
            raise RuntimeError(f"the machine is off ({self.ended}); its console ends: {self.log[-500:]}")
        return pid


def _namespace(pid: int) -> str | None:
    try:
        return str(Path(f"/proc/{pid}/ns/pid").readlink())
    except OSError:  # gone, or about to be
        return None


def _owner(pid: int) -> str:
    """A process by number and start, so that a later one of the same number is not taken for it."""
    return f"{pid}.{int(psutil.Process(pid).create_time() * 100)}"


def remove_group(group: Path) -> None:
    """End what is in a control group and remove it. The kernel lets go of the dead a moment later."""
    deadline = time.monotonic() + GONE_WITHIN_S
    while group.is_dir():
        kill = group / "cgroup.kill"
        if kill.exists():
            with contextlib.suppress(OSError):
                kill.write_text("1")
        for path in sorted(group.rglob("*/"), key=lambda path: len(path.parts), reverse=True):
            with contextlib.suppress(OSError):
                path.rmdir()
        try:
            group.rmdir()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_S)


def sweep() -> list[str]:
    """End and remove what beds left behind whose process is gone; the names of what was found."""
    swept = []
    for group in GROUPS.glob(f"{GROUP_PREFIX}-*-*"):
        owner = group.name.removeprefix(f"{GROUP_PREFIX}-").rsplit("-", 1)[0]
        pid = int(owner.split(".")[0])
        if not psutil.pid_exists(pid) or _owner(pid) != owner:
            remove_group(group)
            swept.append(group.name)
    return swept
