"""What is said to be proven, and what is said to be missing."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from restoredrill.evidence import archive, gaps
from restoredrill.evidence.coverage import Coverage, Period
from restoredrill.model import Verdict
from restoredrill.records import TaskState
from tests.evidence import vaults
from tests.evidence.vaults import KEY, PERIOD, at, identity, write


def covered(files: vaults.Files, tmp_path: Path, period: Period = PERIOD) -> Coverage:
    return write(files, tmp_path / "e.zip", period)


def test_half_a_year_in_order_has_no_gap(tmp_path: Path) -> None:
    coverage = covered(vaults.good(), tmp_path)
    assert coverage.gaps == ()
    assert len(coverage.inside) == len(coverage.backups) == 24
    assert all(line.passed for line in coverage.backups)


def test_everything_that_is_missing_is_said(tmp_path: Path) -> None:
    coverage = covered(vaults.eventful(), tmp_path)
    assert coverage.gaps == (
        "no drill at all in 2026-03",
        "1 drill began and left no report: 20260628T030000Z-0001",
        f"1 report of {len(coverage.drills)} not signed: 20260503T030000Z-0001",
        "2 runs skipped or cancelled; the reasons are listed below",
        f"1 backup of {len(coverage.backups)} still kept never drilled: 20260628T010000Z-0001",
        "1 backup drilled, but never passed: 20260502T010000Z-0001",
    )
    assert [line.reason[:6] for line in coverage.missed] == ["budget", "by ops"]


def test_a_month_without_a_pass_is_a_gap(tmp_path: Path) -> None:
    files = vaults.good()
    for name in [name for name in files if name.startswith("drills/202605")]:
        del files[name]
    vaults.put_drill(files, at(5, 9), None, Verdict.INCONCLUSIVE)
    assert "drills, but none that passed, in 2026-05" in covered(files, tmp_path).gaps


def test_an_empty_vault_is_nothing_but_gaps(tmp_path: Path) -> None:
    said = covered({}, tmp_path).gaps
    assert said == (f"no drill at all in {', '.join(PERIOD.months)}", "no backup is kept")


def test_months_to_come_are_no_gap(tmp_path: Path) -> None:
    early = PERIOD.model_copy(update={"made_at": datetime(2026, 2, 27, tzinfo=UTC)})
    files = {name: body for name, body in vaults.good().items() if "/202601" in name or "/202602" in name}
    assert covered(files, tmp_path, early).gaps == ()


def test_the_longest_stretch_without_a_pass(tmp_path: Path) -> None:
    coverage = covered(vaults.eventful(), tmp_path)
    assert gaps.longest_without_pass(coverage) == (at(2, 26), at(4, 5))
    nothing = covered({}, tmp_path)
    assert gaps.longest_without_pass(nothing) == (PERIOD.since, PERIOD.until)


def test_other_databases_in_the_vault_are_left_out(tmp_path: Path) -> None:
    coverage = covered(vaults.eventful(), tmp_path)
    assert identity(at(2, 2)) not in {line.drill for line in coverage.drills}
    assert identity(at(2, 2, 1)) not in {line.backup for line in coverage.backups}


def test_a_drill_before_the_period_counts_for_a_backup_that_is_kept(tmp_path: Path) -> None:
    """Else a backup that was proven in June would be called never drilled in July."""
    files: vaults.Files = {}
    kept = vaults.put_backup(files, at(5, 5, 1))
    before = vaults.put_drill(files, at(5, 5), kept)
    pruned = vaults.put_backup(files, at(5, 6, 1))
    vaults.put_drill(files, at(5, 6), pruned)
    del files[f"backups/{pruned.id}/manifest.json"]
    vaults.put_drill(files, at(6, 5), kept)
    june = PERIOD.model_copy(update={"since": datetime(2026, 6, 1, tzinfo=UTC)})
    coverage = covered(files, tmp_path, june)
    assert [line.in_period for line in coverage.drills] == [False, True]
    assert coverage.backups[0].drills[0] == (before.drill, Verdict.PASSED)
    assert len(coverage.inside) == 1


def test_what_begins_after_the_period_is_not_in_it(tmp_path: Path) -> None:
    may = PERIOD.model_copy(update={"until": datetime(2026, 6, 1, tzinfo=UTC)})
    coverage = covered(vaults.good(), tmp_path, may)
    assert max(line.started_at for line in coverage.drills) < may.until
    assert max(line.taken_at for line in coverage.backups) < may.until


@pytest.mark.parametrize("name", ["report.json", "job.json"])
def test_what_cant_be_read_is_named(tmp_path: Path, name: str) -> None:
    files = vaults.good()
    broken = f"drills/{identity(at(2, 5))}/{name}"
    files[broken] = b"{"
    assert any(
        gap.startswith("1 document can't be read") and broken in gap for gap in covered(files, tmp_path).gaps
    )


def test_a_task_and_a_manifest_that_cant_be_read_are_named(tmp_path: Path) -> None:
    files = vaults.good()
    broken = [f"backups/{identity(at(2, 6))}/manifest.json", f"tasks/{identity(at(2, 6))}.json"]
    files |= dict.fromkeys(broken, b"[]")
    assert covered(files, tmp_path).unreadable == tuple(broken)


def test_what_looks_like_a_secret_is_left_out_and_named(tmp_path: Path) -> None:
    files = vaults.good()
    name = f"drills/{identity(at(2, 5))}/job.json"
    files[name] = files[name].replace(b"s3://acme/shop", b"postgresql://shop:hunter2@db/shop")
    coverage = covered(files, tmp_path)
    assert coverage.left_out == (name,)
    assert b"hunter2" not in (tmp_path / "e.zip").read_bytes()


def test_references_are_no_secrets(tmp_path: Path) -> None:
    files = vaults.good()
    name = f"drills/{identity(at(2, 5))}/job.json"
    files[name] = files[name].replace(b"s3://acme/shop", b"postgresql://shop:${PW}@db/shop")
    assert covered(files, tmp_path).left_out == ()


def test_the_settings_of_the_time_are_told_in_stretches(tmp_path: Path) -> None:
    files: vaults.Files = {}
    for day, target in ((1, 1800), (2, 1800), (3, 900), (4, 1800)):
        vaults.put_drill(files, at(2, day), None, rto_target_s=target)
    lines = covered(files, tmp_path).settings
    assert [(line.drills, line.rto_target_s) for line in lines] == [(2, 1800), (1, 900), (1, 1800)]
    assert lines[0].ignore[0].reason == "see OPS-114"


def test_tasks_of_other_times_are_left_out(tmp_path: Path) -> None:
    files = vaults.good()
    vaults.put_task(files, PERIOD.since - timedelta(seconds=1), TaskState.SKIPPED, "too early")
    vaults.put_task(files, PERIOD.until, TaskState.SKIPPED, "too late")
    assert covered(files, tmp_path).missed == ()


def test_the_same_documents_make_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.zip", "two.zip"):
        write(vaults.eventful(), tmp_path / name, key=KEY)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_a_vault_that_fails_midway_leaves_no_archive(tmp_path: Path) -> None:
    files = vaults.good()
    write(files, tmp_path / "e.zip")
    before = (tmp_path / "e.zip").read_bytes()

    def fails() -> Iterator[tuple[str, bytes]]:
        yield from vaults.documents(files, "backups")
        raise RuntimeError("no answer")

    with pytest.raises(RuntimeError):
        archive.write(tmp_path / "e.zip", PERIOD, fails(), (), (), KEY)
    assert [path.name for path in tmp_path.iterdir()] == ["e.zip"]
    assert (tmp_path / "e.zip").read_bytes() == before
