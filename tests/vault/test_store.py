"""What every store promises, on each of them (promises 3 and 7)."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from restoredrill.errors import VaultConflict, VaultError, VaultMissing
from restoredrill.vault.conditional import honours_conditional_writes, require_conditional_writes
from restoredrill.vault.s3 import S3Store
from restoredrill.vault.s3_bucket import Bucket
from restoredrill.vault.s3_upload import MIB
from restoredrill.vault.store import VaultStore

PART = 5 * MIB


def some_bytes(size_bytes: int, seed: int = 1) -> bytes:
    """Bytes in which every place differs from its neighbours."""
    block = bytes((i * seed * 7 + i // 251) % 256 for i in range(65_521))
    return (block * (size_bytes // len(block) + 1))[:size_bytes]


def pieces(data: bytes, piece_bytes: int = 300_007) -> Iterator[bytes]:
    """`data` as a stream."""
    for start in range(0, len(data), piece_bytes):
        yield data[start : start + piece_bytes]


def content(store: VaultStore, key: str, start: int = 0, length: int | None = None) -> bytes:
    """What `fetch` brings."""
    return b"".join(store.fetch(key, start, length))


def keys(store: VaultStore, prefix: str = "", *, folders: bool = False) -> list[str]:
    """What `list` shows."""
    return [entry.key for entry in store.list(prefix, folders=folders)]


@pytest.mark.parametrize("size_bytes", [0, 1, 65_536, PART - 1, PART, PART + 1, 2 * PART, 3 * PART + 12_345])
def test_put_and_fetch_bring_back_every_byte(store: VaultStore, size_bytes: int) -> None:
    data = some_bytes(size_bytes)
    store.put("data/file", pieces(data))
    assert content(store, "data/file") == data
    [entry] = store.list()
    assert (entry.key, entry.size_bytes) == ("data/file", size_bytes)
    assert entry.modified_at.tzinfo is not None
    assert store.unfinished() == ()


def test_put_takes_chunks_of_any_size(store: VaultStore) -> None:
    data = some_bytes(2 * PART + 99)
    store.put("file", iter([b"", data[:1], b"", data[1:], b""]))
    assert content(store, "file") == data


def test_put_replaces(store: VaultStore) -> None:
    store.put("file", [some_bytes(PART + 5)])
    store.put("file", [b"new"])
    assert content(store, "file") == b"new"
    assert keys(store) == ["file"]


@pytest.mark.parametrize("error", [ValueError("mine"), OSError(28, "mine"), KeyboardInterrupt()])
@pytest.mark.parametrize("after_bytes", [0, 100, 2 * PART + 100])
def test_promise_3_a_stream_that_breaks_leaves_nothing(
    store: VaultStore, error: BaseException, after_bytes: int
) -> None:
    def breaking() -> Iterator[bytes]:
        yield from pieces(some_bytes(after_bytes))
        raise error

    store.put("old", [b"as it was"])
    for key in ("new", "old"):
        with pytest.raises(type(error)) as caught:
            store.put(key, breaking())
        assert caught.value is error
    assert keys(store) == ["old"]
    assert content(store, "old") == b"as it was"
    assert store.unfinished() == ()


def test_promise_3_an_object_is_invisible_until_it_is_whole(store: VaultStore) -> None:
    half, rest = threading.Event(), threading.Event()

    def slow() -> Iterator[bytes]:
        yield some_bytes(2 * PART)
        half.set()
        assert rest.wait(60)
        yield b"end"

    with ThreadPoolExecutor() as pool:
        done = pool.submit(store.put, "a/file", slow())
        assert half.wait(60)
        assert keys(store) == []
        with pytest.raises(VaultMissing):
            content(store, "a/file")
        [upload] = store.unfinished("a/")
        assert upload.key == "a/file"
        assert store.unfinished("b/") == ()
        rest.set()
        done.result()
    assert content(store, "a/file") == some_bytes(2 * PART) + b"end"
    assert store.unfinished() == ()


def test_an_upload_left_behind_can_be_abandoned(store: VaultStore) -> None:
    half, rest = threading.Event(), threading.Event()

    def slow() -> Iterator[bytes]:
        yield some_bytes(2 * PART)
        half.set()
        assert rest.wait(60)
        yield some_bytes(2 * PART)

    with ThreadPoolExecutor() as pool:
        done = pool.submit(store.put, "a/file", slow())
        assert half.wait(60)
        uploads = store.unfinished()
        store.abandon(uploads)
        store.abandon(uploads)
        assert store.unfinished() == ()
        rest.set()
        with pytest.raises(VaultError):
            done.result()
    assert keys(store) == []


def test_put_once_refuses_what_is_there(store: VaultStore) -> None:
    store.put_once("manifest.json", b"first")
    with pytest.raises(VaultConflict):
        store.put_once("manifest.json", b"second")
    assert content(store, "manifest.json") == b"first"


def test_promise_3_of_many_conditional_writes_at_once_one_wins(store: VaultStore) -> None:
    together = threading.Barrier(12)

    def write(i: int) -> int | None:
        together.wait(60)
        try:
            store.put_once("race/manifest.json", b"%d" % i)
        except VaultConflict:
            return None
        return i

    with ThreadPoolExecutor(12) as pool:
        winners = [i for i in pool.map(write, range(12)) if i is not None]
    assert len(winners) == 1
    assert content(store, "race/manifest.json") == b"%d" % winners[0]


def test_conditional_writes_are_honoured_and_the_probe_leaves_nothing(store: VaultStore) -> None:
    assert honours_conditional_writes(store)
    require_conditional_writes(store, "the vault")
    assert keys(store) == []


class Overwriting:
    """A store that takes If-None-Match and overwrites all the same, as some do."""

    def __init__(self, store: VaultStore) -> None:
        self._store = store
        self.list, self.fetch, self.delete, self.put = store.list, store.fetch, store.delete, store.put

    def put_once(self, key: str, body: bytes) -> None:
        self._store.put(key, [body])


def test_a_store_that_overwrites_is_found_out(folder_store: VaultStore) -> None:
    store = Overwriting(folder_store)
    assert not honours_conditional_writes(store)
    assert keys(folder_store) == []
    with pytest.raises(VaultError, match="overwrites") as caught:
        require_conditional_writes(store, "s3://somewhere")
    assert "If-None-Match" in caught.value.hint


RANGES = [(0, None), (0, 1), (0, 1000), (1, 1), (500, 400), (999, 1), (999, 50), (990, None), (1000, None)]


@pytest.mark.parametrize(("start", "length"), [*RANGES, (1000, 5), (5000, None), (5000, 10), (10, 0)])
def test_fetch_brings_the_range(store: VaultStore, start: int, length: int | None) -> None:
    data = some_bytes(1000)
    store.put("file", [data])
    assert content(store, "file", start, length) == data[start : None if length is None else start + length]


def test_fetch_streams(store: VaultStore) -> None:
    store.put("file", pieces(some_bytes(3 * PART)))
    chunks = store.fetch("file")
    first = next(chunks)
    assert 0 < len(first) <= MIB
    chunks.close()  # type: ignore[attr-defined]
    assert content(store, "file", 3 * PART - 7) == some_bytes(3 * PART)[-7:]


def test_what_is_missing_is_missing_at_the_first_chunk(store: VaultStore) -> None:
    store.put("a/file", [b"x"])
    for key in ("nothing", "a", "a/file/below", "a/other"):
        chunks = store.fetch(key)
        with pytest.raises(VaultMissing) as caught:
            next(chunks)
        assert key in caught.value.thing
    assert keys(store, "nothing/") == []
    assert keys(store, "a/file/") == []


ODD = [
    "a b",
    "a+b",
    "a%2Fb",
    "a&b=c",
    "ä/ö/ü",
    "日本/語",
    "quote'\"",
    "hash#?",
    "tilde~",
    "~",
    "*[x]",
    "x" * 200,
]


def test_keys_may_be_odd(store: VaultStore) -> None:
    for key in ODD:
        store.put(f"odd/{key}", [key.encode()])
    assert keys(store, "odd/") == sorted((f"odd/{key}" for key in ODD), key=str.encode)
    for key in ODD:
        assert content(store, f"odd/{key}") == key.encode()
    store.delete([f"odd/{key}" for key in ODD])
    assert keys(store) == []


BAD = [
    "",
    "/etc/passwd",
    "../up",
    "a/../b",
    "a/..",
    "./a",
    "a//b",
    "a/",
    "nul\0",
    "a\\b",
    "line\nend",
    "\x7f",
    "\ud800",
    "x" * 901,
]


@pytest.mark.parametrize("key", [*BAD, ".unfinished/a"])
def test_keys_that_lead_elsewhere_are_refused(store: VaultStore, key: str) -> None:
    for attempt in (
        lambda: store.put(key, [b"x"]),
        lambda: store.put_once(key, b"x"),
        lambda: content(store, key),
        lambda: store.delete([key]),
    ):
        with pytest.raises(VaultError, match=r"key|unfinished"):
            attempt()


def test_list_is_sorted_and_knows_prefixes_and_folders(store: VaultStore) -> None:
    for key in ("b/2/x", "b/10/y", "b/10/z/deep", "b.json", "b-c", "a", "b/1"):
        store.put(key, [b"x"])
    everything = ["a", "b-c", "b.json", "b/1", "b/10/y", "b/10/z/deep", "b/2/x"]
    assert keys(store) == everything
    assert keys(store, "b") == everything[1:]
    assert keys(store, "b/1") == everything[3:6]
    assert keys(store, "b/10/") == everything[4:6]
    assert keys(store, "b/", folders=True) == ["b/10/", "b/2/"]
    assert keys(store, "b/1", folders=True) == ["b/10/"]
    assert keys(store, "", folders=True) == ["b/"]
    assert keys(store, "c/", folders=True) == []


def test_list_of_nothing_is_empty(store: VaultStore) -> None:
    assert keys(store) == keys(store, folders=True) == []


@pytest.mark.parametrize("count", [9, 10, 11, 25])
def test_list_goes_from_page_to_page(bucket: Bucket, count: int) -> None:
    store = S3Store(replace(bucket, page_items=10), f"paged/{count}")
    wanted = [f"many/{i:02d}/x" for i in range(count)]
    for key in wanted:
        store.put(key, [b"x"])
    assert keys(store, "many/") == wanted
    assert keys(store, "many/", folders=True) == [key.removesuffix("x") for key in wanted]


def test_delete_is_silent_about_what_is_missing(store: VaultStore) -> None:
    store.put("a/b/c", [b"x"])
    store.put("a/d", [b"x"])
    store.delete(["a/nothing", "a/b/c", "none/at/all"])
    store.delete([])
    assert keys(store) == ["a/d"]
    store.delete(["a/d"])
    assert keys(store) == []


def test_delete_keeps_the_order_and_stops_at_the_first_error(store: VaultStore) -> None:
    for key in ("a", "b", "c"):
        store.put(key, [b"x"])
    with pytest.raises(VaultError):
        store.delete(["c", "a/../b", "a"])
    # What is wrong with a key shows before anything is deleted, or when its turn comes.
    assert {"a", "b"} <= set(keys(store))


def test_many_uploads_at_once(store: VaultStore) -> None:
    bodies = {f"at-once/{i}": some_bytes(PART + 1000 * i, seed=i + 1) for i in range(6)}
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda item: store.put(item[0], pieces(item[1])), bodies.items()))
    for key, data in bodies.items():
        assert content(store, key) == data


def test_two_writers_of_one_key_do_not_mix(store: VaultStore) -> None:
    bodies = [some_bytes(PART + 10, seed=i) for i in (1, 2, 3)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda data: store.put("one", pieces(data)), bodies))
    assert content(store, "one") in bodies


def test_nothing_is_held_without_locks(store: VaultStore) -> None:
    store.put("a", [b"x"])
    assert store.held(["a", "missing"]) == ()
