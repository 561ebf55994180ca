"""The benchmark itself, on a small scale: every row comes out of what was measured. No time is asserted."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.benchmarks import figures, rows
from tests.benchmarks.__main__ import bench
from tests.benchmarks.meter import CORES, Spent
from tests.benchmarks.rows import ROWS, Result
from tests.benchmarks.stand import RUNS
from tests.benchmarks.steps import Measured

PNG = b"\x89PNG\r\n\x1a\n"


def test_every_row_is_measured_and_told(tmp_path: Path) -> None:
    done = bench(ROWS, small=True, rounds=1, out=tmp_path)

    assert [result.row for result in done.results] == list(ROWS)
    assert all(len(result.values) == 1 and result.median >= 0 for result in done.results)
    written = (tmp_path / "figures.md").read_text()
    assert all(row.what in written and row.against in written for row in ROWS)
    assert (tmp_path / "figures.png").read_bytes().startswith(PNG)

    raw = {(one["run"], one["step"]): one for one in json.loads((tmp_path / "figures.json").read_text())}
    assert set(raw) == {(run.name, step) for run in RUNS.values() for step in run.steps}
    for one in raw.values():
        assert one["spent"]["wall_s"] > 0
        assert one["cpu_s"] > 0
        assert one["memory_bytes"] > 1e6
    # What is a matter of design and not of speed holds on any scale.
    assert raw["disk", "backup"]["disk_bytes"] > 1e6 > raw["pipe", "backup"]["disk_bytes"]
    assert raw["btree tuned", "restore"]["disk_bytes"] > 1e6 > raw["btree ours", "restore"]["disk_bytes"]


def _measured(wall_s: float, *, cpu_s: float = 1.0, disk_bytes: int = 0, foreign: float = 0.0) -> Measured:
    return Measured(
        Spent(wall_s, cpu_s, 0.0, 0.0, 0, foreign), memory_bytes=50_000_000, disk_bytes=disk_bytes
    )


def _round(wall_s: float = 4.0, *, disk_bytes: int = 0, foreign: float = 0.0) -> rows.Steps:
    steps = {(run.name, step): _measured(10.0) for run in RUNS.values() for step in run.steps}
    return steps | {rows.BACKUP: _measured(wall_s, disk_bytes=disk_bytes, foreign=foreign)}


def _result(name: str, rounds: list[rows.Steps]) -> Result:
    (result,) = rows.results(rows.chosen([name]), rounds)
    return result


def test_a_ratio_is_the_median_over_rounds() -> None:
    result = _result("backup-pipe", [_round(wall_s=s) for s in (4.0, 9.0, 3.0)])

    assert result.values == (0.4, 0.9, 0.3)
    assert result.median == 0.4
    assert result.reached


def test_a_peak_is_the_largest_of_all_rounds() -> None:
    rounds = [_round(), _round(disk_bytes=300_000_000), _round()]
    result = _result("spool", rounds)

    assert result.median == 300
    assert not result.reached
    assert "missed by 17%" in figures.table([result])


def test_a_missed_row_says_so_and_a_reached_one_does_not() -> None:
    missed, reached = (_result("backup-pipe", [_round(wall_s=s)]) for s in (6.0, 5.0))

    assert "| **0.60** | 0.60 | 0.5 | **missed by 20%** |" in figures.table([missed])
    assert "| **0.50** | 0.50 | 0.5 | reached |" in figures.table([reached])


def test_others_at_work_leave_a_mark() -> None:
    quiet, noisy = (_result("backup-pipe", [_round(foreign=share)]) for share in (0.04, 0.3))

    assert "*" not in figures.table([quiet]).replace("**", "")
    assert "**0.40***" in figures.table([noisy])


def test_the_floor_is_cpu_over_cores() -> None:
    steps = dict(_round())
    restore = steps["btree ours", "restore"]
    steps["btree ours", "restore"] = replace(
        restore, spent=replace(restore.spent, wall_s=6.0, client_cpu_s=2.0 * CORES)
    )

    assert _result("floor", [steps]).median == 3.0


def test_rows_are_chosen_by_name_and_by_group() -> None:
    assert [row.name for row in rows.chosen(["backup"])] == ["backup-pipe", "backup-disk", "spool"]
    assert [row.name for row in rows.chosen(["spool", "floor"])] == ["spool", "floor"]
    assert rows.chosen([]) == ROWS
    with pytest.raises(ValueError, match="no such row: speed"):
        rows.chosen(["speed"])
