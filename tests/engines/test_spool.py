"""Growing files: handed on whole, released behind the reader, and let go of when something breaks."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from restoredrill.engines.postgres import holes
from restoredrill.engines.postgres.spool import Spool
from restoredrill.errors import DumpFailed, VaultFull
from restoredrill.model import StoredFile
from tests.engines.keeping import Keeping, await_that

MB = 1 << 20


class Writer:
    """What pg_dump is to a spool: has files open, appends to them, closes them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.open: set[str] = set()

    def append(self, name: str, content: bytes) -> None:
        self.open.add(name)
        with (self.folder / name).open("ab") as file:
            file.write(content)

    def close(self, name: str) -> None:
        self.open.remove(name)

    def open_names(self) -> frozenset[str]:
        return frozenset(self.open)


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    return Writer(tmp_path / "data")


@pytest.fixture
def keep(tmp_path: Path) -> Keeping:
    return Keeping(tmp_path / "kept")


def drained(spool: Spool, writer: Writer) -> None:
    """Look until everything is kept."""
    spool.look(None)
    while spool.pending:
        spool.wait(0.05)


def until_it_fails(spool: Spool) -> None:
    for _ in range(1000):
        spool.wait(0.05)


def on_disk(path: Path) -> int:
    return path.stat().st_blocks * 512


def test_a_file_is_complete_only_when_nobody_has_it_open(writer: Writer, keep: Keeping) -> None:
    spool = Spool(writer.folder, keep, writers=1, limit_bytes=MB)
    try:
        writer.append("a", b"first")
        for _ in range(3):
            spool.look(writer.open_names)
        assert keep.names == set()
        writer.append("a", b" second")
        writer.close("a")
        spool.look(writer.open_names)  # it grew since the last look: not yet
        spool.look(writer.open_names)
        await_that(lambda: spool.pending == 0, "the file is kept")
        assert keep.read("a") == b"first second"
        assert not (writer.folder / "a").exists()
    finally:
        spool.close()


def test_what_appears_after_the_listing_is_not_taken_for_complete(writer: Writer, keep: Keeping) -> None:
    appended = 0

    def opened_meanwhile() -> frozenset[str]:
        nonlocal appended
        names = writer.open_names()
        writer.append("b", b"part ")
        appended += 1
        return names

    spool = Spool(writer.folder, keep, writers=1, limit_bytes=MB)
    try:
        writer.append("a", b"x")
        for _ in range(3):
            spool.look(opened_meanwhile)
        assert appended > 0
        writer.append("b", b"the end")
        drained(spool, writer)
        assert keep.read("b") == b"part " * appended + b"the end"
    finally:
        spool.close()


def test_empty_files_are_kept_too(writer: Writer, keep: Keeping) -> None:
    spool = Spool(writer.folder, keep, writers=1, limit_bytes=MB)
    try:
        writer.append("empty", b"")
        drained(spool, writer)
        assert [(file.name, file.size_bytes) for file in spool.kept] == [("empty", 0)]
    finally:
        spool.close()


def test_space_is_given_back_while_the_file_grows(writer: Writer, keep: Keeping) -> None:
    assert holes.possible(writer.folder), "this file system can't release parts of a file"
    content = os.urandom(10 * MB + 12_345)
    spool = Spool(writer.folder, keep, writers=1, limit_bytes=MB)
    try:
        path = writer.folder / "big"
        for start in range(0, len(content), MB):
            writer.append("big", content[start : start + MB])
            spool.look(writer.open_names, urgent=True)
        await_that(lambda: spool.read_bytes == len(content), "everything is read")
        await_that(lambda: on_disk(path) < MB, "nearly everything is released")
        assert path.stat().st_size == len(content)
        writer.append("big", b"the end")
        writer.close("big")
        drained(spool, writer)
        assert keep.read("big") == content + b"the end"
    finally:
        spool.close()


def test_without_holes_nothing_is_given_back_before_the_end(writer: Writer, keep: Keeping) -> None:
    content = os.urandom(3 * MB)
    spool = Spool(writer.folder, keep, writers=1, limit_bytes=MB, can_punch=False)
    try:
        writer.append("big", content)
        spool.look(writer.open_names)
        await_that(lambda: spool.read_bytes == len(content), "everything is read")
        assert on_disk(writer.folder / "big") >= len(content)
        assert not spool.crowded(already=False), (
            "stopping the writer would not help, it must finish this file"
        )
        writer.close("big")
        drained(spool, writer)
        assert keep.read("big") == content
    finally:
        spool.close()


@pytest.mark.parametrize("can_punch", [True, False])
def test_the_writer_waits_above_the_limit_until_half_of_it_is_free(writer: Writer, can_punch: bool) -> None:
    gate = threading.Event()

    def keep(name: str, chunks: Iterator[bytes]) -> StoredFile:
        gate.wait()
        size = sum(len(chunk) for chunk in chunks)
        return StoredFile(name=name, key=name, size_bytes=size, sha256="0" * 64, plain_bytes=size)

    spool = Spool(writer.folder, keep, writers=1, limit_bytes=MB, can_punch=can_punch)
    try:
        for name in "abc":
            writer.append(name, os.urandom(MB // 2))
            writer.close(name)
            spool.look(writer.open_names)
            spool.look(writer.open_names)
            assert spool.crowded(already=False) == (name == "c")
        assert spool.crowded(already=True)
        gate.set()
        drained(spool, writer)
        spool.look(None)
        assert not spool.crowded(already=True)
    finally:
        gate.set()
        spool.close()


def test_many_files_need_few_threads(writer: Writer, tmp_path: Path) -> None:
    most = 0

    def hook(name: str, number: int) -> None:
        nonlocal most
        most = max(most, sum(thread.name.startswith("keep") for thread in threading.enumerate()))

    keep = Keeping(tmp_path / "kept", hook)
    spool = Spool(writer.folder, keep, writers=2, limit_bytes=MB)
    try:
        for number in range(500):
            writer.append(f"{number}", b"%d" % number)
            writer.close(f"{number}")
            if number % 50 == 0:
                spool.look(writer.open_names)
        drained(spool, writer)
        assert len(spool.kept) == 500
        assert most <= 8
    finally:
        spool.close()


def test_the_first_error_is_the_one_that_is_told(writer: Writer, tmp_path: Path) -> None:
    full = VaultFull("put", "k", "no room")

    def hook(name: str, number: int) -> None:
        if name == "bad":
            raise full

    keep = Keeping(tmp_path / "kept", hook)
    spool = Spool(writer.folder, keep, writers=1, limit_bytes=MB)
    writer.append("good", b"x")
    spool.look(writer.open_names)
    writer.append("bad", b"x")
    spool.look(None)
    with pytest.raises(VaultFull) as caught:
        until_it_fails(spool)
    assert caught.value is full
    spool.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("keep")]


def test_closing_ends_readers_that_wait_for_more_and_keeps_nothing(writer: Writer, keep: Keeping) -> None:
    spool = Spool(writer.folder, keep, writers=1, limit_bytes=MB)
    for name in "abcd":
        writer.append(name, b"half")
    spool.look(writer.open_names)
    await_that(lambda: len(keep.begun) == 4, "everything is being read")
    spool.close()
    assert keep.names == set()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("keep")]


@pytest.mark.parametrize("liar", ["stops early", "counts wrong"])
def test_a_file_that_was_not_kept_whole_is_not_deleted(writer: Writer, liar: str) -> None:
    def keep(name: str, chunks: Iterator[bytes]) -> StoredFile:
        first = len(next(chunks))
        size = first if liar == "stops early" else first + sum(len(chunk) for chunk in chunks) - 1
        return StoredFile(name=name, key=name, size_bytes=size, sha256="0" * 64, plain_bytes=size)

    spool = Spool(writer.folder, keep, writers=1, limit_bytes=MB)
    writer.append("a", os.urandom(2 * MB))
    spool.look(None)
    with pytest.raises(DumpFailed, match="a: "):
        until_it_fails(spool)
    spool.close()
    assert (writer.folder / "a").exists()


def test_holes_are_made_where_they_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "file"
    content = os.urandom(2 * MB)
    path.write_bytes(content)
    with path.open("r+b") as file:
        before = on_disk(path)
        assert holes.punch(file.fileno(), 0, MB)
        assert not holes.punch(file.fileno(), 0, 0)
    assert on_disk(path) <= before - MB
    assert path.read_bytes() == bytes(MB) + content[MB:]
    assert holes.possible(tmp_path)
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


def test_where_holes_are_not_possible_that_is_found_out() -> None:
    with Path("/dev/null").open("r+b") as file:
        assert not holes.punch(file.fileno(), 0, MB)
