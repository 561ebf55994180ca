"""Jobs out, events and reports back."""

from datetime import timedelta

import pytest

from restoredrill.errors import ObjectCorrupt, VaultConflict, VaultError, VaultMissing
from restoredrill.model import Verdict
from restoredrill.vault.folder import FolderStore
from restoredrill.vault.journal import VaultJournal
from restoredrill.vault.store import VaultStore
from tests.vault.samples import NOON, a_job, a_report, an_event, an_id

DRILL = an_id(0, "d001")


def test_a_job_goes_out_and_may_be_repeated(store: VaultStore) -> None:
    journal = VaultJournal(store)
    journal.submit(a_job(DRILL, an_id()))
    journal.submit(a_job(DRILL, an_id()))
    assert journal.job(DRILL) == a_job(DRILL, an_id())
    with pytest.raises(VaultConflict):
        journal.submit(a_job(DRILL, an_id(1)))
    assert journal.job(DRILL).backup == an_id()
    with pytest.raises(VaultMissing):
        journal.job(an_id(1))


def test_events_come_back_in_order_from_where_one_stopped(store: VaultStore) -> None:
    journal = VaultJournal(store)
    assert journal.events(DRILL, 0) == ()
    for number in (1, 2, 11, 3, 10):
        journal.emit(DRILL, number, an_event(f"phase {number}"))
    journal.emit(DRILL, 2, an_event("phase 2 again"))
    journal.emit(an_id(1), 1, an_event("another drill's"))
    found = journal.events(DRILL, 0)
    assert [number for number, _ in found] == [1, 2, 3, 10, 11]
    assert found[1][1].phase == "phase 2 again"
    assert [number for number, _ in journal.events(DRILL, 3)] == [10, 11]
    assert journal.events(DRILL, 11) == ()


def test_a_report_and_its_forms_are_saved_and_may_be_replaced(store: VaultStore) -> None:
    journal = VaultJournal(store)
    journal.save(a_report(DRILL, an_id(), Verdict.INCONCLUSIVE), {"report.html": "<p>ü</p>"})
    journal.save(a_report(DRILL, an_id()), {"report.html": "<p>new</p>"})
    assert [r.verdict for r in journal.reports(DRILL)] == [Verdict.PASSED]
    assert b"".join(store.fetch(f"drills/{DRILL}/report.html")) == b"<p>new</p>"
    assert list(journal.reports(an_id(1))) == []


def test_only_a_pass_leaves_the_mark_of_one(store: VaultStore) -> None:
    journal, mark = VaultJournal(store), f"drills/{DRILL}/passed"
    for verdict in (Verdict.FAILED, Verdict.INCONCLUSIVE):
        journal.save(a_report(DRILL, an_id(), verdict), {})
    assert mark not in {entry.key for entry in store.list()}
    journal.save(a_report(DRILL, an_id()), {})
    assert mark in {entry.key for entry in store.list()}


@pytest.mark.parametrize("name", ["report.json", "job.json", "../x", "events/1.json", ""])
def test_a_form_cannot_take_another_documents_place(folder_store: FolderStore, name: str) -> None:
    with pytest.raises(VaultError):
        VaultJournal(folder_store).save(a_report(DRILL, None), {name: "x"})
    assert list(folder_store.list()) == []


def test_reports_come_newest_first_and_drills_without_one_are_passed_over(store: VaultStore) -> None:
    journal = VaultJournal(store)
    drills = [an_id(hours) for hours in range(20)]
    for drill in drills:
        journal.submit(a_job(drill, an_id()))
    for drill in drills[::2]:
        journal.save(a_report(drill, an_id()), {})
    assert [r.drill for r in journal.reports()] == drills[::2][::-1]
    assert next(journal.reports()).drill == drills[18]


def test_a_report_that_cannot_be_read_is_named(folder_store: FolderStore) -> None:
    folder_store.put(f"drills/{DRILL}/report.json", [b"{}"])
    with pytest.raises(ObjectCorrupt, match=DRILL):
        list(VaultJournal(folder_store).reports())


def test_one_that_cannot_be_read_hides_no_other_from_whoever_passes_over_it(
    folder_store: FolderStore,
) -> None:
    told: list[ObjectCorrupt] = []
    journal = VaultJournal(folder_store, told.append)
    journal.save(a_report(an_id(1), an_id()), {})
    folder_store.put(f"drills/{DRILL}/report.json", [b"{}"])
    assert [report.drill for report in journal.reports()] == [an_id(1)]
    assert [error.thing for error in told] == [f"drills/{DRILL}/report.json"]
    with pytest.raises(ObjectCorrupt):
        list(journal.reports(DRILL))


def test_what_drills_say_about_backups(store: VaultStore) -> None:
    journal = VaultJournal(store)
    proven, bad, unclear, none, busy, stale = (an_id(hours, "b001") for hours in range(6))
    for hours, (backup, verdict) in enumerate(
        [
            (proven, Verdict.PASSED),
            (bad, Verdict.FAILED),
            (unclear, Verdict.INCONCLUSIVE),
            (None, Verdict.FAILED),
        ]
    ):
        journal.submit(a_job(an_id(hours), backup or none))
        journal.save(a_report(an_id(hours), backup, verdict), {})
    journal.submit(a_job(an_id(10), busy))
    journal.submit(a_job(an_id(11), stale, expires_at=NOON - timedelta(hours=1)))
    drilled = journal.drilled(NOON)
    assert drilled.passed == {proven}
    assert drilled.running == {busy}


def test_when_anything_was_last_said_is_told_by_the_store(folder_store: FolderStore) -> None:
    journal = VaultJournal(folder_store)
    assert journal.touched_at(DRILL) is None
    journal.submit(a_job(DRILL, an_id()))
    first = journal.touched_at(DRILL)
    journal.emit(DRILL, 1, an_event("restore"))
    last = journal.touched_at(DRILL)
    assert first is not None
    assert last is not None
    assert first <= last == max(entry.modified_at for entry in folder_store.list())
