"""Named pipes one by one: making, opening and spoiling them, and seeing how much of one was read."""

import contextlib
import errno
import fcntl
import os
import select
import struct
import termios
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from restoredrill import clock
from restoredrill.engines.postgres.readahead import Stream

_PIPE_BYTES = 1 << 20

# pg_restore 16 to 18 takes a zstd stream that just ends for complete: exit status 0, no message, rows missing
# (tried on each). So a stream that failed is not only cut off but spoilt. More of 0xFF than a zstd block can
# hold (128 KB) ends in a block or a frame that can't be; lz4 is as strict.
_SPOILT = memoryview(b"\xff" * (256 << 10))
# What does not begin with gzip's magic number passes as not compressed; this fails at "unknown header flags".
_SPOILT_GZIP = memoryview(b"\x1f\x8b\x08" + _SPOILT)
# Not compressed: no encoding has a zero byte. (In a large object even that is data.)
_SPOILT_PLAIN = memoryview(bytes(64 << 10))


@dataclass(eq=False, slots=True)
class Group:
    """Files that are opened one after another: a table's one, or a list of large objects."""

    waiting: deque["Fifo"] = field(default_factory=deque)  # not opened so far
    started: bool = False
    passed_over: int = 0  # by so many that were expected later


@dataclass(eq=False, slots=True)
class Fifo:
    """One named pipe and what goes into it."""

    path: Path
    group: Group
    stream: Stream
    fd: int = -1  # the write end; after the last byte a read end, to see whether everything is taken
    written_bytes: int = 0
    idle_until_s: float = 0.0
    polled: int = 0  # the events asked for

    @property
    def name(self) -> str:
        return self.path.name


def make_fifos(directory: Path, order: Iterable[Iterable[str]]) -> Iterator[Fifo]:
    """A FIFO (mode 0600) for every name, group by group.

    Raises `FileExistsError` if there is anything of that name, `ValueError` if it leads out of `directory`.
    """
    for names in order:
        group = Group()
        for name in names:
            if "/" in name or name in ("", ".", ".."):
                raise ValueError(f"{name!r} is no file name")
            path = directory / name
            os.mkfifo(path, 0o600)
            fifo = Fifo(path, group, Stream(name))
            group.waiting.append(fifo)
            yield fifo


def open_writer(path: Path) -> int | None:
    """A descriptor that never blocks, or None unless somebody has `path` open for reading or waits to."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return None
        raise
    # Fewer and larger writes. Beyond what a user may have in pipes it stays as it is (64 KB).
    with contextlib.suppress(OSError, AttributeError):
        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return fd


def open_reader(path: Path) -> int:
    """A descriptor to count what is unread; keeps the pipe alive and hides the end from nobody."""
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)


def unread_bytes(fd: int) -> int:
    """Bytes in the pipe that nobody has read."""
    return int(struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, bytes(4)))[0])


def spoilt(fifo: Fifo) -> memoryview:
    """Bytes after which no reader takes the file for complete, in place of what is not written yet."""
    if fifo.name.endswith(".gz") and not fifo.written_bytes:
        return _SPOILT_GZIP
    return _SPOILT_PLAIN if fifo.name.endswith(".dat") else _SPOILT


def spoil(readers: Mapping[int, memoryview], limit_s: float) -> None:
    """Give the readers at these write ends an error in place of an end, if they read on within the limit."""
    left = dict(readers)
    until_s = clock.monotonic_s() + limit_s
    poll = select.poll()
    for fd in left:
        poll.register(fd, select.POLLOUT)
    while left and (pause_s := until_s - clock.monotonic_s()) > 0:
        for fd, _ in poll.poll(pause_s * 1000):
            try:
                left[fd] = left[fd][os.write(fd, left[fd]) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                left[fd] = left[fd][:0]
            if not left[fd]:
                poll.unregister(fd)
                del left[fd]


class Alarm:
    """Wakes a poll() on `fd` from any thread; harmless once it is closed."""

    def __init__(self) -> None:
        self.fd, self._bell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._lock = threading.Lock()
        self._closed = False

    def ring(self) -> None:
        """Wake whoever waits."""
        with self._lock, contextlib.suppress(BlockingIOError):
            if not self._closed:
                os.write(self._bell, b"!")

    def hush(self) -> None:
        """Be quiet until the next ring."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self.fd, 4096):
                pass

    def close(self) -> None:
        """Give the descriptors back."""
        with self._lock:
            self._closed = True
            os.close(self._bell)
            os.close(self.fd)
