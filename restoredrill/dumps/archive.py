"""One dump as a target reads it: fetched, held against its checksum, unsealed, unpacked as it streams."""

import hashlib
from collections.abc import Iterator, Sequence

from restoredrill.dumps.checksums import Promise
from restoredrill.dumps.grouping import Candidate
from restoredrill.dumps.unpack import opened, unpacked
from restoredrill.errors import DumpUnfit, ObjectCorrupt, VaultMissing
from restoredrill.model import Manifest
from restoredrill.protocols import Store, Unsealer


class DumpArchive:
    """An `Archive` over objects without a manifest: `manifest` is derived, and knows no SHA-256."""

    def __init__(
        self,
        store: Store,
        candidate: Candidate,
        manifest: Manifest,
        unsealer: Unsealer | None,
        promises: Sequence[Promise] = (),
    ) -> None:
        self._store = store
        self._candidate = candidate
        self._manifest = manifest
        self._unsealer = unsealer
        self._promises = tuple(promises)
        self._fetched_bytes = 0

    @property
    def manifest(self) -> Manifest:
        """What is known of the dump, in a manifest's words."""
        return self._manifest

    @property
    def fetched_bytes(self) -> int:
        """Stored bytes that came so far."""
        return self._fetched_bytes

    def open(self, name: str) -> Iterator[bytes]:
        """See `Archive.open`. A file of a directory archive is unsealed and not unpacked: `pg_restore` does
        that. Raises `DumpUnfit` before the last chunk if it is not what it should be.
        """
        entry = self._candidate.entries.get(name)
        if entry is None:
            raise VaultMissing("open", name, f"{self._candidate.key} has no such file")
        stored = self._stored(entry.key, entry.size_bytes)
        if not self._candidate.folder:
            yield from _ended(unpacked(stored, self._unsealer, entry.key), stored)
        elif entry.key.endswith(".age"):
            yield from _ended(opened(stored, self._unsealer, entry.key), stored)
        else:
            yield from stored

    def _stored(self, key: str, size_bytes: int) -> Iterator[bytes]:
        """The stored bytes; the last chunk once size and checksums are known to be right."""
        digests = [hashlib.new(promise.algorithm, usedforsecurity=False) for promise in self._promises]
        withheld, have = b"", 0
        for chunk in self._store.fetch(key):
            if withheld:
                yield withheld
            withheld = chunk
            have += len(chunk)
            self._fetched_bytes += len(chunk)
            for digest in digests:
                digest.update(chunk)
        if have != size_bytes:
            raise ObjectCorrupt("read", key, f"{have} bytes came, and the listing says {size_bytes}")
        for promise, digest in zip(self._promises, digests, strict=True):
            if digest.hexdigest() != promise.digest:
                raise DumpUnfit(
                    "read",
                    key,
                    f"its {promise.algorithm} is not the one in {promise.where}",
                    rule="CHECKSUM_DIFFERS",
                    hint="the dump was changed since, or the checksum is another dump's",
                )
        if withheld:
            yield withheld


def _ended(plain: Iterator[bytes], stored: Iterator[bytes]) -> Iterator[bytes]:
    """`plain`, whose last chunk comes once `stored` has been read to its end: what lies behind a stream's
    end counts for a checksum, too.
    """
    withheld = b""
    for chunk in plain:
        if withheld:
            yield withheld
        withheld = chunk
    for _ in stored:
        pass
    if withheld:
        yield withheld
