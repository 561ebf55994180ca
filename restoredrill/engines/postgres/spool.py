"""Hands a folder's files on while another program still writes them, and gives their space back meanwhile.

Each file is read by one thread for as long as it grows. What was read is punched out of it (`holes`); a file
that is read to its end and kept is deleted. So the folder stays small however much goes through it. Where the
file system knows no holes, only whole files are released: then it may grow to the largest of them.
"""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from restoredrill.engines.postgres import holes
from restoredrill.errors import DumpFailed
from restoredrill.model import StoredFile
from restoredrill.protocols import Keep

LIMIT_BYTES = 192 << 20
"""When a folder holds more than this, its writer has to wait; what it adds until then stays below 256 MB."""

_CHUNK_BYTES = 1 << 20
_WORTH_WAKING_BYTES = 256 << 10  # a reader is not woken for less, unless the file is complete
_BLOCK_BYTES = 512  # of st_blocks, whatever the file system's are (stat(2))


class _Abandoned(Exception):
    """What is being kept will not be complete: tells `keep` so, and is never the error that is told."""


@dataclass(eq=False, slots=True)
class _Growing:
    """One file. `complete` once nobody writes to it any more; `read_bytes` and `drained` are its reader's."""

    path: Path
    size_bytes: int = 0
    complete: bool = False
    read_bytes: int = 0
    drained: bool = False
    more: threading.Event = field(default_factory=threading.Event)

    def wake(self, size_bytes: int, *, complete: bool, at_once: bool) -> None:
        self.size_bytes = size_bytes
        self.complete = self.complete or complete
        if self.complete or at_once or size_bytes - self.read_bytes >= _WORTH_WAKING_BYTES:
            self.more.set()


class Spool:
    """The files of one folder on their way to `keep`. `look` is called by one thread, again and again.

    At most `writers` files are written at the same time: each has a thread; some more take what is complete.
    """

    def __init__(
        self, folder: Path, keep: Keep, *, writers: int, limit_bytes: int, can_punch: bool = True
    ) -> None:
        self.allocated_bytes = 0
        self.read_bytes = 0
        self._folder = folder
        self._keep = keep
        self._limit_bytes = limit_bytes
        self._can_punch = can_punch
        self._found: set[str] = set()  # every name there ever was
        self._files: dict[str, _Growing] = {}  # those that are not kept yet
        self._kept: list[StoredFile] = []
        self._failure: BaseException | None = None
        self._abandoned = False
        self._all_found = False
        self._lock = threading.Lock()
        self._news = threading.Event()
        # A list of large objects grows beside the objects it lists: two open files a writer, some to spare.
        self._threads = ThreadPoolExecutor(max_workers=2 * writers + 4, thread_name_prefix="keep")

    @property
    def kept(self) -> tuple[StoredFile, ...]:
        """The files that are kept so far, by name."""
        with self._lock:
            return tuple(sorted(self._kept, key=lambda file: file.name))

    @property
    def pending(self) -> int:
        """How many of the files found so far are not kept yet."""
        return len(self._found) - len(self._kept)

    @property
    def half_full(self) -> bool:
        """Is it time to look more often?"""
        return self.allocated_bytes > self._limit_bytes // 2

    def look(self, open_names: Callable[[], frozenset[str]] | None, *, urgent: bool = False) -> None:
        """Find new files, wake the readers of those that grew, and see which are complete.

        A file is complete when it did not grow since the last look and `open_names`, asked after the folder
        was listed, does not have it. None: nobody writes any more. `urgent` wakes readers for every byte.
        """
        there = self._listed()
        files = {name: file for name in there if (file := self._known(name)) is not None}
        self.allocated_bytes = sum(_held(*there[name], file.read_bytes) for name, file in files.items())
        still = {name for name, file in files.items() if there[name][0] == file.size_bytes}
        complete = set(files) if open_names is None else set()
        if open_names is not None and not all(files[name].complete for name in still):
            complete = still - open_names()
        for name, file in files.items():
            file.wake(there[name][0], complete=name in complete, at_once=urgent)
        self._all_found = open_names is None

    def crowded(self, *, already: bool) -> bool:
        """Must the writer wait? Above the limit; and once it waits (`already`) until half of it is free.

        Without holes only complete files can make room, so only they count.
        """
        files = list(self._files.values())
        complete = sum(file.size_bytes for file in files if file.complete)
        held = self.allocated_bytes if self._can_punch else complete
        return held > (self._limit_bytes // 2 if already else self._limit_bytes)

    def wait(self, timeout_s: float) -> None:
        """Wait until the time is over or there is news; raise what `keep` raised, if it did."""
        self._news.wait(timeout_s)
        self._news.clear()
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """End every reader, and with it every `keep` that is not done. Returns when they are gone."""
        self._abandoned = True
        for file in list(self._files.values()):
            file.more.set()
        self._threads.shutdown(wait=True, cancel_futures=True)

    # Inside -------------------------------------------------------------------------------------------------

    def _listed(self) -> dict[str, tuple[int, int]]:
        """Name -> size in bytes, blocks."""
        found = {}
        with os.scandir(self._folder) as entries:
            for entry in entries:
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:  # kept and deleted meanwhile
                    continue
                found[entry.name] = (status.st_size, status.st_blocks)
        return found

    def _known(self, name: str) -> _Growing | None:
        """A file that was found earlier or just now; None if it was kept since the folder was listed."""
        if name not in self._found:
            self._found.add(name)
            self._files[name] = _Growing(self._folder / name, size_bytes=-1)
            self._threads.submit(self._store, name, self._files[name])
        return self._files.get(name)

    def _store(self, name: str, file: _Growing) -> None:
        try:
            stored = self._keep(name, self._chunks(file))
            if not file.drained or stored.plain_bytes != file.read_bytes:
                raise DumpFailed("keep", name, f"{stored.plain_bytes} bytes of {file.read_bytes} were kept")
            file.path.unlink()
            with self._lock:
                self._kept.append(stored)
                del self._files[name]
        except BaseException as error:
            with self._lock:
                if self._failure is None and not isinstance(error, _Abandoned):
                    self._failure = error
        if self._all_found or self._failure is not None:
            self._news.set()

    def _chunks(self, file: _Growing) -> Iterator[bytes]:
        released = 0
        with file.path.open("r+b", buffering=0) as source:
            while True:
                # In this order: what is complete before a read that finds nothing is at its end.
                file.more.clear()
                complete = file.complete
                if self._abandoned:
                    raise _Abandoned
                chunk = source.read(_CHUNK_BYTES)
                if not chunk and complete:
                    file.drained = True
                    return
                file.read_bytes += len(chunk)
                if not chunk or file.read_bytes - released >= _CHUNK_BYTES:
                    released = self._release(source.fileno(), released, file.read_bytes)
                if chunk:
                    self._count(len(chunk))
                    yield chunk
                else:
                    file.more.wait()

    def _release(self, source: int, start: int, end: int) -> int:
        """Give the blocks back that were read since the last time; returns where the next time starts."""
        end -= end % os.fstat(source).st_blksize  # a block that was only half read can't be free yet
        if self._can_punch:
            holes.punch(source, start, end - start)
        return end

    def _count(self, size_bytes: int) -> None:
        with self._lock:
            self.read_bytes += size_bytes


def _held(size_bytes: int, blocks: int, read_bytes: int) -> int:
    """Disk that a file takes. ZFS counts blocks seconds later; what is not read yet is there for certain."""
    return max(blocks * _BLOCK_BYTES, size_bytes - read_bytes)
