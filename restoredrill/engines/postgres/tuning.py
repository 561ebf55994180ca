"""Settings for a server that lives an hour and whose files nobody will miss: speed over safety.

Pure: what the machine has comes in, settings come out. Sources: [D] is what was measured on real restores
before this was written (1.4 GB, two cores; the README's table of figures repeats it), [doc] PostgreSQL's
manual, chapters "Server Configuration" and "Populating a Database".
"""

from collections.abc import Mapping
from dataclasses import dataclass

MB = 1 << 20
GB = 1 << 30


@dataclass(frozen=True)
class Machine:
    """What a server may use: memory that is free now, and cores."""

    memory_bytes: int
    cores: int


def settings(machine: Machine, *, major: int, jobs: int, database_bytes: int) -> Mapping[str, str]:
    """For postgresql.conf, to restore `database_bytes` with `jobs` and ask questions afterwards."""
    return {
        **_MAKES_NO_PROMISE,
        **_write_ahead(database_bytes),
        **_memory(machine, jobs, database_bytes),
        **_parallel(machine, jobs),
        **_QUIET,
        **_CALLS_NOBODY,
        # Before 17 there is no such switch: there, the restoring session is a replica's (restore.py).
        **({"event_triggers": "off"} if major >= 17 else {}),
    }


_MAKES_NO_PROMISE = {
    # [D] together 1.25 times as fast on a fast disk, and 3.7 GB less written.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    # [doc] COPY into a table that its transaction has truncated, as pg_restore -j does, then skips the log.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "archive_mode": "off",
    "wal_compression": "off",
    # Zeroing and recycling segments keeps their places on disk, which nobody needs.
    "wal_init_zero": "off",
    "wal_recycle": "off",
    "checkpoint_timeout": "1h",
    # Do not push the kernel to write what will be erased ([doc] 0 disables forced writeback).
    "checkpoint_flush_after": "0",
    "bgwriter_flush_after": "0",
    "bgwriter_lru_maxpages": "0",
    # Rows are counted once and the directory is erased: nothing to vacuum.
    "autovacuum": "off",
}

_QUIET = {
    # track_activities stays on: what a restore is doing is read from there (watch.py).
    "track_counts": "off",
    "update_process_title": "off",
    # Compiling costs more than it saves on queries that run once ([doc] "JIT Configuration").
    "jit": "off",
    # Reserved huge pages of a shared host belong to whoever reserved them.
    "huge_pages": "off",
    "ssl": "off",
    "random_page_cost": "1.1",
}

# Promise 5. The network is gone already (process.start); nothing shall try in vain for minutes either.
_CALLS_NOBODY = {
    "shared_preload_libraries": "",  # no job scheduler wakes up
    "session_preload_libraries": "",
    "local_preload_libraries": "",
    "max_logical_replication_workers": "0",  # no subscription is served
    "max_replication_slots": "0",
    "bonjour": "off",
    "primary_conninfo": "",
}


def _write_ahead(database_bytes: int) -> dict[str, str]:
    # A checkpoint in the middle only costs. Large objects are logged whole, so as much as there is data.
    largest = _clamp(2 * database_bytes, 1 * GB, 16 * GB)
    return {"max_wal_size": _mb(largest), "min_wal_size": "80MB", "wal_buffers": "16MB"}


def _memory(machine: Machine, jobs: int, database_bytes: int) -> dict[str, str]:
    """A quarter for buffers, at most as much again for index builds, so that a busy host has its half."""
    # [D] used 2 GB for 1.4 GB; a database that fits needs no more than its size.
    buffers = _clamp(min(machine.memory_bytes // 4, database_bytes + 64 * MB), 64 * MB, 2 * GB)
    # [D] GIN builds: 64 MB 14.1 s, 256 MB 16.1 s, 1 GB 18.3 s; b-tree builds gain nothing beyond 256 MB.
    wanted = _clamp(database_bytes // 256, 32 * MB, 128 * MB)
    affordable = machine.memory_bytes // 4 // max(1, jobs)
    return {
        "shared_buffers": _mb(buffers),
        "maintenance_work_mem": _mb(max(16 * MB, min(wanted, affordable))),
        "work_mem": _mb(_clamp(machine.memory_bytes // 64 // max(1, jobs), 4 * MB, 64 * MB)),
        "effective_cache_size": _mb(max(128 * MB, machine.memory_bytes // 2)),
    }


def _parallel(machine: Machine, jobs: int) -> dict[str, str]:
    """Every core may work, on one thing or on several; who waits for a core does so in the kernel."""
    cores = max(1, machine.cores)
    return {
        # Towards the end one long index build is left, for which the other cores are idle.
        "max_parallel_maintenance_workers": str(_clamp(cores - 1, 1, 4) if cores > 1 else 0),
        "max_parallel_workers_per_gather": str(min(cores, 4) if cores > 1 else 0),
        "max_parallel_workers": str(cores),
        "max_worker_processes": str(cores + 4),
        # pg_restore, one that watches, the fingerprint's, and whatever a check's command opens.
        "max_connections": str(max(50, 2 * jobs + 20)),
        # Thousands of tables are locked by one transaction when all are counted; a lock takes some 300 bytes.
        "max_locks_per_transaction": "1024",
    }


def _clamp(value: int, least: int, most: int) -> int:
    return max(least, min(value, most))


def _mb(size_bytes: int) -> str:
    return f"{size_bytes // MB}MB"
