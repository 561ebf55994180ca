"""The backups of a vault: taking one, listing them, opening one. A backup is what has a manifest (promise
3).
"""

import contextlib
import hashlib
import logging
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pydantic import ValidationError

from restoredrill.errors import ObjectCorrupt, VaultConflict, VaultError, VaultMissing
from restoredrill.model import Manifest, StoredFile
from restoredrill.protocols import Sealer
from restoredrill.vault import manifests
from restoredrill.vault.archive import VaultArchive
from restoredrill.vault.layout import BACKUPS, backup_folder, file_key, is_id, last_part, manifest_key
from restoredrill.vault.sealing import AgeSealer, AgeUnsealer
from restoredrill.vault.store import VaultStore

_FETCHES_AT_ONCE = 16
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Unreadable:
    """A manifest that is there and can't be understood: a backup that must not be counted and not be lost."""

    backup: str
    reason: str


@dataclass(frozen=True)
class Listing:
    """What is in a vault: backups, newest first, and those whose manifest can't be read."""

    manifests: tuple[Manifest, ...]
    unreadable: tuple[Unreadable, ...]


class VaultBackups:
    """The `Backups` of one store. With a sealer it can write them, with an unsealer read them; one that has
    to be looked up first is looked up when a backup is opened.
    """

    def __init__(
        self,
        store: VaultStore,
        sealer: Sealer | None = None,
        unsealer: AgeUnsealer | Callable[[], AgeUnsealer | None] | None = None,
    ) -> None:
        self._store = store
        self._sealer = sealer or AgeSealer()
        self._unsealer = unsealer

    def keep(self, backup: str, name: str, chunks: Iterator[bytes]) -> StoredFile:
        """See `Backups.keep`. Raises `VaultError`; whatever `chunks` raises passes as it is."""
        key = file_key(name, self._sealer.suffix)
        plain, stored = _Tally(), _Tally()
        sealed = stored.over(self._sealer.seal(plain.over(chunks)))
        with contextlib.closing(sealed):
            self._store.put(f"{backup_folder(backup)}{key}", sealed)
        return StoredFile(
            name=name,
            key=key,
            size_bytes=stored.size_bytes,
            sha256=stored.digest.hexdigest(),
            plain_bytes=plain.size_bytes,
        )

    def publish(self, manifest: Manifest) -> None:
        """See `Backups.publish`. Raises `VaultError` if a file that the manifest names is not all there."""
        folder = backup_folder(manifest.id)
        found = {entry.key: entry.size_bytes for entry in self._store.list(folder)}
        wrong = [f.key for f in manifest.files if found.get(f"{folder}{f.key}") != f.size_bytes]
        if wrong:
            reason = f"{len(wrong)} of its files are missing or cut, {wrong[0]} first"
            hint = "has something else deleted in the vault while the backup ran?"
            raise VaultError("publish", f"backup {manifest.id}", reason, hint=hint)
        self._store.put_once(manifest_key(manifest.id), manifests.body_of(manifest))

    def strays(self, backup: str) -> tuple[str, ...]:
        """Keys below a backup that its manifest does not name.

        Raises as `manifest` does, and `VaultDenied` for who may not list.
        """
        folder = backup_folder(backup)
        known = {manifest_key(backup), *(f"{folder}{file.key}" for file in self.manifest(backup).files)}
        return tuple(entry.key for entry in self._store.list(folder) if entry.key not in known)

    def discard(self, backup: str) -> None:
        """See `Backups.discard`."""
        folder = backup_folder(backup)
        keys = [entry.key for entry in self._store.list(folder)]
        if manifest_key(backup) in keys:
            raise VaultConflict(
                "discard", f"backup {backup}", "it has a manifest", hint="prune removes backups"
            )
        self._store.abandon(self._store.unfinished(folder))
        self._store.delete(keys)

    def list(self) -> tuple[Manifest, ...]:
        """See `Backups.list`: those whose manifest can be read. The others are warned of; `look` has them
        too.
        """
        listing = self.look()
        for bad in listing.unreadable:
            _log.warning("backup %s: its manifest can't be read: %s", bad.backup, bad.reason)
        return listing.manifests

    def look(self) -> Listing:
        """Everything that has a manifest. Raises `VaultError`."""
        ids = [last_part(entry.key) for entry in self._store.list(BACKUPS, folders=True)]
        with ThreadPoolExecutor(_FETCHES_AT_ONCE) as pool:
            found = [one for one in pool.map(self._look_at, filter(is_id, ids)) if one is not None]
        manifests = [one for one in found if isinstance(one, Manifest)]
        manifests.sort(key=lambda manifest: (manifest.taken_at, manifest.id), reverse=True)
        return Listing(tuple(manifests), tuple(one for one in found if isinstance(one, Unreadable)))

    def manifest(self, backup: str) -> Manifest:
        """One backup's manifest. Raises `VaultMissing`, `ObjectCorrupt` if it can't be read."""
        key = manifest_key(backup)
        try:
            body = b"".join(self._store.fetch(key))
        except VaultMissing as error:
            hint = "`restoredrill backups NAME` lists those that exist"
            raise VaultMissing("find", f"backup {backup}", "it has no manifest", hint=hint) from error
        try:
            manifest = manifests.parse(body)
        except ValidationError as error:
            raise ObjectCorrupt("read", key, why_invalid(error)) from error
        except ValueError as error:
            raise ObjectCorrupt("read", key, str(error)) from error
        if manifest.id != backup:
            raise ObjectCorrupt("read", key, f"it is the manifest of {manifest.id}")
        return manifest

    def open(self, backup: str) -> VaultArchive:
        """See `Backups.open`. Raises `ObjectCorrupt` too, if the manifest can't be read."""
        unsealer = self._unsealer() if callable(self._unsealer) else self._unsealer
        return VaultArchive(self._store, self.manifest(backup), unsealer)

    def _look_at(self, backup: str) -> Manifest | Unreadable | None:
        try:
            return self.manifest(backup)
        except VaultMissing:
            return None
        except ObjectCorrupt as error:
            return Unreadable(backup, error.reason)


def why_invalid(error: ValidationError) -> str:
    """The first problem of a document in a few words, without its content."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place or 'document'}: {first['msg'].lower()}"


class _Tally:
    """Counts and hashes what passes."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self.digest = hashlib.sha256()

    def over(self, chunks: Iterator[bytes]) -> Generator[bytes, None, None]:
        try:
            for chunk in chunks:
                self.size_bytes += len(chunk)
                self.digest.update(chunk)
                yield chunk
        finally:
            if isinstance(chunks, Generator):
                chunks.close()
