"""Reading a backup: what is wrong is caught before the last chunk; memory and threads stay bounded."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from pyrage import x25519

from restoredrill.errors import ObjectCorrupt, VaultMissing, VaultUnreachable
from restoredrill.model import StoredFile
from restoredrill.vault.archive import VaultArchive
from restoredrill.vault.catalog import VaultBackups
from restoredrill.vault.folder import FolderStore
from restoredrill.vault.s3 import S3Store
from restoredrill.vault.sealing import AgeSealer, AgeUnsealer
from tests.vault.samples import a_manifest, an_id

ID = an_id()
KEY = f"backups/{ID}/data/1.dat"
RANGE = 64 * 1024
DATA = bytes(range(251)) * 4000  # 16 ranges


class Watched:
    """A store that counts what is asked of it, and can be made to wait or to fail."""

    def __init__(self, store: FolderStore | S3Store) -> None:
        self._store = store
        self.fetches: list[tuple[str, int, int | None]] = []
        self.open_now = 0
        self.most_open = 0
        self.before: Callable[[str, int], object] = lambda key, start: None
        self._lock = threading.Lock()

    def fetch(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        with self._lock:
            self.fetches.append((key, start, length))
            self.open_now += 1
            self.most_open = max(self.most_open, self.open_now)
        try:
            self.before(key, start)
            yield from self._store.fetch(key, start, length)
        finally:
            with self._lock:
                self.open_now -= 1


def stored(store: FolderStore, data: bytes, name: str = "1.dat") -> StoredFile:
    """`data` as a file of the backup."""
    return VaultBackups(store).keep(ID, name, iter([data]))


def archive_of(store: FolderStore | Watched, *files: StoredFile) -> VaultArchive:
    """An archive that reads in small ranges."""
    return VaultArchive(store, a_manifest(ID, files), None, range_bytes=RANGE)


@pytest.mark.parametrize("size_bytes", [0, 1, RANGE - 1, RANGE, RANGE + 1, 4 * RANGE, len(DATA)])
def test_every_byte_comes_back_in_order(folder_store: FolderStore, size_bytes: int) -> None:
    archive = archive_of(folder_store, stored(folder_store, DATA[:size_bytes]))
    assert b"".join(archive.open("1.dat")) == DATA[:size_bytes]
    assert archive.fetched_bytes == size_bytes
    assert b"".join(archive.open("1.dat")) == DATA[:size_bytes]
    assert archive.corrupt == {}


def test_every_byte_comes_back_from_s3(s3_store: S3Store) -> None:
    data = DATA * 20
    kept = VaultBackups(s3_store).keep(ID, "1.dat", iter([data]))
    archive = VaultArchive(s3_store, a_manifest(ID, (kept,)), None, range_bytes=3_000_001)
    assert hashlib.sha256(b"".join(archive.open("1.dat"))).hexdigest() == kept.sha256


def flipped(data: bytes, place: int) -> bytes:
    """One bit is different."""
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "first byte": lambda data: flipped(data, 0),
    "last byte": lambda data: flipped(data, len(data) - 1),
    "cut": lambda data: data[:-1],
    "cut at a range": lambda data: data[: min(3 * RANGE, len(data) // 2)],
    "empty": lambda data: b"",
    "longer": lambda data: data + b"x",
    "twice": lambda data: data + data,
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("data", [b"small", DATA])
def test_damage_is_caught_before_the_last_chunk(folder_store: FolderStore, damage: str, data: bytes) -> None:
    archive = archive_of(folder_store, stored(folder_store, data), stored(folder_store, data, "2.dat"))
    folder_store.put(KEY, [DAMAGES[damage](data)])
    got: list[bytes] = []
    with pytest.raises(ObjectCorrupt, match=r"1\.dat") as caught:
        got.extend(archive.open("1.dat"))
    assert sum(map(len, got)) < len(data)
    assert archive.corrupt == {"1.dat": caught.value.reason}
    assert b"".join(archive.open("2.dat")) == data


def test_a_file_that_is_gone_is_corrupt_and_a_name_that_never_was_is_missing(
    folder_store: FolderStore,
) -> None:
    archive = archive_of(folder_store, stored(folder_store, DATA))
    folder_store.delete([KEY])
    with pytest.raises(ObjectCorrupt, match="not there"):
        list(archive.open("1.dat"))
    assert "1.dat" in archive.corrupt
    with pytest.raises(VaultMissing, match="no such file"):
        list(archive.open("9.dat"))
    assert "9.dat" not in archive.corrupt


@pytest.mark.parametrize("place", [0, 40, 100, 300, 5000, -1])
def test_damage_to_a_sealed_file_is_corruption_and_no_wrong_key(
    folder_store: FolderStore, place: int
) -> None:
    identity = x25519.Identity.generate()
    recipients = (str(identity.to_public()),)
    kept = VaultBackups(folder_store, AgeSealer(recipients)).keep(ID, "1.dat", iter([DATA]))
    data = b"".join(folder_store.fetch(f"{KEY}.age"))
    folder_store.put(f"{KEY}.age", [flipped(data, place % len(data))])
    archive = VaultArchive(
        folder_store, a_manifest(ID, (kept,), recipients=recipients), AgeUnsealer(str(identity))
    )
    got: list[bytes] = []
    with pytest.raises(ObjectCorrupt):
        got.extend(archive.open("1.dat"))
    assert len(b"".join(got)) < len(DATA)
    assert list(archive.corrupt) == ["1.dat"]


def test_trouble_of_the_store_is_not_corruption(folder_store: FolderStore) -> None:
    watched = Watched(folder_store)
    archive = archive_of(watched, stored(folder_store, DATA))

    def fail(key: str, start: int) -> None:
        if start == 2 * RANGE:
            raise VaultUnreachable("read", key, "no answer")

    watched.before = fail
    with pytest.raises(VaultUnreachable):
        list(archive.open("1.dat"))
    assert archive.corrupt == {}
    watched.before = lambda key, start: None
    assert b"".join(archive.open("1.dat")) == DATA


def test_ranges_of_a_large_file_are_fetched_ahead_and_at_once(folder_store: FolderStore) -> None:
    watched = Watched(folder_store)
    archive = archive_of(watched, stored(folder_store, DATA))
    four = threading.Barrier(4)
    watched.before = lambda key, start: four.wait(60) if start < 4 * RANGE else None
    assert b"".join(archive.open("1.dat")) == DATA
    assert watched.most_open >= 4


def test_promise_7_readers_that_stand_still_neither_hoard_nor_block(folder_store: FolderStore) -> None:
    watched = Watched(folder_store)
    names = [f"{i}.dat" for i in range(12)]
    archive = archive_of(watched, *(stored(folder_store, DATA, name) for name in names))
    streams = [archive.open(name) for name in names]
    firsts = [next(stream) for stream in streams]  # and now nobody reads on
    # Each has handed out one range and withholds one; whatever else was fetched lies in memory.
    assert len(watched.fetches) - 2 * len(names) <= 7
    # The last reader goes on to its end while all the others stand still.
    assert firsts[-1] + b"".join(streams[-1]) == DATA
    for first, stream in zip(firsts[:-1], streams[:-1], strict=True):
        assert first + b"".join(stream) == DATA


def test_readers_that_stop_give_back_what_they_held(folder_store: FolderStore) -> None:
    watched = Watched(folder_store)
    archive = archive_of(watched, stored(folder_store, DATA))
    for _ in range(20):
        stream = archive.open("1.dat")
        next(stream)
        stream.close()  # type: ignore[attr-defined]
    four = threading.Barrier(4)
    watched.before = lambda key, start: four.wait(60) if start < 4 * RANGE else None
    assert b"".join(archive.open("1.dat")) == DATA


def test_many_readers_at_once(folder_store: FolderStore) -> None:
    names = [f"{i}.dat" for i in range(8)]
    archive = archive_of(folder_store, *(stored(folder_store, DATA, name) for name in names))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda name: b"".join(archive.open(name)), names))
    assert found == [DATA] * 8
    assert archive.fetched_bytes == 8 * len(DATA)
