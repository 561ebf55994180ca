"""What a backup asks of a machine, and for how long: arithmetic on its manifest and on earlier drills.

How the restoring server divides memory is `engines/postgres/tuning.py`'s to say; a test holds the two to each
other. First guesses are used only until a drill of the database has been seen.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from restoredrill.model import Manifest, Report, ServerFacts, StoredFile, Verdict
from restoredrill.plan import Need, PhaseEstimate, Volume

MB, GB = 10**6, 10**9
MIB, GIB = 1 << 20, 1 << 30

MEMORY_BYTES_MIN = 2 * GIB  # an operating system, the agent and a small server
MEMORY_BYTES_FOR_INDEX = 16 * GIB  # beyond it, sorting runs at the disk's speed and memory buys little
LARGEST_BUFFERS_BYTES = 2 * GIB
LARGEST_SORT_BYTES = 128 * MIB
SMALLEST_SORT_BYTES = 32 * MIB
SHARE_OF_MEMORY = 4  # a quarter for buffers, a quarter for all sorts together

WAL_BYTES_MIN, WAL_BYTES_MAX = 1 * GIB, 16 * GIB
SPOOL_BYTES = 2 * GB  # a dump in passing (0.26 GB), logs, the bundle unpacked
# File systems keep 5 % back; statistics and free space maps are not in the source's size.
MARGIN = 1.2

# gp3's limits since September 2025 (EBS user guide, "General Purpose SSD volumes").
GP3_GB_MAX = 65_536
GP3_IOPS_MIN, GP3_IOPS_MAX, GP3_IOPS_PER_GB = 3000, 80_000, 500
GP3_MB_PER_S_MIN, GP3_MB_PER_S_MAX = 125, 2000
GP3_IOPS_PER_MB_PER_S = 4

# First guesses. README's table of figures: 1.4 GB restored in 36 CPU seconds, verified in 0.12 of the time.
RESTORED_BYTES_PER_S_AND_CORE = 35 * MB
VERIFIED_PER_RESTORE = 0.12
DUMPED_BYTES_PER_S_AND_CORE = 40 * MB  # of the database; the same table: half of it is compression
DATA_SHARE = 0.55  # of a restore; the rest is index builds and constraints
PROVISION_S = 60.0  # launch, boot, bundle: what a stock image of a distribution takes
PREPARE_S = 5.0  # initdb and the server's start
ROLES_S = 1.0
PRE_DATA_S = 2.0
CHECKS_S = 10.0
END_S = 30.0  # from the report to "terminated"; EC2 bills up to then

_REMEMBERED = 5  # drills: older ones were of another size and another version
_GROWING = ("data", "post-data", "verify")  # with the backup


@dataclass(frozen=True)
class Load:
    """A database by its sizes: all that sizing needs to know of it."""

    restored_bytes: int
    stored_bytes: int
    largest_table_bytes: int  # with its indexes
    major: int
    extensions: tuple[str, ...] = ()

    @classmethod
    def of(cls, manifest: Manifest) -> "Load":
        """What the manifest says; the largest table's share is that of its file among the files."""
        restored = max(manifest.server.size_bytes, manifest.size_bytes)
        data = [_bytes(file) for file in manifest.files if file.key.startswith("data/")]
        share = max(data, default=0) / sum(data) if sum(data) else 0.0
        return cls(
            restored_bytes=restored,
            stored_bytes=manifest.size_bytes,
            largest_table_bytes=math.ceil(restored * share),
            major=manifest.server.major,
            extensions=tuple(sorted(extension.name for extension in manifest.server.extensions)),
        )

    @classmethod
    def of_source(cls, facts: ServerFacts) -> "Load":
        """Of a database that is to be dumped: nothing of it stays on the machine."""
        return cls(facts.size_bytes, 0, 0, facts.major)


def need(manifest: Manifest, jobs: int) -> Need:
    """What restoring `manifest` with `jobs` asks for."""
    return need_of(Load.of(manifest), jobs)


def need_of(load: Load, jobs: int) -> Need:
    """The same from sizes. Never nothing; more of anything never asks for less."""
    jobs = max(1, jobs)
    memory, why_memory = _memory(load, jobs)
    disk, why_disk = _disk(load)
    return Need(
        memory_bytes=memory,
        cores=jobs,
        disk_bytes=disk,
        major=load.major,
        extensions=load.extensions,
        reasons=(why_memory, f"{jobs} cores: one for each of {jobs} jobs", why_disk),
    )


def need_of_dump(load: Load, jobs: int) -> Need:
    """What dumping asks for: streams, so memory and disk do not grow with the database."""
    jobs = max(1, jobs)
    return Need(
        memory_bytes=MEMORY_BYTES_MIN,
        cores=jobs,
        disk_bytes=SPOOL_BYTES,
        major=load.major,
        reasons=(
            f"{_gib(MEMORY_BYTES_MIN)} of memory: a dump is a stream",
            f"{jobs} cores: one for each of {jobs} jobs, which compress",
            f"{SPOOL_BYTES / GB:.0f} GB of disk: the spool and the agent",
        ),
    )


def volume(needed: Need, *, jobs: int, memory_bytes: int, image_gb: int) -> Volume:
    """The gp3 volume that holds `needed`, and is not what the restore waits for. Prices are not in it yet."""
    gb = max(image_gb, 1, math.ceil((needed.disk_bytes + image_gb * GIB) / GIB))
    # Written once, read once for the indexes, written again as indexes.
    wanted = math.ceil(2 * RESTORED_BYTES_PER_S_AND_CORE * jobs / MB)
    if needed.disk_bytes <= memory_bytes:
        wanted = GP3_MB_PER_S_MIN  # nothing is flushed before it is erased: it all stays in memory
    mb_per_s = _clamp(wanted, GP3_MB_PER_S_MIN, GP3_MB_PER_S_MAX)
    iops = _clamp(mb_per_s * GP3_IOPS_PER_MB_PER_S, GP3_IOPS_MIN, GP3_IOPS_MAX)
    iops = max(GP3_IOPS_MIN, min(iops, gb * GP3_IOPS_PER_GB))
    return Volume(gb=gb, iops=iops, mb_per_s=min(mb_per_s, max(125, iops // GP3_IOPS_PER_MB_PER_S)))


def phases(load: Load, earlier: Sequence[Report], jobs: int, *, checks: bool = True) -> list[PhaseEstimate]:
    """How long a drill's phases will take, in their order, each with what says so."""
    jobs = max(1, jobs)
    restore_s = load.restored_bytes / (RESTORED_BYTES_PER_S_AND_CORE * jobs)
    rate = f"{RESTORED_BYTES_PER_S_AND_CORE * jobs // MB} MB/s for {jobs} jobs, a first guess"
    guesses = {
        "provision": (PROVISION_S, "a first guess"),
        "prepare": (PREPARE_S, "a first guess"),
        "globals": (ROLES_S, "a first guess"),
        "pre-data": (PRE_DATA_S, "a first guess"),
        "data": (restore_s * DATA_SHARE, rate),
        "post-data": (restore_s * (1 - DATA_SHARE), rate),
        "verify": (restore_s * VERIFIED_PER_RESTORE, f"{VERIFIED_PER_RESTORE} of the restore, a first guess"),
        "checks": (CHECKS_S, "a first guess"),
        "end": (END_S, "a first guess"),
    }
    seen = [report for report in earlier if _tells(report)]
    seen = sorted(seen, key=lambda report: report.started_at, reverse=True)[:_REMEMBERED]
    return [
        _seen(name, seen, load.stored_bytes) or PhaseEstimate(phase=name, seconds=seconds, basis=basis)
        for name, (seconds, basis) in guesses.items()
        if checks or name != "checks"
    ]


def dump_phases(load: Load, jobs: int) -> list[PhaseEstimate]:
    """The same for a backup on a machine."""
    rate = DUMPED_BYTES_PER_S_AND_CORE * max(1, jobs)
    basis = f"{rate // MB} MB/s for {max(1, jobs)} jobs, a first guess"
    return [
        PhaseEstimate(phase="provision", seconds=PROVISION_S, basis="a first guess"),
        PhaseEstimate(phase="dump", seconds=PREPARE_S + load.restored_bytes / rate, basis=basis),
        PhaseEstimate(phase="end", seconds=END_S, basis="a first guess"),
    ]


def _memory(load: Load, jobs: int) -> tuple[int, str]:
    buffers = min(load.restored_bytes + 64 * MIB, LARGEST_BUFFERS_BYTES)
    sort = _clamp(load.restored_bytes // 256, SMALLEST_SORT_BYTES, LARGEST_SORT_BYTES)
    served = SHARE_OF_MEMORY * max(buffers, sort * jobs)
    # Sorted runs are written and read again: with room for the table beside them that costs no disk.
    indexed = min(2 * load.largest_table_bytes, MEMORY_BYTES_FOR_INDEX)
    memory = max(MEMORY_BYTES_MIN, served, indexed)
    why = {
        MEMORY_BYTES_MIN: "the least that a server and the agent need",
        served: f"{_gib(buffers)} of buffers, {_gib(sort)} for each of {jobs} index builds",
        indexed: f"index builds on the largest table, {_gib(load.largest_table_bytes)}, from memory",
    }
    return memory, f"{_gib(memory)} of memory: {why[memory]}"


def _disk(load: Load) -> tuple[int, str]:
    wal = _clamp(2 * load.restored_bytes, WAL_BYTES_MIN, WAL_BYTES_MAX)
    kept = load.restored_bytes + load.largest_table_bytes + wal
    disk = math.ceil(kept * MARGIN) + SPOOL_BYTES
    return disk, (
        f"{disk / GB:.1f} GB of disk: {load.restored_bytes / GB:.1f} GB of database, "
        f"{load.largest_table_bytes / GB:.1f} GB to sort its largest table, {wal / GB:.0f} GB of log, "
        f"a fifth to spare and {SPOOL_BYTES / GB:.0f} GB for the agent"
    )


def _seen(name: str, earlier: Sequence[Report], stored_bytes: int) -> PhaseEstimate | None:
    """From earlier drills: the median, grown with the backup where the phase grows with it."""
    found = [seconds for report in earlier if (seconds := _took(name, report, stored_bytes)) is not None]
    if not found:
        return None
    drills = "1 earlier drill" if len(found) == 1 else f"{len(found)} earlier drills"
    return PhaseEstimate(phase=name, seconds=median(found), basis=drills)


def _tells(report: Report) -> bool:
    """Did it come to its end: a phase that was cut short says nothing about how long it takes."""
    ended = report.verdict is not Verdict.INCONCLUSIVE
    return ended and report.backup is not None and report.backup.bytes > 0


def _took(name: str, report: Report, stored_bytes: int) -> float | None:
    if name == "provision":
        # A drill on this host starts in no time, which says nothing about a boot.
        return report.machine.boot_s if report.machine.provider == "ec2" else None
    seconds = [phase.seconds for phase in report.phases if phase.name == name]
    if not seconds or report.backup is None:
        return None
    grown = stored_bytes / report.backup.bytes if name in _GROWING else 1.0
    return sum(seconds) * grown


def _bytes(file: StoredFile) -> int:
    return file.plain_bytes or file.size_bytes


def _clamp(value: int, least: int, most: int) -> int:
    return max(least, min(value, most))


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / GIB:.1f} GiB" if size_bytes >= GIB / 10 else f"{size_bytes / MIB:.0f} MiB"
