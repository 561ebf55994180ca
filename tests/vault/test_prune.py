"""Pruning on real stores: what goes, what stays, and what a crash in the middle leaves."""

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from restoredrill import clock
from restoredrill.errors import VaultUnreachable
from restoredrill.model import Event, Verdict, make_id
from restoredrill.vault.catalog import VaultBackups
from restoredrill.vault.errands import VaultErrands
from restoredrill.vault.folder import FolderStore
from restoredrill.vault.journal import VaultJournal
from restoredrill.vault.prune import PrunePlan, execute, survey
from restoredrill.vault.retention import Keep
from restoredrill.vault.store import VaultStore
from tests.vault.samples import NOON, a_job, a_manifest, a_report, an_id

LATER = timedelta(days=1, hours=1)


def take(store: VaultStore, hours: float, *, database: str = "shop", publish: bool = True) -> str:
    """A backup of that many hours after noon; its id."""
    backups, backup = VaultBackups(store), an_id(hours)
    files = tuple(backups.keep(backup, name, iter([b"data"])) for name in ("1.dat", "globals.sql", "toc.dat"))
    if publish:
        backups.publish(a_manifest(backup, files, taken_at=NOON + timedelta(hours=hours), database=database))
    return backup


def folders(store: VaultStore) -> set[str]:
    """Ids below backups/ that have anything in them."""
    return {entry.key.split("/")[1] for entry in store.list("backups/")}


def goes(pruning: PrunePlan) -> list[str]:
    """Ids that are to go."""
    return [backup for backup, _ in pruning.retention.delete]


def now() -> datetime:
    """Later than anything taken here, and too early for anything written now to be a leftover."""
    return max(clock.utcnow(), NOON + timedelta(days=40))


def test_what_no_rule_keeps_goes_completely(store: VaultStore) -> None:
    old, older, new = take(store, 0), take(store, -24), take(store, 24)
    pruning = survey(store, Keep(last=1), now())
    assert goes(pruning) == [old, older]
    assert folders(store) == {old, older, new}  # a look changes nothing
    done = execute(store, pruning, now())
    assert (done.deleted, done.skipped) == ((old, older), ())
    assert folders(store) == {new}
    assert [m.id for m in VaultBackups(store).list()] == [new]
    assert goes(survey(store, Keep(last=1), now())) == []


def test_other_databases_in_the_same_vault_are_left_alone(store: VaultStore) -> None:
    mine, theirs = take(store, 0), take(store, 1, database="other")
    newest = take(store, 2)
    pruning = survey(store, Keep(last=1), now(), database="shop")
    assert goes(pruning) == [mine]
    execute(store, pruning, now())
    assert folders(store) == {theirs, newest}


def test_the_only_proven_one_and_the_one_being_drilled_stay(store: VaultStore) -> None:
    proven, drilled, plain, newest = (take(store, hours) for hours in range(4))
    journal = VaultJournal(store)
    journal.save(a_report(an_id(50, "d001"), proven), {})
    journal.save(a_report(an_id(51, "d002"), plain, Verdict.FAILED), {})
    journal.submit(a_job(an_id(52, "d003"), drilled, expires_at=now() + timedelta(hours=1)))
    pruning = survey(store, Keep(last=1), now())
    assert goes(pruning) == [plain]
    execute(store, pruning, now())
    assert folders(store) == {proven, drilled, newest}


def test_a_drill_that_begins_after_the_look_is_respected(store: VaultStore) -> None:
    old, _ = take(store, 0), take(store, 1)
    pruning = survey(store, Keep(last=1), now())
    VaultJournal(store).submit(a_job(an_id(5, "d001"), old, expires_at=now() + timedelta(hours=1)))
    done = execute(store, pruning, now())
    assert done.skipped == ((old, "a drill is running on it"),)
    assert old in folders(store)


def test_a_manifest_that_cannot_be_read_is_named_and_never_deleted(folder_store: FolderStore) -> None:
    bad, new = take(folder_store, 0), take(folder_store, 1)
    folder_store.put(f"backups/{bad}/manifest.json", [b"{}"])
    pruning = survey(folder_store, Keep(last=1), now() + LATER)
    assert [one.backup for one in pruning.unreadable] == [bad]
    assert (goes(pruning), pruning.leftovers) == ([], ())
    execute(folder_store, pruning, now() + LATER)
    assert folders(folder_store) == {bad, new}


def test_promise_3_what_dead_backups_left_is_cleared_after_a_day(store: VaultStore) -> None:
    dead, new = take(store, 0, publish=False), take(store, 1)
    store.put("scratch/probe", [b"x"])
    early = survey(store, Keep(), clock.utcnow() + timedelta(hours=23))
    assert (early.leftovers, early.uploads, early.scratch) == ((), (), ())
    late = clock.utcnow() + LATER
    pruning = survey(store, Keep(), late)
    [left] = pruning.leftovers
    assert (left.folder, left.size_bytes) == (f"backups/{dead}/", 12)
    assert pruning.scratch == ("scratch/probe",)
    done = execute(store, pruning, late)
    assert done.cleared == (f"backups/{dead}/",)
    assert [entry.key for entry in store.list("scratch/")] == []
    assert folders(store) == {new}


def test_a_leftover_that_becomes_a_backup_stays(folder_store: FolderStore) -> None:
    late = take(folder_store, 0, publish=False)
    pruning = survey(folder_store, Keep(), clock.utcnow() + LATER)
    assert len(pruning.leftovers) == 1
    folder_store.put(f"backups/{late}/manifest.json", [b"{}"])
    done = execute(folder_store, pruning, clock.utcnow() + LATER)
    assert done.skipped == ((f"backups/{late}/", "it has become a backup"),)
    assert late in folders(folder_store)


def test_uploads_left_behind_are_dropped_after_a_day_and_those_under_way_stay(store: VaultStore) -> None:
    backup = an_id()
    half, rest = threading.Event(), threading.Event()

    def chunks() -> Iterator[bytes]:
        yield b"x" * 11_000_000
        half.set()
        assert rest.wait(60)

    with ThreadPoolExecutor() as pool:
        done = pool.submit(store.put, f"backups/{backup}/data/1.dat", chunks())
        assert half.wait(60)
        assert survey(store, Keep(), clock.utcnow() + timedelta(hours=23)).uploads == ()
        pruning = survey(store, Keep(), clock.utcnow() + LATER)
        assert [upload.key for upload in pruning.uploads] == [f"backups/{backup}/data/1.dat"]
        execute(store, pruning, clock.utcnow() + LATER)
        assert store.unfinished() == ()
        rest.set()
        assert done.exception() is not None
    assert folders(store) == set()


def test_a_backup_that_still_receives_parts_is_no_leftover(folder_store: FolderStore, tmp_path: Path) -> None:
    """It may take days: what counts is when something was last written, not when it began."""
    backup = take(folder_store, 0, publish=False)
    for entry in folder_store.list():
        two_days_ago = clock.utcnow().timestamp() - 2 * 86_400
        os.utime(tmp_path / "vault" / entry.key, (two_days_ago, two_days_ago))
    looked = []

    def chunks() -> Iterator[bytes]:
        yield b"x"
        looked.append(survey(folder_store, Keep(), clock.utcnow()))

    assert len(survey(folder_store, Keep(), clock.utcnow()).leftovers) == 1
    folder_store.put(f"backups/{backup}/data/2.dat", chunks())
    assert looked[0].leftovers == ()


class DyingStore(FolderStore):
    """A folder whose connection breaks after one key was deleted."""

    deleted = 0

    def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            if DyingStore.deleted:
                raise VaultUnreachable("delete", key, "no answer")
            super().delete([key])
            DyingStore.deleted += 1


def test_promise_3_a_prune_that_dies_leaves_no_half_backup(folder_store: FolderStore, tmp_path: Path) -> None:
    old, new = take(folder_store, 0), take(folder_store, 1)
    dying = DyingStore(tmp_path / "vault")
    DyingStore.deleted = 0
    with pytest.raises(VaultUnreachable):
        execute(dying, survey(dying, Keep(last=1), now()), now())
    # The manifest went first: what is left is no backup, and goes with the leftovers.
    assert [m.id for m in VaultBackups(folder_store).list()] == [new]
    assert folders(folder_store) == {old, new}
    late = clock.utcnow() + LATER
    execute(folder_store, survey(folder_store, Keep(last=1), late), late)
    assert folders(folder_store) == {new}


def test_what_a_machine_said_of_a_backup_is_forgotten_in_the_end(store: VaultStore) -> None:
    """The backup is not: its manifest is the proof of it."""
    backup, moment = take(store, 0), now()
    old, young = (make_id(moment - timedelta(days=days), "0000abcd") for days in (63, 61))
    for errand in (old, young):
        VaultErrands(store).emit(errand, 1, Event(at=moment, phase="backup", kind="beat"))
        VaultErrands(store).leave(errand, "console-1.txt", "booted")
    pruning = survey(store, Keep(last=1), moment)
    assert pruning.errands == (f"jobs/{old}/",)
    assert execute(store, pruning, moment).cleared == (f"jobs/{old}/",)
    assert {entry.key.split("/")[1] for entry in store.list("jobs/")} == {young}
    assert survey(store, Keep(last=1), moment).errands == ()
    assert folders(store) == {backup}
