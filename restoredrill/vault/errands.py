"""The backups that machines take: the job that goes out, the events and the outcome that come back."""

from collections.abc import Iterator
from datetime import datetime

from restoredrill.errors import VaultMissing
from restoredrill.model import BackupJob, Cost, Event
from restoredrill.outcome import BackupOutcome
from restoredrill.protocols import Store
from restoredrill.vault import documents
from restoredrill.vault.layout import JOBS, checked, errand_folder, is_id, last_part


class VaultErrands:
    """The `Errands` of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def submit(self, job: BackupJob) -> None:
        """See `Errands.submit`. The same job may go out again; raises `VaultConflict` for another one."""
        documents.put_once(self._store, f"{errand_folder(job.backup)}job.json", job)

    def job(self, errand: str) -> BackupJob:
        """What was submitted. Raises `VaultMissing`, `ObjectCorrupt`."""
        return documents.read(self._store, f"{errand_folder(errand)}job.json", BackupJob)

    def emit(self, errand: str, number: int, event: Event) -> None:
        """See `Errands.emit`."""
        documents.put_event(self._store, f"{errand_folder(errand)}events/", number, event)

    def events(self, errand: str, after: int) -> tuple[tuple[int, Event], ...]:
        """See `Errands.events`."""
        return documents.events(self._store, f"{errand_folder(errand)}events/", after)

    def finish(self, outcome: BackupOutcome) -> None:
        """See `Errands.finish`."""
        key = f"{errand_folder(outcome.backup)}outcome.json"
        self._store.put(key, [documents.as_bytes(outcome)])

    def outcome(self, errand: str) -> BackupOutcome | None:
        """See `Errands.outcome`."""
        try:
            return documents.read(self._store, f"{errand_folder(errand)}outcome.json", BackupOutcome)
        except VaultMissing:
            return None

    def leave(self, errand: str, name: str, text: str) -> None:
        """Put a text beside the job: a console's words, a log."""
        self._store.put(checked(f"{errand_folder(errand)}{name}"), [text.encode()])

    def reckon(self, errand: str, cost: Cost) -> None:
        """Write down what its machine has cost."""
        self._store.put(f"{errand_folder(errand)}cost.json", [documents.as_bytes(cost)])

    def costs(self, since: datetime) -> list[tuple[BackupJob, Cost | None]]:
        """Errands begun after `since`, and what each has cost, where that was written down. Raises
        `ObjectCorrupt`.
        """
        ids = [one for one in self.all() if one[:16] >= f"{since:%Y%m%dT%H%M%SZ}"]
        jobs = documents.read_if_any(self._store, [f"{errand_folder(one)}job.json" for one in ids], BackupJob)
        costs = documents.read_if_any(self._store, [f"{errand_folder(one)}cost.json" for one in ids], Cost)
        return [(job, cost) for job, cost in zip(jobs, costs, strict=True) if job is not None]

    def all(self) -> Iterator[str]:
        """Ids of every errand there is, in order."""
        return filter(is_id, (last_part(entry.key) for entry in self._store.list(JOBS, folders=True)))
