"""Reads streams ahead of whoever consumes them, on a few threads and within a limit of memory.

One thread (the owner) asks for chunks and takes them; the others only fetch one chunk at a time, so none of
them ever waits for memory, and a stream that nobody wants yet holds no thread. An object store answers after
30 to 100 ms: with many small objects, reading ahead is what keeps the consumer busy.
"""

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from restoredrill import clock

OpenFile = Callable[[str], Iterator[bytes]]
"""open_file(name): a file's bytes in chunks. May raise anything, at any chunk."""

# Taken for the size of a chunk until a larger one was seen.
_CHUNK_BYTES = 1 << 20
# Chunks are put together up to this size, but nobody waits longer than this for it.
_GATHER_BYTES, _GATHER_S = 256 << 10, 0.02


@dataclass(eq=False, slots=True)
class Stream:
    """One file being read; the owner's, except that `_iterator` is a thread's while one fetches from it."""

    name: str
    chunks: deque[memoryview] = field(default_factory=deque)
    buffered_bytes: int = 0
    ended: bool = False  # nothing follows what is in `chunks`
    error: BaseException | None = None
    _iterator: Iterator[bytes] | None = None
    _dropped: bool = False


class ReadAhead:
    """Threads that fetch chunks of streams; `wake` is called from them when a chunk is there."""

    def __init__(self, open_file: OpenFile, *, threads: int, wake: Callable[[], None]) -> None:
        self._open_file = open_file
        self._max_threads = threads
        self._wake = wake
        self._tasks: queue.SimpleQueue[Stream | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[Stream, bytes | None, BaseException | None]] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._busy: set[Stream] = set()
        self._held_bytes = 0
        self._chunk_bytes = _CHUNK_BYTES

    def read(self, stream: Stream, *, limit_bytes: int, urgent: bool = False, spare_threads: int = 0) -> None:
        """Fetch the stream's next chunk, if a thread is free (`spare_threads` left aside) and all chunks held
        stay below `limit_bytes`; each one under way is counted as the largest that was seen.

        A stream that has none and is `urgent` needs no room: somebody waits for it.
        """
        if stream.ended or stream in self._busy or len(self._busy) >= self._max_threads - spare_threads:
            return
        due_bytes = self._held_bytes + (len(self._busy) + 1) * self._chunk_bytes
        if due_bytes > limit_bytes and not (urgent and not stream.chunks):
            return
        self._busy.add(stream)
        if len(self._busy) > len(self._threads):
            self._start_thread()
        self._tasks.put(stream)

    def collect(self) -> list[Stream]:
        """Put the chunks that came into their streams; returns the streams that changed."""
        changed: list[Stream] = []
        while True:
            try:
                stream, chunk, error = self._done.get_nowait()
            except queue.Empty:
                return changed
            self._busy.discard(stream)
            if stream._dropped:
                _close(stream)
                continue
            self._settle(stream, chunk, error)
            changed.append(stream)

    def take(self, stream: Stream, count: int) -> None:
        """The first `count` bytes of the stream's first chunk have been used."""
        first = stream.chunks[0]
        if count == len(first):
            stream.chunks.popleft()
        else:
            stream.chunks[0] = first[count:]
        stream.buffered_bytes -= count
        self._held_bytes -= count

    def drop(self, stream: Stream) -> None:
        """Forget the stream; its source is closed as soon as nobody is inside it."""
        self._forget_chunks(stream)
        stream._dropped = True
        if stream not in self._busy:
            _close(stream)

    def replace(self, stream: Stream, chunk: memoryview) -> None:
        """Put `chunk` in the place of everything that is still to come; the stream ends with it."""
        self._forget_chunks(stream)
        stream.ended = True
        stream.chunks.append(chunk)
        stream.buffered_bytes = len(chunk)
        self._held_bytes += len(chunk)

    def stop(self, timeout_s: float) -> tuple[str, ...]:
        """End the threads. Returns the names of streams whose source did not come back within `timeout_s`."""
        for _ in self._threads:
            self._tasks.put(None)
        until = clock.monotonic_s() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, until - clock.monotonic_s()))
        self.collect()
        return tuple(sorted(stream.name for stream in self._busy))

    def _forget_chunks(self, stream: Stream) -> None:
        self._held_bytes -= stream.buffered_bytes
        stream.chunks.clear()
        stream.buffered_bytes = 0

    def _settle(self, stream: Stream, chunk: bytes | None, error: BaseException | None) -> None:
        if chunk is None:
            stream.ended, stream.error = True, error
            return
        stream.chunks.append(memoryview(chunk))
        stream.buffered_bytes += len(chunk)
        self._held_bytes += len(chunk)
        self._chunk_bytes = max(self._chunk_bytes, len(chunk))

    def _start_thread(self) -> None:
        # A daemon: a source that never comes back must not keep the program from ending.
        thread = threading.Thread(target=self._work, name=f"read-ahead-{len(self._threads)}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        while (stream := self._tasks.get()) is not None:
            self._done.put((stream, *self._next_chunk(stream)))
            self._wake()

    def _next_chunk(self, stream: Stream) -> tuple[bytes | None, BaseException | None]:
        """Some chunks as one, or nothing and maybe why. What came before an error is of no use to anybody."""
        try:
            if stream._iterator is None:
                stream._iterator = iter(self._open_file(stream.name))
            return _gather(stream._iterator), None
        except BaseException as error:  # the owner reports it by name
            return None, error


def _gather(chunks: Iterator[bytes]) -> bytes | None:
    """Small chunks as one, because handing one over costs some 0.1 ms; None at the end."""
    gathered = bytearray()
    until_s = clock.monotonic_s() + _GATHER_S
    for chunk in chunks:
        if not gathered and len(chunk) >= _GATHER_BYTES:
            return chunk
        gathered += chunk
        if gathered and (len(gathered) >= _GATHER_BYTES or clock.monotonic_s() > until_s):
            break
    return bytes(gathered) or None


def _close(stream: Stream) -> None:
    """End the source's generator, if it is one, so that it gives its connection back."""
    close = getattr(stream._iterator, "close", None)
    if close is not None:
        with contextlib.suppress(Exception):
            close()
    stream._iterator = None
