"""What a backup asks of a machine: never nothing, never less for more, and as the server will divide it."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restoredrill.engines.postgres import tuning
from restoredrill.machines.ec2 import sizing
from restoredrill.machines.ec2.sizing import Load
from restoredrill.model import BackupFacts, MachineFacts, Phase, Report, ServerFacts, Verdict
from restoredrill.plan import Need
from tests.machines.ec2.asked import NOW
from tests.machines.ec2.wanted import GB, GIB, manifest

SIZES = st.integers(0, 1 << 50)
JOBS = st.integers(1, 128)


def load(restored: int, stored: int = 0, largest: int = 0) -> Load:
    return Load(restored, stored, min(largest, restored), 17)


def numbers(need: Need) -> tuple[int, int, int]:
    return need.memory_bytes, need.cores, need.disk_bytes


@given(SIZES, SIZES, SIZES, SIZES, JOBS, JOBS)
def test_more_of_anything_never_asks_for_less(
    restored: int, more: int, largest: int, larger: int, jobs: int, further: int
) -> None:
    less = sizing.need_of(Load(restored, 0, largest, 17), jobs)
    greater = sizing.need_of(Load(restored + more, 0, largest + larger, 17), jobs + further)
    assert all(a <= b for a, b in zip(numbers(less), numbers(greater), strict=True))


@given(SIZES, SIZES, st.integers(-1, 128))
def test_nothing_is_ever_asked_for_as_nothing(restored: int, largest: int, jobs: int) -> None:
    need = sizing.need_of(load(restored, 0, largest), jobs)
    assert min(numbers(need)) > 0
    assert need.disk_bytes > restored
    assert len(need.reasons) == 3
    assert all(reason for reason in need.reasons)
    assert min(numbers(sizing.need_of_dump(load(restored), jobs))) > 0


@given(SIZES, JOBS, st.integers(1, 1 << 42), st.integers(0, 2000))
def test_a_volume_holds_it_all_and_keeps_to_the_limits_of_gp3(
    restored: int, jobs: int, memory: int, image_gb: int
) -> None:
    need = sizing.need_of(load(restored), jobs)
    volume = sizing.volume(need, jobs=jobs, memory_bytes=memory, image_gb=image_gb)
    assert volume.gb * GIB >= need.disk_bytes + image_gb * GIB
    assert sizing.GP3_IOPS_MIN <= volume.iops <= sizing.GP3_IOPS_MAX
    assert sizing.GP3_MB_PER_S_MIN <= volume.mb_per_s <= sizing.GP3_MB_PER_S_MAX
    assert volume.mb_per_s <= max(125, volume.iops / 4)
    assert volume.iops <= max(3000, volume.gb * 500)


@given(SIZES, SIZES, JOBS)
def test_phases_take_some_time_and_each_says_by_what(restored: int, stored: int, jobs: int) -> None:
    for phases in (
        sizing.phases(load(restored, stored), (), jobs),
        sizing.dump_phases(load(restored), jobs),
    ):
        assert sum(phase.seconds for phase in phases) > 60
        assert all("a first guess" in phase.basis for phase in phases)
        assert (phases[0].phase, phases[-1].phase) == ("provision", "end")


@pytest.mark.parametrize("restored", [0, 5 * 10**6, GB, 40 * GB, 10_000 * GB])
@pytest.mark.parametrize("jobs", [1, 2, 8, 32])
def test_the_server_gets_all_that_it_would_take(restored: int, jobs: int) -> None:
    """The tuning gives a machine of this memory as much as one that has any amount of it."""
    memory = sizing.need_of(load(restored), jobs).memory_bytes
    here, anywhere = (
        tuning.settings(
            tuning.Machine(memory_bytes=size, cores=jobs), major=17, jobs=jobs, database_bytes=restored
        )
        for size in (memory, 1 << 50)
    )
    for name in ("shared_buffers", "maintenance_work_mem", "max_wal_size"):
        assert here[name] == anywhere[name], name


def test_a_manifest_tells_its_largest_table_by_its_files() -> None:
    made = Load.of(manifest(100 * GB, (3 * GB, GB), "postgis", "hstore"))
    assert made.largest_table_bytes == 75 * GB
    assert (made.restored_bytes, made.stored_bytes, made.major) == (100 * GB, 4 * GB, 17)
    assert made.extensions == ("hstore", "postgis")


def test_a_manifest_without_data_or_with_odd_sizes_is_no_error() -> None:
    assert Load.of(manifest(0, ())).largest_table_bytes == 0
    assert Load.of(manifest(GB, (0, 0))).largest_table_bytes == 0
    assert Load.of(manifest(1, (GB,))).restored_bytes == GB, "a database is no smaller than its dump"


def test_a_volume_that_is_written_through_is_faster_than_one_that_is_not() -> None:
    need = sizing.need_of(load(200 * GB), 8)
    small, large = (
        sizing.volume(need, jobs=8, memory_bytes=memory, image_gb=8) for memory in (16 * GIB, 2000 * GIB)
    )
    assert small.mb_per_s == 560 > large.mb_per_s == 125
    assert small.gb == large.gb


def test_a_dump_does_not_grow_with_the_database() -> None:
    facts = ServerFacts(
        version="16.2",
        version_num=160002,
        database="shop",
        encoding="UTF8",
        collate="C",
        ctype="C",
        size_bytes=5000 * GB,
    )
    seen = Load.of_source(facts)
    need = sizing.need_of_dump(seen, 4)
    assert numbers(need) == numbers(sizing.need_of_dump(load(0), 4))
    assert (need.major, seen.restored_bytes) == (16, 5000 * GB)
    assert sum(p.seconds for p in sizing.dump_phases(seen, 4)) > 5000 * GB / (4 * 40e6)


# Earlier drills


def report(stored: int = GB, data_s: float = 100.0, ago: int = 1, **more: Any) -> Report:
    began = NOW - timedelta(days=ago)
    said: dict[str, Any] = {
        "drill": "20261125T031500Z-7f3a",
        "database": "shop",
        "verdict": Verdict.PASSED,
        "backup": BackupFacts(
            id="20261125T021500Z-0001", taken_at=began, age_s=0, bytes=stored, server_version="17.1"
        ),
        "machine": MachineFacts(provider="ec2", id="i-1", boot_s=41.0),
        "phases": (
            Phase(name="provision", seconds=3),
            Phase(name="prepare", seconds=7),
            Phase(name="data", seconds=data_s),
        ),
        "started_at": began,
        "finished_at": began,
    }
    return Report(**{**said, **more})


def by_name(*reports: Report, stored: int = GB) -> dict[str, tuple[float, str]]:
    phases = sizing.phases(load(10 * GB, stored), reports, 2)
    return {phase.phase: (phase.seconds, phase.basis) for phase in phases}


def test_what_earlier_drills_took_counts_for_more_than_a_guess() -> None:
    found = by_name(report())
    assert found["data"] == (100.0, "1 earlier drill")
    assert found["provision"] == (41.0, "1 earlier drill"), "from the call to the first word"
    assert found["verify"][1].endswith("a first guess"), "it was not reached"


def test_what_grows_with_the_backup_is_scaled_and_the_median_counts() -> None:
    found = by_name(report(), report(GB, 120.0, 2), report(GB, 9000.0, 3), stored=2 * GB)
    assert found["data"] == (240.0, "3 earlier drills")
    assert found["prepare"] == (7.0, "3 earlier drills"), "the same for any backup"


def test_a_drill_on_this_host_says_nothing_about_a_boot() -> None:
    found = by_name(report(machine=MachineFacts(provider="local", id="x")))
    assert found["provision"] == (sizing.PROVISION_S, "a first guess")
    assert found["data"] == (100.0, "1 earlier drill")


def test_what_was_cut_short_or_had_no_backup_is_no_measure() -> None:
    cut = report(data_s=0.1, verdict=Verdict.INCONCLUSIVE)
    found = by_name(cut, report(backup=None), report(stored=0))
    assert all("first guess" in basis for _, basis in found.values())


def test_only_the_newest_drills_are_remembered() -> None:
    old = [report(GB, 9999.0, 100 + n) for n in range(9)]
    new = [report(GB, 50.0, n) for n in range(5)]
    assert by_name(*old, *new)["data"] == (50.0, "5 earlier drills")


def test_without_checks_none_are_reckoned() -> None:
    assert "checks" not in {p.phase for p in sizing.phases(load(GB), (), 2, checks=False)}
