"""Settings by memory, cores and size. That every major takes them is seen in test_target.py."""

from pathlib import Path

import pytest

from restoredrill.engines.postgres import room
from restoredrill.engines.postgres.tuning import GB, MB, Machine, settings

SMALL = Machine(memory_bytes=512 * MB, cores=1)
USUAL = Machine(memory_bytes=8 * GB, cores=2)
LARGE = Machine(memory_bytes=256 * GB, cores=64)


def megabytes(machine: Machine, name: str, *, jobs: int = 2, size_bytes: int = 10 * GB) -> int:
    chosen = settings(machine, major=17, jobs=jobs, database_bytes=size_bytes)
    return int(chosen[name].removesuffix("MB"))


@pytest.mark.parametrize(("machine", "expected"), [(SMALL, 128), (USUAL, 2048), (LARGE, 2048)])
def test_buffers_are_a_quarter_of_what_is_free_within_bounds(machine: Machine, expected: int) -> None:
    assert megabytes(machine, "shared_buffers") == expected


def test_a_small_database_gets_no_more_buffers_than_it_can_fill() -> None:
    assert megabytes(LARGE, "shared_buffers", size_bytes=10 * MB) == 74


@pytest.mark.parametrize(
    ("size_bytes", "expected"),
    [(1 * MB, 32), (10 * GB, 40), (20 * GB, 80), (1000 * GB, 128)],
)
def test_index_builds_get_more_memory_for_more_data_but_never_too_much(
    size_bytes: int, expected: int
) -> None:
    assert megabytes(LARGE, "maintenance_work_mem", size_bytes=size_bytes) == expected


def test_many_jobs_share_the_memory_there_is() -> None:
    each = megabytes(SMALL, "maintenance_work_mem", jobs=8, size_bytes=1000 * GB)
    assert each * 8 <= 512 // 4
    assert megabytes(SMALL, "maintenance_work_mem", jobs=100) == 16


def test_one_core_starts_no_parallel_workers_and_many_cores_not_too_many() -> None:
    alone = settings(SMALL, major=17, jobs=1, database_bytes=GB)
    many = settings(LARGE, major=17, jobs=16, database_bytes=GB)
    assert alone["max_parallel_maintenance_workers"] == "0"
    assert many["max_parallel_maintenance_workers"] == "4"
    assert int(many["max_worker_processes"]) > int(many["max_parallel_workers"])
    assert int(many["max_connections"]) >= 2 * 16


def test_safety_is_given_up_and_nobody_is_called() -> None:
    chosen = settings(USUAL, major=14, jobs=2, database_bytes=GB)
    off = ("fsync", "synchronous_commit", "full_page_writes", "autovacuum", "archive_mode")
    assert {chosen[name] for name in off} == {"off"}
    assert chosen["wal_level"] == "minimal"
    assert chosen["shared_preload_libraries"] == ""
    assert chosen["max_logical_replication_workers"] == "0"


def test_event_triggers_are_off_where_they_can_be() -> None:
    assert "event_triggers" not in settings(USUAL, major=16, jobs=2, database_bytes=GB)
    assert settings(USUAL, major=17, jobs=2, database_bytes=GB)["event_triggers"] == "off"


def test_a_container_has_what_its_control_group_allows(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("1073741824\n")
    (tmp_path / "cpu.max").write_text("100000 100000\n")
    assert room.machine(tmp_path) == Machine(memory_bytes=GB, cores=1)


def test_an_older_container_has_what_its_control_group_allows(tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("268435456\n")
    assert room.machine(tmp_path).memory_bytes == 256 * MB


def test_without_limits_the_machine_is_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "cpu.max").write_text("max 100000\n")
    found = room.machine(tmp_path)
    assert found.memory_bytes > 64 * MB
    assert found.cores >= 1
