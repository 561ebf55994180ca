"""A backup's files as they stream out of the vault: fetched ahead, verified, unsealed."""

import contextlib
import hashlib
import threading
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from restoredrill.errors import KeyWrong, ObjectCorrupt, VaultMissing
from restoredrill.model import Manifest, StoredFile
from restoredrill.vault.layout import backup_folder, checked
from restoredrill.vault.sealing import AgeUnsealer, require_fitting_key

# One stream from S3 gives some 50 to 90 MB/s; several ranges at once give several times that
# (AWS, "Performance design patterns for Amazon S3": parallel ranged GETs of 8 to 16 MB).
_RANGE_BYTES = 8 * 1024 * 1024
_AHEAD_PER_FILE = 4
_AHEAD_IN_ALL = 7  # with the range that each consumer holds, 64 MB or so


class _Fetches(Protocol):
    def fetch(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]: ...


class VaultArchive:
    """An `Archive` over a store. `open` may be called from several threads; they hold about 64 MB in all."""

    def __init__(
        self,
        store: _Fetches,
        manifest: Manifest,
        unsealer: AgeUnsealer | None,
        *,
        range_bytes: int = _RANGE_BYTES,
    ) -> None:
        """Raises `KeyMissing`, `KeyWrong` if the keys can't open what the manifest says was sealed."""
        require_fitting_key(manifest.recipients, unsealer)
        self._store = store
        self._manifest = manifest
        self._folder = backup_folder(manifest.id)
        self._unsealer = unsealer if manifest.recipients else None
        self._range_bytes = range_bytes
        self._ahead = ThreadPoolExecutor(_AHEAD_IN_ALL, thread_name_prefix="fetch")
        self._slots = threading.Semaphore(_AHEAD_IN_ALL)
        self._lock = threading.Lock()
        self._fetched_bytes = 0
        self._corrupt: dict[str, str] = {}

    @property
    def manifest(self) -> Manifest:
        """The document that promises what `open` verifies."""
        return self._manifest

    @property
    def fetched_bytes(self) -> int:
        """Stored bytes that came out of the vault so far."""
        return self._fetched_bytes

    @property
    def corrupt(self) -> dict[str, str]:
        """Names of files that turned out to be bad, and what is wrong with each."""
        with self._lock:
            return dict(self._corrupt)

    def open(self, name: str) -> Iterator[bytes]:
        """See `Archive.open`. Raises `VaultMissing` for a name that the manifest does not hold."""
        file = next((f for f in self._manifest.files if f.name == name), None)
        if file is None:
            raise VaultMissing("open", name, f"backup {self._manifest.id} has no such file")
        try:
            yield from self._plain(file)
        except ObjectCorrupt as error:
            with self._lock:
                self._corrupt[name] = error.reason
            raise

    def _plain(self, file: StoredFile) -> Iterator[bytes]:
        key = checked(f"{self._folder}{file.key}")
        try:
            if self._unsealer is None:
                yield from self._verified(key, file)
            else:
                yield from self._unsealer.open(self._verified(key, file))
        except VaultMissing as error:
            raise ObjectCorrupt("read", key, "the manifest names it and it is not there") from error
        except KeyWrong as error:
            # Whether the keys fit was settled with the manifest's help; so it is the object's own header.
            raise ObjectCorrupt("decrypt", key, "its header was changed") from error

    def _verified(self, key: str, file: StoredFile) -> Iterator[bytes]:
        """The stored bytes. The last chunk is withheld until size and SHA-256 are known to be right."""
        digest = hashlib.sha256()
        size_bytes = 0
        withheld: bytes | None = None
        with contextlib.closing(self._stored(key, file.size_bytes)) as chunks:
            for chunk in chunks:
                if withheld is not None:
                    yield withheld
                withheld = chunk
                digest.update(chunk)
                size_bytes += len(chunk)
                self._count(len(chunk))
                if size_bytes > file.size_bytes:
                    break
        if size_bytes != file.size_bytes:
            raise ObjectCorrupt("read", key, _wrong_size(size_bytes, file.size_bytes))
        if digest.hexdigest() != file.sha256:
            raise ObjectCorrupt("read", key, "its SHA-256 is not the manifest's")
        if withheld is not None:
            yield withheld

    def _stored(self, key: str, size_bytes: int) -> Generator[bytes, None, None]:
        """The object's bytes in order; of a large one, some ranges are fetched ahead while slots are free."""
        starts = deque(range(0, size_bytes, self._range_bytes))
        if len(starts) <= 1:
            yield from self._store.fetch(key)
            return
        ahead: deque[Future[Sequence[bytes]]] = deque()
        try:
            while starts or ahead:
                while starts and len(ahead) < _AHEAD_PER_FILE and self._slots.acquire(blocking=False):
                    ahead.append(self._ahead.submit(self._range, key, starts.popleft()))
                if ahead:
                    yield from ahead[0].result()
                    self._free_slot(ahead.popleft())
                else:  # others have all the slots: go on without one, so that nobody ever waits for anybody
                    yield from self._store.fetch(key, starts.popleft(), self._range_bytes)
            # What lies beyond the promised end must not go unseen.
            yield from self._store.fetch(key, size_bytes, self._range_bytes)
        finally:
            for future in ahead:
                future.cancel()
                self._free_slot(future)

    def _range(self, key: str, start: int) -> Sequence[bytes]:
        return tuple(self._store.fetch(key, start, self._range_bytes))

    def _free_slot(self, future: "Future[Sequence[bytes]]") -> None:
        """A slot stands for memory: free once its range was consumed, or has come in and is not wanted."""
        future.add_done_callback(lambda _: self._slots.release())

    def _count(self, fetched_bytes: int) -> None:
        with self._lock:
            self._fetched_bytes += fetched_bytes


def _wrong_size(found_bytes: int, promised_bytes: int) -> str:
    if found_bytes > promised_bytes:
        return f"it has more than the {promised_bytes} bytes of the manifest"
    return f"it has {found_bytes} bytes and the manifest says {promised_bytes}"
