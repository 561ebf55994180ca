"""Feeds `pg_restore` through named pipes, so that no file of a backup is ever on disk.

`pg_restore` gets a directory with a real `toc.dat` and a FIFO for each data file. It opens a file when it
needs it and reads it once to the end (14 to 18 look for names with stat(), access() or an open() of the name
without a suffix, never by opening a file twice). One thread tries to open the FIFOs for writing, which works
only while somebody has them open for reading, and writes to all that are; others read ahead (readahead.py).
"""

import contextlib
import itertools
import os
import select
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from restoredrill import clock
from restoredrill.engines.postgres.fifo import (
    Alarm,
    Fifo,
    Group,
    make_fifos,
    open_reader,
    open_writer,
    spoil,
    spoilt,
    unread_bytes,
)
from restoredrill.engines.postgres.readahead import OpenFile, ReadAhead, Stream
from restoredrill.engines.postgres.zstdframes import checked

# So many groups beyond one for each job are looked at often; pg_restore may have to prefer one to another.
_AHEAD = 16
# So many large objects of a group that is being restored are read ahead: they are small and come in a row.
_BLOBS_AHEAD = 32
# Threads beyond two for each job.
_THREADS = 16
# Between two looks for readers: short after something happened, longer as nothing does. (Each look costs some
# 5 us a file; a restore of many small tables is as fast as its looks are frequent.)
_LOOK_S = (0.001, 0.05)
# Every so many looks go beyond the first few groups.
_WIDE = 8
# A pipe that was full is left alone so long: readers take a few kilobytes at a time, each would wake us.
_FULL_S = 0.002
# How often, and how many at a time, files that nobody is expected to open are looked at: seldom, and more
# often once somebody did open one.
_REST_S, _REST_FILES = (0.005, 0.1), 250
# How long readers that are still there at the end are tried to be given an error.
_SPOIL_S = 2.0


@dataclass(frozen=True)
class FeedReport:
    """What became of the files. Unless `complete`, something was not restored, whatever pg_restore said.

    `failures`: the source raised. `abandoned`: the reader closed the file before its end. `unopened`: nobody
    asked for it. `stuck`: sources that had not come back when all was over.
    """

    opened: tuple[str, ...]  # in that order
    bytes_written: int
    failures: Mapping[str, BaseException]
    abandoned: tuple[str, ...]
    unopened: tuple[str, ...]
    stuck: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Was every file read to its end?"""
        return not (self.failures or self.abandoned or self.unopened)


class Feeder:
    """Named pipes in `directory` for every file of `order`, fed while the context is open.

    `order`: the files of each entry as pg_restore opens them one after another, entries in the order in which
    they are expected to be started (`toc.opening_order`); a wrong expectation only costs time. `open_file`
    gives a file's bytes as they are stored and is called from several threads, but each iterator by one at a
    time; a `.zst` that is not whole counts as its failure. `on_bytes(name, count)` hears of every write, on
    one thread. `memory_limit_bytes` bounds what is read ahead; one chunk for each of `jobs` is always
    allowed. `patience_s`: how long a source that does not come back is waited for in the end.

    End pg_restore first, then call `finish` for the report. Left without it, the context stops feeding and
    raises the first failure there was: none is ever swallowed.
    """

    def __init__(
        self,
        directory: Path,
        order: Sequence[Sequence[str]],
        open_file: OpenFile,
        *,
        jobs: int,
        memory_limit_bytes: int,
        on_bytes: Callable[[str, int], None] = lambda name, count: None,
        patience_s: float = 10.0,
    ) -> None:
        self._jobs = jobs
        self._limit_bytes = memory_limit_bytes
        self._on_bytes = on_bytes
        self._patience_s = patience_s
        self._fifos = {fifo.name: fifo for fifo in make_fifos(directory, order)}
        self._unopened = dict.fromkeys(self._fifos.values())
        self._queue = list(dict.fromkeys(fifo.group for fifo in self._unopened))
        self._writing: dict[int, Fifo] = {}
        self._written: set[Fifo] = set()  # and closed, but not yet read to the end
        self._opened: list[str] = []
        self._abandoned: list[str] = []
        self._failures: dict[str, BaseException] = {}
        self._rest: Iterator[Fifo] = iter(())
        self._next_look_s = self._next_rest_s = self._last_event_s = 0.0
        self._surprised_s = float("-inf")
        self._looks = 0
        self._stopping = self._finished = False
        self._crash: BaseException | None = None
        self._stuck: tuple[str, ...] = ()
        self._alarm = Alarm()
        self._poll = select.poll()
        self._poll.register(self._alarm.fd, select.POLLIN)
        self._ahead = ReadAhead(
            lambda name: checked(name, open_file(name)), threads=2 * jobs + _THREADS, wake=self._alarm.ring
        )
        self._thread = threading.Thread(target=self._run, name="feeder", daemon=True)

    def __enter__(self) -> Self:
        self._read_ahead()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._finished:
            return
        report = self.finish()
        if error is None and report.failures:
            raise next(iter(report.failures.values()))

    @property
    def failed(self) -> bool:
        """Has a source failed already, or this feeder? Then nothing good can come of the restore."""
        return self._crash is not None or bool(self._failures)

    def cancel(self) -> None:
        """Stop feeding; returns at once. Whoever is reading a file gets an error, not a short file."""
        self._stopping = True
        self._alarm.ring()

    def finish(self) -> FeedReport:
        """Stop and say what became of every file. Call it once pg_restore has ended, however it ended."""
        self.cancel()
        self._thread.join()
        self._finished = True
        if self._crash is not None:
            raise self._crash
        return FeedReport(
            opened=tuple(self._opened),
            bytes_written=sum(fifo.written_bytes for fifo in self._fifos.values()),
            failures=dict(self._failures),
            abandoned=tuple(self._abandoned),
            unopened=tuple(fifo.name for fifo in self._unopened),
            stuck=self._stuck,
        )

    # The loop: everything below runs on one thread ----------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._tick()
        except BaseException as error:
            self._crash = error  # finish() raises it
        try:
            self._release()
        except BaseException as error:
            self._crash = self._crash or error

    def _tick(self) -> None:
        ready = self._poll.poll(self._pause_ms(clock.monotonic_s()))
        now_s = clock.monotonic_s()
        for fd, event in ready:
            if fd == self._alarm.fd:
                self._alarm.hush()
            elif event & select.POLLERR:
                self._reader_left(self._writing[fd], now_s)
            else:
                self._write(self._writing[fd], now_s)
        arrived = self._ahead.collect()
        for stream in arrived:
            self._arrived(self._fifos[stream.name], now_s)
        self._check_written(now_s)
        if now_s >= self._next_look_s:
            self._look(now_s)
        if ready or arrived or self._last_event_s == now_s:
            self._read_ahead()
        for fifo in self._writing.values():
            self._listen(fifo, now_s)

    def _pause_ms(self, now_s: float) -> float:
        """How long there is nothing to do unless a pipe, a chunk or somebody calls."""
        until_s = self._next_look_s
        for fifo in self._writing.values():
            if fifo.idle_until_s > now_s:
                until_s = min(until_s, fifo.idle_until_s)
        if self._written:
            until_s = min(until_s, now_s + _LOOK_S[0])
        return max(0.0, until_s - now_s) * 1000

    # Looking for readers ------------------------------------------------------------------------------------

    def _look(self, now_s: float) -> None:
        """Open what somebody has opened for reading: of those expected next, and now and then of all."""
        self._looks += 1
        saturated = len(self._writing) + len(self._written) >= self._jobs
        wide = self._looks % _WIDE == 0 or now_s - self._last_event_s > _LOOK_S[1]
        for group in self._queue[: self._jobs + (_AHEAD if wide else 1)]:
            self._try_open(group.waiting[0], now_s)
        if not saturated and now_s >= self._next_rest_s:
            surprised = self._look_at_rest(now_s)
            self._next_rest_s = now_s + _REST_S[0 if surprised else 1]
        least_s, most_s = _LOOK_S
        quiet_s = (now_s - self._last_event_s) / 8
        self._next_look_s = now_s + (most_s if saturated else min(max(quiet_s, least_s), most_s))

    def _look_at_rest(self, now_s: float) -> bool:
        """Look at some of all files, at others the next time. Was one of them opened, now or lately?"""
        some = tuple(itertools.islice(self._rest, _REST_FILES))
        if not some:
            self._rest = iter(tuple(self._unopened))
            some = tuple(itertools.islice(self._rest, _REST_FILES))
        before = len(self._opened)
        for fifo in some:
            if fifo in self._unopened:
                self._try_open(fifo, now_s)
        if len(self._opened) > before:
            self._surprised_s = now_s
        return now_s - self._surprised_s < 1

    def _try_open(self, fifo: Fifo, now_s: float) -> None:
        fd = open_writer(fifo.path)
        if fd is None:
            return
        fifo.fd = fd
        self._writing[fd] = fifo
        self._poll.register(fd, 0)
        self._opened.append(fifo.name)
        self._advance(fifo)
        self._happened(now_s)
        self._write(fifo, now_s)

    def _advance(self, fifo: Fifo) -> None:
        """`fifo` is open: what is expected next?"""
        del self._unopened[fifo]
        group = fifo.group
        group.started = True
        group.waiting.remove(fifo)
        if group not in self._queue:
            return
        for other in tuple(itertools.takewhile(lambda g: g is not group, self._queue)):
            other.passed_over += not other.started
            if other.passed_over > self._jobs + _AHEAD:
                self._put_aside(other)
        if not group.waiting:
            self._queue.remove(group)

    def _put_aside(self, group: Group) -> None:
        """Many others were preferred: nobody will ask for this one (its table could not be made, say), so it
        must not stand in the others' way. If somebody does, it is read anew.
        """
        self._queue.remove(group)
        for fifo in group.waiting:
            if fifo.stream.error is None:
                self._ahead.drop(fifo.stream)
                fifo.stream = Stream(fifo.name)

    def _happened(self, now_s: float) -> None:
        """pg_restore does something: look again soon."""
        self._last_event_s = now_s
        self._next_look_s = now_s + _LOOK_S[0]

    # Writing ------------------------------------------------------------------------------------------------

    def _arrived(self, fifo: Fifo, now_s: float) -> None:
        """A chunk, the end or an error came."""
        if fifo.stream.error is not None:
            self._failures[fifo.name] = fifo.stream.error
            self._ahead.replace(fifo.stream, spoilt(fifo))
        if fifo.fd in self._writing:
            self._write(fifo, now_s)

    def _write(self, fifo: Fifo, now_s: float) -> None:
        """Write until the pipe is full or there is nothing to write."""
        stream = fifo.stream
        while stream.chunks:
            chunk = stream.chunks[0]
            try:
                count = os.write(fifo.fd, chunk)
            except BlockingIOError:
                fifo.idle_until_s = now_s + _FULL_S
                return
            except BrokenPipeError:
                self._reader_left(fifo, now_s)
                return
            self._ahead.take(stream, count)
            fifo.written_bytes += count
            self._on_bytes(fifo.name, count)
            if count < len(chunk):
                fifo.idle_until_s = now_s + _FULL_S
                return
        if stream.ended:
            self._end(fifo, now_s)

    def _end(self, fifo: Fifo, now_s: float) -> None:
        """All is written: the reader may see the end, and a read end of ours whether it takes everything."""
        reader = open_reader(fifo.path)
        fifo.path.unlink()  # who opened it again would wait for ever: better an error
        self._close(fifo)
        fifo.fd = reader
        self._written.add(fifo)
        self._happened(now_s)

    def _reader_left(self, fifo: Fifo, now_s: float) -> None:
        self._close(fifo)
        fifo.path.unlink()
        self._ahead.drop(fifo.stream)
        if fifo.name not in self._failures:
            self._abandoned.append(fifo.name)
        self._happened(now_s)

    def _close(self, fifo: Fifo) -> None:
        del self._writing[fifo.fd]
        self._poll.unregister(fifo.fd)
        os.close(fifo.fd)
        fifo.fd = -1

    def _check_written(self, now_s: float) -> None:
        """Which of the files that are written are read, too? Their readers will soon want the next."""
        for fifo in [fifo for fifo in self._written if not unread_bytes(fifo.fd)]:
            self._written.discard(fifo)
            os.close(fifo.fd)
            fifo.fd = -1
            self._happened(now_s)

    def _read_ahead(self) -> None:
        """Ask for chunks: first for what is being written, then for what is expected next."""
        share_bytes = self._limit_bytes // (2 * self._jobs)
        for fifo in self._writing.values():
            if fifo.stream.buffered_bytes < share_bytes:
                self._ahead.read(fifo.stream, limit_bytes=self._limit_bytes, urgent=True)
        ahead_bytes = self._limit_bytes // 2
        share_bytes = ahead_bytes // (self._jobs + _AHEAD)
        for fifo in self._expected():
            if fifo.stream.buffered_bytes < share_bytes:
                self._ahead.read(fifo.stream, limit_bytes=ahead_bytes, spare_threads=self._jobs)

    def _expected(self) -> Iterator[Fifo]:
        for group in self._queue[: self._jobs + _AHEAD]:
            yield from itertools.islice(group.waiting, _BLOBS_AHEAD if group.started else 1)

    def _listen(self, fifo: Fifo, now_s: float) -> None:
        """Hear of room in the pipe if there is something to write; of a reader that leaves, always."""
        wanted = select.POLLOUT if fifo.stream.chunks and now_s >= fifo.idle_until_s else 0
        if wanted != fifo.polled:
            self._poll.modify(fifo.fd, wanted)
            fifo.polled = wanted

    # The end ------------------------------------------------------------------------------------------------

    def _release(self) -> None:
        """Nobody may be left waiting for us: spoil what is open, remove what is not."""
        self._check_written(0.0)
        unread = [*self._written, *self._writing.values()]
        self._abandoned += [fifo.name for fifo in unread if fifo.name not in self._failures]
        readers = {fifo.fd: spoilt(fifo) for fifo in self._writing.values()}
        for fifo in self._unopened:
            with contextlib.suppress(OSError):
                if (fd := open_writer(fifo.path)) is not None:
                    readers[fd] = spoilt(fifo)
        for fifo in (*self._writing.values(), *self._unopened):
            with contextlib.suppress(OSError):
                fifo.path.unlink()
        spoil(readers, _SPOIL_S)
        for fd in (*readers, *(fifo.fd for fifo in self._written)):
            os.close(fd)
        for fifo in self._fifos.values():
            self._ahead.drop(fifo.stream)
        self._stuck = self._ahead.stop(self._patience_s)
        self._alarm.close()
