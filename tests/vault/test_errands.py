"""Where controller and machine talk about a backup: what comes back is what was put there."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from restoredrill.errors import SourceDenied, VaultConflict, VaultMissing
from restoredrill.model import Cost, Event, MachineFacts
from restoredrill.outcome import BackupOutcome, Trouble
from restoredrill.secret import Secret
from restoredrill.vault.errands import VaultErrands
from restoredrill.vault.folder import FolderStore
from tests.stories.samples import DRILL, backup_job

NOW = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.fixture
def errands(tmp_path: Path) -> VaultErrands:
    return VaultErrands(FolderStore(tmp_path))


def test_a_job_goes_out_once_and_the_same_again_but_no_other(errands: VaultErrands) -> None:
    job = backup_job()
    errands.submit(job)
    errands.submit(job)
    assert errands.job(DRILL) == job
    with pytest.raises(VaultConflict):
        errands.submit(job.model_copy(update={"jobs": 2}))
    assert list(errands.all()) == [DRILL]


def test_events_come_back_in_order_and_from_where_one_was(errands: VaultErrands) -> None:
    for number in (100_001, 2, 1):
        errands.emit(DRILL, number, Event(at=NOW, phase="backup", kind="beat"))
    assert [number for number, _ in errands.events(DRILL, 0)] == [1, 2, 100_001]
    assert [number for number, _ in errands.events(DRILL, 2)] == [100_001]


def test_an_outcome_that_is_not_there_yet_is_none(errands: VaultErrands) -> None:
    assert errands.outcome(DRILL) is None
    trouble = Trouble.of(SourceDenied("read", "public.orders", "permission denied"))
    outcome = BackupOutcome(
        backup=DRILL,
        database="shop",
        taken=False,
        machine=MachineFacts(provider="ec2", id="i-0abc"),
        trouble=trouble,
        finished_at=NOW,
    )
    errands.finish(outcome)
    assert errands.outcome(DRILL) == outcome


def test_texts_lie_beside_the_job_and_nowhere_else(errands: VaultErrands, tmp_path: Path) -> None:
    errands.leave(DRILL, "console-1.txt", "kernel panic")
    assert (tmp_path / "jobs" / DRILL / "console-1.txt").read_text() == "kernel panic"
    with pytest.raises(VaultMissing, match="not an id"):
        errands.leave("../backups", "console-1.txt", "x")


def test_a_status_that_is_none_of_ours_is_inconclusive() -> None:
    """A document in a vault may be anybody's."""
    error = Trouble(kind="X", operation="read", thing="t", reason="r", exit=99).error()
    assert error.exit_code == 3


def test_what_backups_have_cost_is_found_again_for_those_begun_since(errands: VaultErrands) -> None:
    job = backup_job()
    errands.submit(job)
    began_at = datetime.strptime(job.backup[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert errands.costs(began_at) == [(job, None)], "nobody has reckoned it yet"
    errands.reckon(job.backup, Cost(amount=0.25))
    assert [cost and cost.amount for _, cost in errands.costs(began_at)] == [0.25]
    assert errands.costs(began_at + timedelta(seconds=1)) == []


def test_an_outcome_holds_no_secret() -> None:
    word = Secret("hunter2-and-more").reveal()
    trouble = Trouble.of(SourceDenied("open", "the source", f"no login with {word}"))
    assert trouble.reason == "no login with [redacted]"
