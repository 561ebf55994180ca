"""The story of a backup: one snapshot, everything out of it into the vault, the manifest last."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from restoredrill import __version__, clock
from restoredrill.errors import RestoredrillError
from restoredrill.interruptions import postponed
from restoredrill.model import Fingerprint, FingerprintLevel, Manifest, StoredFile
from restoredrill.protocols import Backups, Dumped, Progress, Snapshot, Source


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


class _Stopped(Exception):
    """The other half failed, and so there is nothing to go on for."""


def _discard(backup: str, backups: Backups, error: BaseException) -> None:
    try:
        backups.discard(backup)
    except RestoredrillError as second:
        error.add_note(
            f"what was written of {backup} could not be removed ({second}); prune removes it in a day"
        )
