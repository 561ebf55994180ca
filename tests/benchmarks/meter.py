"""What a step costs: seconds, CPU by who used it, bytes written, peak memory and disk; and who else worked.

Linux only. The kernel adds what an ended child used to the parent that waited for it, CPU (proc(5), cutime)
as well as bytes (task_io_accounting), so the sum over the living processes of a tree never loses anything.
"""

import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_BLOCK_BYTES = 512  # of st_blocks (stat(2))
_SERVER = "postgres"
_LOOK_S = 0.05

CORES = len(os.sched_getaffinity(0))


@dataclass(frozen=True)
class _Process:
    pid: int
    parent: int
    name: str
    cpu_s: float  # its own, and that of its children that it has waited for


@dataclass(frozen=True)
class Roots:
    """Whose processes are whose: all of ours descend from `harness`; `store` is the S3 server."""

    harness: int
    store: int
    client: int


@dataclass(frozen=True)
class Reading:
    """What was used up to a moment, by who: `client`, `database`, `store`, `harness`."""

    at_s: float
    busy_s: float  # of all cores of the machine, whoever it was; stolen time included
    cpu_s: Mapping[str, float]
    written_bytes: Mapping[str, int]


@dataclass(frozen=True)
class Spent:
    """What lies between two readings.

    `written_bytes` are those that the client and the database gave the kernel to write and did not take back
    before it did. `foreign` is the share of the machine's CPU that others used: 0.0 to 1.0.
    """

    wall_s: float
    client_cpu_s: float
    database_cpu_s: float
    store_cpu_s: float
    written_bytes: int
    foreign: float

    @property
    def cpu_s(self) -> float:
        """Of everything that the step needs."""
        return self.client_cpu_s + self.database_cpu_s + self.store_cpu_s


def read(roots: Roots) -> Reading:
    """Look now."""
    at_s, busy_s = time.monotonic(), _busy_s()
    owners = _owners(roots, {process.pid: process for process in _processes()})
    cpu_s = dict.fromkeys(("client", "database", "store", "harness"), 0.0)
    written = dict.fromkeys(cpu_s, 0)
    for process, owner in owners:
        cpu_s[owner] += process.cpu_s
        written[owner] += _written_bytes(process.pid)
    return Reading(at_s, busy_s, cpu_s, written)


def between(first: Reading, second: Reading, cores: int = CORES) -> Spent:
    """What was spent from one reading to the next."""
    wall_s = second.at_s - first.at_s
    cpu_s = {who: second.cpu_s[who] - first.cpu_s[who] for who in second.cpu_s}
    foreign_s = second.busy_s - first.busy_s - sum(cpu_s.values())
    written = {who: second.written_bytes[who] - first.written_bytes[who] for who in second.written_bytes}
    return Spent(
        wall_s=wall_s,
        client_cpu_s=cpu_s["client"],
        database_cpu_s=cpu_s["database"],
        store_cpu_s=cpu_s["store"],
        written_bytes=max(0, written["client"] + written["database"]),
        foreign=min(1.0, max(0.0, foreign_s / (wall_s * cores))),
    )


def await_quiet(limit_s: float, most: float = 0.05) -> None:
    """Wait until others use no more than `most` of the machine for a second, or until `limit_s` are over."""
    until_s = time.monotonic() + limit_s
    roots = Roots(harness=os.getpid(), store=0, client=0)
    while time.monotonic() < until_s:
        first = read(roots)
        time.sleep(1)
        if between(first, read(roots)).foreign <= most:
            return


def _owners(roots: Roots, processes: Mapping[int, _Process]) -> Iterator[tuple[_Process, str]]:
    children: dict[int, list[int]] = {}
    for one in processes.values():
        children.setdefault(one.parent, []).append(one.pid)
    waiting = [(roots.harness, "harness")]
    while waiting:
        pid, owner = waiting.pop()
        process = processes.get(pid)
        if process is None:
            continue
        if pid == roots.store:
            owner = "store"
        elif pid == roots.client:
            owner = "client"
        elif process.name == _SERVER:
            owner = "database"
        yield process, owner
        waiting += [(child, owner) for child in children.get(pid, ())]


def _processes() -> Iterator[_Process]:
    for name in os.listdir("/proc"):  # noqa: PTH208 - often
        if name.isdigit() and (process := _process(int(name))) is not None:
            yield process


def _process(pid: int) -> _Process | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    start, end = text.index("("), text.rindex(")")
    fields = text[end + 2 :].split()  # from the third on: state, ppid, …
    ticks = sum(int(fields[i]) for i in range(11, 15))  # utime, stime, cutime, cstime
    return _Process(pid, int(fields[1]), text[start + 1 : end], ticks / _TICKS_PER_S)


def _written_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    except OSError:
        return 0
    found = dict(line.split(": ") for line in lines)
    return int(found["write_bytes"]) - int(found["cancelled_write_bytes"])


def _busy_s() -> float:
    # user nice system idle iowait irq softirq steal (proc_stat(5))
    user, nice, system, _, _, irq, softirq, steal = _cpu_ticks()
    return (user + nice + system + irq + softirq + steal) / _TICKS_PER_S


def _cpu_ticks() -> tuple[int, ...]:
    with Path("/proc/stat").open() as stat:
        return tuple(int(word) for word in stat.readline().split()[1:9])


# Peaks ------------------------------------------------------------------------------------------------------


@dataclass
class Peaks:
    """The most that was seen since the last `reset`: memory of the client's processes together, and bytes on
    disk below its folder that belong to no server. `resident_bytes` counts what they share for each of them.
    """

    memory_bytes: int = 0
    resident_bytes: int = 0
    disk_bytes: int = 0


@dataclass
class Watch:
    """Looks every 50 ms, in a thread, at a client's processes and at a folder."""

    client: int
    folder: Path
    peaks: Peaks = field(default_factory=Peaks)
    _done: threading.Event = field(default_factory=threading.Event)
    _known: dict[int, _Process] = field(default_factory=dict)
    _servers: set[str] = field(default_factory=set)
    _thread: threading.Thread | None = None

    def reset(self) -> None:
        """A step begins."""
        self.peaks = Peaks()
        self._look()

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(_LOOK_S):
            self._look()

    def _look(self) -> None:
        peaks = self.peaks
        peaks.disk_bytes = max(peaks.disk_bytes, allocated_bytes(self.folder, self._servers))
        family = self._family()
        resident = sum(map(_resident_bytes, family))
        if resident > peaks.resident_bytes:  # what is shared takes long to find out: not at every look
            peaks.resident_bytes = resident
            peaks.memory_bytes = max(peaks.memory_bytes, sum(map(_memory_bytes, family)))

    def _family(self) -> list[int]:
        """The client and its descendants without servers. A process that is new or became another program is
        left out for one look: before it does, it shows its parent's memory as its own.
        """
        there = {int(name) for name in os.listdir("/proc") if name.isdigit()}  # noqa: PTH208 - often
        known = {pid: process for pid, process in self._known.items() if pid in there}
        family: set[int] = set()
        settled = []
        for pid in sorted(there):
            before = known.get(pid)
            if before is not None and before.parent not in family and pid != self.client:
                continue  # strangers are asked once
            now = _process(pid)
            if now is None:
                continue
            known[pid] = now
            if now.name != _SERVER and (pid == self.client or now.parent in family):
                family.add(pid)
                if before is not None and before.name == now.name:
                    settled.append(pid)
        self._known = known
        return settled


def _memory_bytes(pid: int) -> int:
    """Its own pages, and its share of those that it shares with others (proc(5), Pss)."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))


def _resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError):
        return 0


def allocated_bytes(folder: Path, servers: set[str]) -> int:
    """What a folder takes on disk without the directories of database servers. They hold PG_VERSION, but not
    to the end when they are erased: those found are added to `servers`.
    """
    total = 0
    for place, folders, files in os.walk(folder):
        if "PG_VERSION" in files or place in servers:
            servers.add(place)
            folders.clear()
            continue
        for name in files:
            try:
                total += os.lstat(os.path.join(place, name)).st_blocks * _BLOCK_BYTES  # noqa: PTH118 - often
            except FileNotFoundError:
                continue
    return total
