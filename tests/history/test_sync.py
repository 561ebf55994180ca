"""The index made from vaults, on both databases: what grew is what is made again."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from restoredrill.errors import VaultConflict, VaultUnreachable
from restoredrill.history.database import DatabaseHistory
from restoredrill.history.opening import open_history
from restoredrill.history.rows import backup_row, drill_row
from restoredrill.history.sync import Contents, Synced, prune, rebuild, sync
from restoredrill.model import Manifest, Report, Verdict
from restoredrill.records import AuditEntry, Kind, Task, TaskState
from restoredrill.vault.catalog import VaultBackups
from restoredrill.vault.contents import VaultContents
from restoredrill.vault.folder import FolderStore
from restoredrill.vault.journal import VaultJournal
from restoredrill.vault.tasks import VaultTasks
from tests.history.samples import a_drill, a_notice, a_task, an_alarm, an_id, at
from tests.vault.samples import a_job, a_manifest, a_report

DAY = 86400.0
KEEP_S = 400 * DAY


class Counted(VaultContents):
    """Counts what is asked for."""

    def __init__(self, store: FolderStore) -> None:
        super().__init__(store)
        self.fetched: list[str] = []

    def manifests(self, ids: Sequence[str]) -> Sequence[Any]:
        self.fetched += ids
        return super().manifests(ids)

    def reports(self, ids: Sequence[str]) -> Sequence[Any]:
        self.fetched += ids
        return super().reports(ids)

    def tasks(self, ids: Sequence[str]) -> Sequence[Any]:
        self.fetched += ids
        return super().tasks(ids)


class Vault:
    """A database's vault in a folder, and the deeds that fill it."""

    def __init__(self, root: Path, database: str = "shop") -> None:
        self.store = FolderStore(root)
        self.database = database

    def backup(self, hours: float, **changed: Any) -> Manifest:
        manifest = a_manifest(an_id(hours), taken_at=at(hours), database=self.database)
        manifest = manifest.model_copy(update=changed)
        VaultBackups(self.store).publish(manifest)
        return manifest

    def drill(self, hours: float, verdict: Verdict = Verdict.PASSED, *, swept: bool = True) -> Report:
        report = a_report(an_id(hours), an_id(0), verdict)
        machine = report.machine.model_copy(update={"swept_at": at(hours) if swept else None})
        times = {"started_at": at(hours), "finished_at": at(hours)}
        report = report.model_copy(update={"database": self.database, "machine": machine, **times})
        VaultJournal(self.store).save(report, {})
        return report

    def task(self, hours: float, suffix: str = "7f3a", **changed: Any) -> Task:
        ended = {"state": TaskState.SKIPPED, "reason": "a fresher one came", "ended_at": at(hours)}
        task = a_task(hours, suffix, **{"database": self.database, **ended, **changed})
        VaultTasks(self.store).keep(task)
        return task

    def broken(self, key: str) -> None:
        self.store.put(key, [b'{"schema": 1'])

    def contents(self) -> Counted:
        return Counted(self.store)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "vault")


def synced(
    history: DatabaseHistory, vault: Vault, contents: Contents | None = None, hours: float = 10
) -> Synced:
    contents = contents or vault.contents()
    return sync(history, vault.database, contents, keep_s=KEEP_S, now=at(hours))


def rebuilt(history: DatabaseHistory, vault: Vault, hours: float = 10) -> Synced:
    return rebuild(history, vault.database, vault.contents(), keep_s=KEEP_S, now=at(hours))


def everything(history: DatabaseHistory) -> tuple[object, ...]:
    """All that can be made again."""
    return history.proofs.drills(), history.proofs.backups(), history.tasks.past()


def test_what_is_in_a_vault_is_taken_up_once(history: DatabaseHistory, vault: Vault) -> None:
    assert synced(history, vault) == Synced("shop", 0, 0, 0, 0, ())
    manifest, report, task = vault.backup(0), vault.drill(1), vault.task(2)
    assert synced(history, vault) == Synced("shop", 1, 1, 1, 0, ())
    assert everything(history) == ((drill_row(report),), (backup_row(manifest),), (task,))
    contents = vault.contents()
    assert synced(history, vault, contents) == Synced("shop", 0, 0, 0, 0, ())
    assert contents.fetched == []
    by_hand = vault.drill(3, Verdict.FAILED)
    assert synced(history, vault, contents).drills == 1
    assert contents.fetched == [by_hand.drill]
    assert history.proofs.drills()[0] == drill_row(by_hand)


def test_a_drill_is_asked_for_until_it_is_at_its_end(history: DatabaseHistory, vault: Vault) -> None:
    VaultJournal(vault.store).submit(a_job(an_id(1), an_id(0)))
    assert synced(history, vault).drills == 0
    vault.drill(1, Verdict.INCONCLUSIVE, swept=False)
    assert synced(history, vault).drills == 1
    vault.drill(1, Verdict.PASSED)
    assert synced(history, vault).drills == 1
    assert history.proofs.drills()[0].verdict is Verdict.PASSED
    assert synced(history, vault).drills == 0
    history.proofs.note_drills([a_drill(1)])  # somebody's own word: the vault's is looked at once more
    assert synced(history, vault).drills == 1
    assert synced(history, vault).drills == 0


def test_what_says_nothing_for_long_is_not_asked_for_again(history: DatabaseHistory, vault: Vault) -> None:
    VaultJournal(vault.store).submit(a_job(an_id(1), an_id(0)))
    vault.drill(2, swept=False)
    vault.broken(f"backups/{an_id(3)}/manifest.json")
    vault.store.put(f"backups/{an_id(4)}/globals.sql.zst", [b"half a backup"])
    vault.store.put("backups/notes/manifest.json", [b"{}"])
    late = 24 * 30
    contents = vault.contents()
    for hours, asked in ((10, 4), (20, 4), (late, 4), (late + 1, 0)):
        contents.fetched.clear()
        told = synced(history, vault, contents, hours)
        assert len(contents.fetched) == asked
        assert len(told.unreadable) == (1 if asked else 0)
    assert len(history.proofs.drills()) == 1
    vault.backup(5)
    assert synced(history, vault, hours=late + 2).backups == 1


def test_a_document_of_another_database_is_not_ours(history: DatabaseHistory, vault: Vault) -> None:
    vault.backup(1, database="blog")
    contents = vault.contents()
    assert synced(history, vault, contents).backups == 0
    assert synced(history, vault, contents).backups == 0
    assert contents.fetched == [an_id(1)]
    assert history.proofs.backups() == ()


def test_backups_that_were_pruned_are_gone_and_others_stay(
    history: DatabaseHistory, vault: Vault, tmp_path: Path
) -> None:
    other = Vault(tmp_path / "other", "blog")
    for one in (vault, other):
        for hours in (0, 1):
            one.backup(hours)
        synced(history, one)
    vault.store.delete([f"backups/{an_id(0)}/manifest.json"])
    assert synced(history, vault).gone == 1
    assert [(row.database, row.backup) for row in history.proofs.backups()] == [
        ("blog", an_id(1)),
        ("shop", an_id(1)),
        ("blog", an_id(0)),
    ]


def test_the_vaults_word_about_a_task_is_the_last_one(history: DatabaseHistory, vault: Vault) -> None:
    """Killed between the vault and the history."""
    history.tasks.add(a_task(1, state=TaskState.RUNNING))
    done = vault.task(1, state=TaskState.DONE, outcome="passed")
    assert synced(history, vault).tasks == 1
    assert history.tasks.open() == ()
    assert history.tasks.past() == (done,)
    assert not history.tasks.add(a_task(1)), "its time is taken"


def test_two_tasks_of_one_time_are_both_kept(history: DatabaseHistory, vault: Vault) -> None:
    """Two histories had one vault once."""
    vault.task(1, "0001")
    vault.task(1, "0002")
    assert synced(history, vault).tasks == 2
    assert len(history.tasks.past()) == 2
    assert rebuilt(history, vault).tasks == 2


def test_what_a_task_has_become_is_written_once(vault: Vault) -> None:
    task = vault.task(1)
    VaultTasks(vault.store).keep(task)
    assert VaultTasks(vault.store).get(task.id) == task
    assert VaultTasks(vault.store).get(an_id(9)) is None
    with pytest.raises(VaultConflict):
        VaultTasks(vault.store).keep(task.model_copy(update={"reason": "another one"}))


def test_a_history_that_grew_and_one_made_again_are_the_same(
    history: DatabaseHistory, url: str, vault: Vault, tmp_path: Path
) -> None:
    """Hours of a service: the controller notes, sync finds what others did, backups are pruned."""
    for hours in range(8):
        task = a_task(hours)
        history.tasks.add(task)
        running = task.model_copy(update={"state": TaskState.RUNNING, "started_at": at(hours)})
        assert history.tasks.update(running, "waiting")
        history.proofs.note_backups([backup_row(vault.backup(hours))])
        history.proofs.note_drills([drill_row(vault.drill(hours, swept=False))])
        vault.drill(hours, Verdict.FAILED if hours % 3 else Verdict.PASSED)
        done = running.model_copy(
            update={"state": TaskState.DONE, "ended_at": at(hours), "outcome": "passed"}
        )
        VaultTasks(vault.store).keep(done)
        assert history.tasks.update(done, "running")
        if hours % 2:
            vault.drill(hours + 0.5)
            vault.store.delete([f"backups/{an_id(hours - 1)}/manifest.json"])
            synced(history, vault)
    grown = everything(history)
    assert [len(part) for part in grown if isinstance(part, tuple)] == [12, 4, 8]
    with open_history(f"sqlite:///{tmp_path}/again.sqlite") as again:
        rebuilt(again, vault)
        assert everything(again) == grown
    assert rebuilt(history, vault) == Synced("shop", 4, 12, 8, 0, ())
    assert everything(history) == grown


def test_what_only_the_history_knows_stays(history: DatabaseHistory, vault: Vault) -> None:
    waiting, running = a_task(1), a_task(2, state=TaskState.RUNNING)
    lost = a_task(3, state=TaskState.DONE, ended_at=at(3))
    for task in (waiting, running, lost):
        history.tasks.add(task)
    history.tasks.add(a_task(1, database="blog", suffix="0001"))
    history.proofs.note_drills([a_drill(1), a_drill(1, database="blog")])
    history.outbox.post(a_notice(), ["a"])
    history.alarms.stand([an_alarm()])
    history.alarms.audit(AuditEntry(at=at(0), who="me", what="run drill"))
    vault.drill(5)
    rebuilt(history, vault)
    assert [task.id for task in history.tasks.open()] == [an_id(1, "0001"), waiting.id, running.id]
    assert history.tasks.past() == (), "not in the vault: it never was"
    assert [(row.database, row.drill) for row in history.proofs.drills()] == [
        ("shop", an_id(5)),
        ("blog", an_id(1)),
    ]
    assert len(history.outbox.due(at(1))) == 1
    assert len(history.alarms.standing()) == len(history.alarms.audited()) == 1


class Silent(VaultContents):
    """Listings work; then the network is gone."""

    def reports(self, ids: Sequence[str]) -> Sequence[Any]:
        raise VaultUnreachable("read", "s3://b", "timed out")

    def ids(self, kind: Kind) -> tuple[str, ...]:
        return super().ids(kind)


def test_a_vault_that_falls_silent_changes_nothing(history: DatabaseHistory, vault: Vault) -> None:
    vault.backup(0)
    vault.drill(1)
    synced(history, vault)
    before = everything(history)
    vault.backup(2)
    vault.drill(3)
    for deed in (sync, rebuild):
        with pytest.raises(VaultUnreachable):
            deed(history, "shop", Silent(vault.store), keep_s=KEEP_S, now=at(9))
        assert everything(history) == before


def test_what_is_old_is_let_go_and_does_not_come_back(history: DatabaseHistory, vault: Vault) -> None:
    for hours in (0, 48):
        vault.backup(hours)
        vault.drill(hours)
        vault.task(hours)
        history.outbox.post(a_notice(f"drill:{hours}", hours), ["a"])
        history.alarms.audit(AuditEntry(at=at(hours), who="me", what="run drill"))
    history.outbox.post(a_notice("drill:x", 0), ["b"])
    (first, *_) = (one for one in history.outbox.due(at(0)) if one.address == "a")
    history.outbox.tried(first.model_copy(update={"delivered_at": at(0)}))
    history.tasks.add(a_task(1))
    synced(history, vault, hours=49)
    now = at(48 + 23)
    done = prune(history, keep_s=2 * DAY, now=now)
    assert (done.drills, done.tasks, done.notices, done.audit) == (1, 1, 1, 1)
    assert [row.drill for row in history.proofs.drills()] == [an_id(48)]
    assert [task.id for task in history.tasks.past()] == [an_id(48)]
    assert len(history.tasks.open()) == 1, "what waits is not forgotten"
    assert len(history.proofs.backups()) == 2, "they are in the vault"
    assert len(history.alarms.audited()) == 1
    assert {one.notice.key for one in history.outbox.due(now)} == {"drill:48", "drill:x"}
    again = sync(history, "shop", vault.contents(), keep_s=2 * DAY, now=now)
    assert again == Synced("shop", 0, 0, 0, 0, ())
    assert rebuild(history, "shop", vault.contents(), keep_s=2 * DAY, now=now) == Synced(
        "shop", 2, 1, 1, 0, ()
    )
    nothing = prune(history, keep_s=2 * DAY, now=now)
    assert (nothing.drills, nothing.tasks, nothing.notices, nothing.audit) == (0, 0, 0, 0)
