"""The story of a backup: one snapshot, everything out of it into the vault, the manifest last.

`take` does the work, wherever it runs. `on_machine` is the same on a machine that was started for it.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from restoredrill import __version__, clock
from restoredrill.errors import RestoredrillError
from restoredrill.interruptions import postponed
from restoredrill.model import (
    BackupJob,
    Event,
    Fingerprint,
    FingerprintLevel,
    MachineFacts,
    Manifest,
    StoredFile,
)
from restoredrill.outcome import BackupOutcome, Trouble
from restoredrill.protocols import Backups, Dumped, Errands, Progress, Snapshot, Source
from restoredrill.telling import Teller, beat_s


@dataclass(frozen=True)
class BackupRequest:
    """What to take: `backup` is the id it will have, `spool` a directory of its own that is empty."""

    backup: str
    database: str
    jobs: int
    level: FingerprintLevel
    recipients: tuple[str, ...]
    spool: Path


def take(request: BackupRequest, source: Source, backups: Backups, progress: Progress) -> Manifest:
    """Take one backup. It exists when this returns, and only then (promise 3).

    Raises `SourceUnreachable`, `SourceDenied`, `DumpFailed`, `VaultError`, `DiskFull`; whatever happens,
    nothing is left that looks like a backup.
    """
    started_at = clock.utcnow()
    try:
        # The snapshot ends before the pool: with it ends whatever the fingerprint is still reading.
        with ThreadPoolExecutor(1, "fingerprint") as pool, source.snapshot() as snapshot:
            facts = snapshot.facts()
            progress(f"snapshot of {facts.database} taken", None, None)
            dumped, fingerprint = _read(snapshot, request, backups, progress, pool)
        manifest = Manifest(
            id=request.backup,
            database=request.database,
            started_at=started_at,
            taken_at=snapshot.taken_at,
            finished_at=clock.utcnow(),
            server=facts,
            client_version=dumped.client_version,
            files=tuple(sorted(dumped.files, key=lambda file: file.name)),
            recipients=request.recipients,
            fingerprint=fingerprint,
            notes=dumped.notes,
            made_by=f"restoredrill {__version__}",
        )
        backups.publish(manifest)
    except BaseException as error:
        with postponed():
            _discard(request.backup, backups, error)
        raise
    return manifest


def _read(
    snapshot: Snapshot, request: BackupRequest, backups: Backups, progress: Progress, pool: ThreadPoolExecutor
) -> tuple[Dumped, Fingerprint]:
    """Dump and fingerprint side by side; when one fails, the other stops at its next word."""
    stop = threading.Event()

    def keep(name: str, chunks: Iterator[bytes]) -> StoredFile:
        return backups.keep(request.backup, name, chunks)

    def unless_stopped(message: str, percent: float | None, mb_per_s: float | None) -> None:
        if stop.is_set():
            raise _Stopped
        progress(message, percent, mb_per_s)

    def take() -> Fingerprint:
        try:
            return snapshot.fingerprint(request.level, request.jobs, unless_stopped)
        except BaseException:
            stop.set()
            raise

    fingerprint = pool.submit(take)
    try:
        dumped = snapshot.dump(request.spool, keep, request.jobs, unless_stopped)
    except _Stopped:
        fingerprint.result()  # it was the fingerprint that failed: its error is the one to tell
        raise
    except BaseException:
        stop.set()
        raise
    return dumped, fingerprint.result()


# On a machine that was started for it -----------------------------------------------------------------------


@dataclass(frozen=True)
class MachineParts:
    """What a machine takes a backup with; wiring makes it. `source` opens the source: its secret is looked up
    there, so that even a secret that is not there becomes the backup's outcome.
    """

    source: Callable[[], Source]
    backups: Backups
    errands: Errands
    spool: Path  # a directory of its own that is empty
    facts: MachineFacts | None = None
    attempt: int = 1


def on_machine(job: BackupJob, parts: MachineParts) -> BackupOutcome:
    """Take the backup that `job` asks for, tell events while it goes on, and leave its outcome in the vault.

    Never raises for what goes wrong with source or vault: that is what the outcome says. Raises `VaultError`
    if the outcome itself can't be written, and `KeyboardInterrupt` after cleaning up.
    """

    def emit(number: int, event: Event) -> None:
        parts.errands.emit(job.backup, number, event)

    request = BackupRequest(job.backup, job.database, job.jobs, job.level, job.recipients, parts.spool)
    with Teller(emit, parts.attempt, beat_s(job.plan)) as teller:
        teller.tell("backup", "started")
        trouble: Trouble | None = None
        try:
            take(
                request,
                parts.source(),
                parts.backups,
                lambda message, percent, mb_per_s: teller.progress("backup", message, percent, mb_per_s),
            )
            teller.tell("backup", "done")
        except RestoredrillError as error:
            trouble = Trouble.of(error)
        if trouble is not None:
            teller.tell("backup", "note", str(trouble.error()))
        outcome = BackupOutcome(
            backup=job.backup,
            database=job.database,
            taken=trouble is None,
            machine=_facts(job, parts),
            trouble=trouble,
            finished_at=clock.utcnow(),
            made_by=f"restoredrill {__version__}",
        )
        parts.errands.finish(outcome)
    return outcome


def _facts(job: BackupJob, parts: MachineParts) -> MachineFacts:
    known = parts.facts or MachineFacts(provider=job.provider, id=job.backup)
    return known.model_copy(update={"attempts": parts.attempt})


class _Stopped(Exception):
    """The other half failed, and so there is nothing to go on for."""


def _discard(backup: str, backups: Backups, error: BaseException) -> None:
    try:
        backups.discard(backup)
    except RestoredrillError as second:
        error.add_note(
            f"what was written of {backup} could not be removed ({second}); prune removes it in a day"
        )
