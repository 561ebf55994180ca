"""How uploads are cut, and how much memory they may take (promise 7)."""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restoredrill.errors import VaultFull
from restoredrill.vault.s3 import S3Store
from restoredrill.vault.s3_bucket import Bucket
from restoredrill.vault.s3_upload import MIB, Buffers, Limits, Space, cut, grown_part_bytes

TIB = 1024 * 1024 * MIB


def test_an_object_of_five_terabytes_fits() -> None:
    """ "Multipart upload limits", Amazon S3: 10,000 parts of 5 MiB to 5 GiB; an object of 5 TiB or more."""
    limits = Limits()
    direct = limits.parts - limits.copied_parts
    sizes = [limits.part_bytes(number) for number in range(1, limits.parts + 1)]
    own_bytes = sum(sizes[:direct])
    assert own_bytes // (1024 * MIB) == 173
    section_bytes = limits.parts * sizes[-1]
    copies_each = -(-section_bytes // limits.copy_bytes)
    assert section_bytes / copies_each > 1.9 * 1024 * MIB  # hardly any part is wasted
    sections = limits.copied_parts // copies_each
    assert own_bytes + sections * section_bytes > 5 * TIB
    assert limits.copy_bytes <= 5 * 1024 * MIB


def test_parts_are_never_too_small_nor_too_large_for_memory() -> None:
    sizes = [grown_part_bytes(number) for number in range(1, 20_000)]
    assert sizes == sorted(sizes)
    assert (sizes[0], sizes[999], sizes[1000], sizes[3000]) == (8 * MIB, 8 * MIB, 16 * MIB, 32 * MIB)
    assert max(sizes) <= Limits().sending_bytes


@settings(max_examples=80, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=12), st.lists(st.integers(1, 30), min_size=1, max_size=6))
def test_cutting_loses_nothing(chunks: list[bytes], sizes: list[int]) -> None:
    buffers, parts = Buffers(most_spare=2), []
    for part, last in cut(iter(chunks), lambda number: sizes[(number - 1) % len(sizes)], buffers):
        parts.append((bytes(part), last))
        buffers.give_back(part)
    assert b"".join(part for part, _ in parts) == b"".join(chunks)
    assert [last for _, last in parts] == [False] * (len(parts) - 1) + [True]
    for number, (part, last) in enumerate(parts):
        full = sizes[number % len(sizes)]
        assert len(part) == full or (last and len(part) <= full)
    assert len(parts) == 1 or all(part for part, _ in parts)


def test_buffers_are_used_again_and_few_are_kept() -> None:
    buffers = Buffers(most_spare=2)
    first, second, third = (buffers.take(10) for _ in range(3))
    for buffer in (first, second, third, b"a short last part"):
        buffers.give_back(buffer)
    again = [buffers.take(10) for _ in range(3)]
    assert [any(buffer is one for one in (first, second)) for buffer in again] == [True, True, False]
    buffers.give_back(first)
    assert len(buffers.take(20)) == 20
    assert buffers.take(10) is not first  # those of another size are let go


def test_parts_shrink_when_many_uploads_go_on() -> None:
    space = Space(Limits())
    with space.upload():
        assert space.part_bytes(5_000) == 32 * MIB
        with space.upload(), space.upload(), space.upload():
            assert space.part_bytes(5_000) == 12 * MIB
            assert space.part_bytes(1) == 8 * MIB
        assert space.part_bytes(5_000) == 32 * MIB


def test_parts_on_their_way_wait_for_room() -> None:
    space = Space(Limits(sending_bytes=100))
    space.take(60)
    space.take(40)
    third = threading.Thread(target=space.take, args=(10,))
    third.start()
    third.join(0.2)
    assert third.is_alive()
    space.give_back(40)
    third.join(60)
    assert not third.is_alive()
    space.give_back(60)
    space.give_back(10)
    space.take(1000)  # more than there ever is: alone
    space.give_back(1000)


# On a real server -------------------------------------------------------------------------------------------


def stream(size_bytes: int) -> Iterator[bytes]:
    """Bytes that are different everywhere."""
    for start in range(0, size_bytes, MIB):
        yield random.Random(start).randbytes(min(MIB, size_bytes - start))


def limited(**limits: int) -> Limits:
    """Parts of 5 MiB and few of them."""
    return Limits(part_bytes=lambda number: 5 * MIB, **limits)


# 2 parts of our own, then one section of up to 4 parts that is copied in 2.
TINY = limited(parts=4, copied_parts=2, copy_bytes=10 * MIB)


@pytest.mark.parametrize("size_mib", [10, 11, 16, 30])
def test_what_is_too_long_for_one_upload_is_joined_by_the_store(bucket: Bucket, size_mib: int) -> None:
    store = S3Store(bucket, f"joined/{size_mib}", TINY)
    store.put("file", stream(size_mib * MIB))
    assert b"".join(store.fetch("file")) == b"".join(stream(size_mib * MIB))
    assert [entry.key for entry in store.list()] == ["file"]
    assert store.unfinished() == ()


def test_what_is_too_long_even_so_is_refused_and_leaves_nothing(bucket: Bucket) -> None:
    store = S3Store(bucket, "too-long", TINY)
    with pytest.raises(VaultFull, match="more parts"):
        store.put("file", stream(31 * MIB))
    assert list(store.list()) == []
    assert store.unfinished() == ()


def test_a_section_that_breaks_leaves_nothing(bucket: Bucket) -> None:
    def breaking() -> Iterator[bytes]:
        yield from stream(21 * MIB)
        raise ValueError("mine")

    store = S3Store(bucket, "broken", TINY)
    with pytest.raises(ValueError, match="mine"):
        store.put("file", breaking())
    assert list(store.list()) == []
    assert store.unfinished() == ()


def test_uploads_that_wait_for_one_another_end(bucket: Bucket) -> None:
    """A dump stands still while its files are too large on disk: one upload's source may wait for
    another's end.
    """
    store = S3Store(bucket, "waiting", limited(filling_bytes=5 * MIB, sending_bytes=5 * MIB))
    ends = [threading.Event() for _ in range(7)]
    ends[0].set()

    def waiting(i: int) -> Iterator[bytes]:
        yield from stream(5 * MIB + 8)
        assert ends[i].wait(120)
        yield b"end"

    def put(i: int) -> None:
        store.put(f"{i}", waiting(i))
        ends[(i + 1) % 7].set()

    with ThreadPoolExecutor(7) as pool:
        list(pool.map(put, reversed(range(7))))
    assert len(list(store.list())) == 7


SHAPES: dict[str, Callable[[], Iterator[bytes]]] = {
    "one huge chunk": lambda: iter([b"".join(stream(11 * MIB))]),
    "many tiny ones": lambda: (b"%060d" % i for i in range(100_000)),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_chunks_of_any_shape_arrive(bucket: Bucket, shape: str) -> None:
    store = S3Store(bucket, f"shape/{shape}", limited())
    store.put("file", SHAPES[shape]())
    assert b"".join(store.fetch("file")) == b"".join(SHAPES[shape]())
