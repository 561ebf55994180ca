"""The agent's bundles in a vault: `agents/<name>`, and beside each a document that says what it is."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from restoredrill import __version__
from restoredrill.errors import ObjectCorrupt, VaultMissing
from restoredrill.plan import AgentBundle
from restoredrill.protocols import Store
from restoredrill.vault import documents
from restoredrill.vault.layout import checked

AGENTS = "agents/"
_DOCUMENT = ".json"
_CHUNK_BYTES = 1024 * 1024


class VaultBundles:
    """The bundles of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def publish(self, path: Path, bundle: AgentBundle) -> None:
        """Put a bundle there; the document comes last, so that a bundle that is told is there whole.

        May be repeated. Raises `ObjectCorrupt` if the file is not what its document says.
        """
        key = checked(f"{AGENTS}{bundle.name}")
        found = hashlib.sha256()
        for chunk in _chunks(path):
            found.update(chunk)
        if found.hexdigest() != bundle.sha256:
            raise ObjectCorrupt(
                "publish", str(path), "its SHA-256 is not its document's", hint="build it anew"
            )
        self._store.put(key, _chunks(path))
        self._store.put(f"{key}{_DOCUMENT}", [documents.as_bytes(bundle)])

    def list(self) -> tuple[AgentBundle, ...]:
        """Every bundle that is there whole: those of this restoredrill first, then the newest."""
        entries = {entry.key: entry for entry in self._store.list(AGENTS)}
        told = [key for key in entries if key.endswith(_DOCUMENT) and key.removesuffix(_DOCUMENT) in entries]
        told.sort(key=lambda key: entries[key].modified_at, reverse=True)
        return tuple(sorted(self._read(told), key=lambda bundle: bundle.version != __version__))

    def _read(self, keys: Sequence[str]) -> Iterator[AgentBundle]:
        for key in keys:
            try:
                bundle = documents.read(self._store, key, AgentBundle)
            except VaultMissing:  # gone since it was listed
                continue
            if f"{AGENTS}{bundle.name}{_DOCUMENT}" == key:
                yield bundle


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(lambda: file.read(_CHUNK_BYTES), b"")
