"""Applying retention, and clearing what dead backups have left behind. `survey` looks, `execute` does."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from restoredrill.errors import VaultHeld
from restoredrill.model import Manifest, make_id
from restoredrill.vault.catalog import Unreadable, VaultBackups
from restoredrill.vault.journal import VaultJournal
from restoredrill.vault.layout import BACKUPS, JOBS, SCRATCH, backup_folder, is_id, last_part, manifest_key
from restoredrill.vault.retention import Keep, Plan, plan
from restoredrill.vault.store import Unfinished, VaultStore

LEFTOVER_AFTER = timedelta(days=1)
FORGOTTEN_AFTER = timedelta(days=62)  # what a machine said of a backup it took; its cost counts for a month
_DELETES_AT_ONCE = 8


@dataclass(frozen=True)
class Leftover:
    """What a backup that died left behind: a folder without a manifest that nothing has touched for a day."""

    folder: str
    touched_at: datetime
    size_bytes: int


@dataclass(frozen=True)
class PrunePlan:
    """Everything a prune would do, before it does anything."""

    retention: Plan
    unreadable: tuple[Unreadable, ...]  # backups whose manifest can't be read: never touched
    leftovers: tuple[Leftover, ...]
    uploads: tuple[Unfinished, ...]
    scratch: tuple[str, ...]
    errands: tuple[str, ...]  # folders of what machines did long ago


@dataclass(frozen=True)
class Pruned:
    """What a prune did: backups and folders that are gone, and those that had to stay, with the
    reason.
    """

    deleted: tuple[str, ...]
    cleared: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]


def survey(
    store: VaultStore, keep: Keep, now: datetime, *, database: str | None = None, timezone: tzinfo = UTC
) -> PrunePlan:
    """What `keep` means for the backups of `database` (None: of all in this vault). Only reads. Raises
    `VaultError`.
    """
    listing = VaultBackups(store).look()
    drilled = VaultJournal(store).drilled(now)
    ours = {m.id: m for m in listing.manifests if database in (None, m.database)}
    taken = {backup: manifest.taken_at for backup, manifest in ours.items()}

    def planned(held: frozenset[str]) -> Plan:
        return plan(
            taken, keep, now, passed=drilled.passed, running=drilled.running, held=held, timezone=timezone
        )

    # Whether something is held costs a request an object, so only those are asked that would go.
    doomed = [ours[backup] for backup, _ in planned(frozenset()).delete]
    held = frozenset(manifest.id for manifest in doomed if store.held(_keys(manifest)))
    known = {m.id for m in listing.manifests} | {one.backup for one in listing.unreadable}
    uploads = store.unfinished()
    return PrunePlan(
        retention=planned(held),
        unreadable=listing.unreadable,
        leftovers=_leftovers(store, known, uploads, now),
        uploads=tuple(upload for upload in uploads if upload.touched_at < now - LEFTOVER_AFTER),
        scratch=tuple(e.key for e in store.list(SCRATCH) if e.modified_at < now - LEFTOVER_AFTER),
        errands=_forgotten(store, now),
    )


def execute(store: VaultStore, pruning: PrunePlan, now: datetime) -> Pruned:
    """Do it. A backup's manifest goes first: then there is no backup, whatever happens to the rest.

    What can't go (a drill began on it, a lock was put on it) is skipped and named. Raises `VaultError`.
    """
    running = VaultJournal(store).drilled(now).running
    deleted, cleared, skipped = [], [], []
    store.abandon(pruning.uploads)
    store.delete(pruning.scratch)
    for backup, _ in pruning.retention.delete:
        if backup in running:
            skipped.append((backup, "a drill is running on it"))
        elif _delete_folder(store, backup_folder(backup), first=manifest_key(backup)):
            deleted.append(backup)
        else:
            skipped.append((backup, "under an object lock"))
    for leftover in pruning.leftovers:
        if any(store.list(manifest_key(last_part(leftover.folder)))):
            skipped.append((leftover.folder, "it has become a backup"))
        elif _delete_folder(store, leftover.folder):
            cleared.append(leftover.folder)
        else:
            skipped.append((leftover.folder, "under an object lock"))
    for folder in pruning.errands:
        if _delete_folder(store, folder):
            cleared.append(folder)
        else:
            skipped.append((folder, "under an object lock"))
    return Pruned(tuple(deleted), tuple(cleared), tuple(skipped))


def _keys(manifest: Manifest) -> list[str]:
    folder = backup_folder(manifest.id)
    return [manifest_key(manifest.id), *(f"{folder}{file.key}" for file in manifest.files)]


def _leftovers(
    store: VaultStore, known: set[str], uploads: Sequence[Unfinished], now: datetime
) -> tuple[Leftover, ...]:
    found = []
    for folder in [entry.key for entry in store.list(BACKUPS, folders=True)]:
        backup = last_part(folder)
        if backup in known or not is_id(backup):
            continue
        entries = tuple(store.list(folder))
        times = [entry.modified_at for entry in entries]
        # A backup may take days: what still receives parts is alive.
        times += [upload.touched_at for upload in uploads if upload.key.startswith(folder)]
        touched_at = max(times, default=now)
        if touched_at < now - LEFTOVER_AFTER and manifest_key(backup) not in {e.key for e in entries}:
            found.append(Leftover(folder, touched_at, sum(entry.size_bytes for entry in entries)))
    return tuple(found)


def _forgotten(store: VaultStore, now: datetime) -> tuple[str, ...]:
    """The manifest is the proof of a backup; what its machine said is of no use for long."""
    before = make_id(now - FORGOTTEN_AFTER, "")
    folders = [entry.key for entry in store.list(JOBS, folders=True)]
    old = [folder for folder in folders if is_id(last_part(folder)) and last_part(folder) < before]
    return tuple(folder for folder in old if any(store.list(folder)))  # some stores list empty ones for ever


def _delete_folder(store: VaultStore, folder: str, first: str | None = None) -> bool:
    """Delete everything below `folder`; False, and nothing deleted, if something in it is held."""
    keys = [entry.key for entry in store.list(folder)]
    if store.held(keys):
        return False
    try:
        if first in keys:
            keys.remove(first)
            store.delete([first])
        with ThreadPoolExecutor(_DELETES_AT_ONCE) as pool:
            list(pool.map(store.delete, (keys[i::_DELETES_AT_ONCE] for i in range(_DELETES_AT_ONCE))))
    except VaultHeld:  # a lock was put on it this very moment; what is left is a leftover
        return False
    return True
