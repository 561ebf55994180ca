"""Streaming uploads of unknown length in bounded memory.

Parts grow with their number, so that small objects go up in small parts and large ones need fewer. S3 takes
10,000 parts an upload. The first 7,300 are our bytes: 173 GiB. An object that is longer still goes on in
sections of up to 10,000 parts, each an object beside it, which the store copies into the remaining parts,
2 GiB a part: 5 TiB fit, and take no more memory than the first 173 GiB did.
"""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from restoredrill.errors import VaultError, VaultFull, VaultMissing
from restoredrill.vault.s3_bucket import Bucket, Counted, crc32
from restoredrill.vault.s3_errors import RAISED

MIB = 1024 * 1024
_ABORT_ATTEMPTS = 3


def grown_part_bytes(number: int) -> int:
    """The size of part `number` (from 1): 8 MiB a thousand times, 16 MiB two thousand times, then 32 MiB."""
    return 8 * MIB if number <= 1_000 else 16 * MIB if number <= 3_000 else 32 * MIB


@dataclass(frozen=True)
class Limits:
    """How an object is cut. The defaults are S3's ("Multipart upload limits"); tests use small ones."""

    part_bytes: Callable[[int], int] = grown_part_bytes
    parts: int = 10_000
    copied_parts: int = 2_700  # of them, for what the store copies
    copy_bytes: int = 2 * 1024 * MIB  # 5 GiB would do, but take longer than one likes to wait for an answer
    filling_bytes: int = 48 * MIB  # all the parts together that are being filled
    sending_bytes: int = 32 * MIB  # all the parts together that are on their way


class Space:
    """Memory shared by all the uploads of one store.

    Parts being filled wait for nobody, or uploads that feed one another would wait for ever; they get smaller
    instead when there are many. Parts on their way are counted: who has one more waits until another arrived.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._changed = threading.Condition()
        self._uploads = 0
        self._sending_bytes = 0

    @contextlib.contextmanager
    def upload(self) -> Iterator[None]:
        """One more upload is going on."""
        with self._changed:
            self._uploads += 1
        try:
            yield
        finally:
            with self._changed:
                self._uploads -= 1

    def part_bytes(self, number: int) -> int:
        """How large part `number` may get now."""
        share = self._limits.filling_bytes // max(1, self._uploads)
        return max(self._limits.part_bytes(1), min(self._limits.part_bytes(number), share))

    def take(self, size_bytes: int) -> None:
        """Wait until there is room for a part on its way. A part larger than all the room goes alone."""
        limit = self._limits.sending_bytes
        with self._changed:
            self._changed.wait_for(
                lambda: not self._sending_bytes or self._sending_bytes + size_bytes <= limit
            )
            self._sending_bytes += size_bytes

    def give_back(self, size_bytes: int) -> None:
        """It has arrived, or never will."""
        with self._changed:
            self._sending_bytes -= size_bytes
            self._changed.notify_all()


class Buffers:
    """Memory for parts, used again and again.

    The allocator keeps freed blocks of this size in the arena of whichever thread asked for them: eight
    uploads at once took 190 MB for 96 MB of parts before.
    """

    def __init__(self, most_spare: int) -> None:
        self._most_spare = most_spare
        self._spare: list[bytearray] = []
        self._lock = threading.Lock()

    def take(self, size_bytes: int) -> bytearray:
        """A buffer of that size with anything in it."""
        with self._lock:
            for i, buffer in enumerate(self._spare):
                if len(buffer) == size_bytes:
                    return self._spare.pop(i)
            self._spare.clear()  # sizes have changed
        return bytearray(size_bytes)

    def give_back(self, buffer: bytes | bytearray) -> None:
        """Nobody uses it any more."""
        with self._lock:
            if isinstance(buffer, bytearray) and len(self._spare) < self._most_spare:
                self._spare.append(buffer)


def cut(
    chunks: Iterable[bytes], part_bytes: Callable[[int], int], buffers: Buffers
) -> Iterator[tuple[bytes | bytearray, bool]]:
    """The same bytes as parts, each with whether it is the last. At least one, maybe empty.

    All but the last are buffers, for whoever takes them to give back.
    """
    number, filled, part = 1, 0, buffers.take(part_bytes(1))
    for chunk in chunks:
        rest = memoryview(chunk)
        while rest:
            if filled == len(part):
                yield part, False
                number, filled = number + 1, 0
                part = buffers.take(part_bytes(number))
            taken = rest[: len(part) - filled]
            part[filled : filled + len(taken)] = taken
            filled += len(taken)
            rest = rest[len(taken) :]
    last = bytes(memoryview(part)[:filled])
    buffers.give_back(part)
    del part
    yield last, True


class Uploads:
    """Uploads into one bucket, several at a time, in about 100 MB together."""

    def __init__(self, bucket: Bucket, limits: Limits | None = None, threads: int = 4) -> None:
        self._bucket = bucket
        self._limits = limits or Limits()
        self._space = Space(self._limits)
        self._buffers = Buffers(most_spare=threads)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="upload")

    def put(self, key: str, chunks: Iterable[bytes]) -> None:
        """Store `chunks` as one object. Raises `VaultError`; whatever `chunks` raises passes as it is."""
        with self._space.upload():
            parts = cut(chunks, self._space.part_bytes, self._buffers)
            part, last = next(parts)
            if last:
                self._bucket.put(key, part)
                return
            with self._multipart(key) as whole:
                whole.send(part)
                del part
                self._fill(whole, parts, self._limits.parts - self._limits.copied_parts)
                self._add_sections(whole, parts)

    def _fill(
        self, upload: "_Multipart", parts: Iterator[tuple[bytes | bytearray, bool]], limit: int
    ) -> None:
        while upload.count < limit:
            part, last = next(parts, (None, True))
            if part is not None:
                upload.send(part)
            if last:
                return

    def _add_sections(self, whole: "_Multipart", parts: Iterator[tuple[bytes | bytearray, bool]]) -> None:
        """What is left of `parts`, by way of objects beside the whole one."""
        for part, last in parts:
            if last:
                whole.send(part)
                return
            side = f"{whole.key}.~{whole.count}"
            try:
                with self._multipart(side) as section:
                    section.send(part)
                    del part
                    self._fill(section, parts, self._limits.parts)
                whole.copy(side, section.size_bytes, self._limits.copy_bytes)
            finally:
                with contextlib.suppress(*RAISED):
                    self._bucket.client.delete_object(Bucket=self._bucket.name, Key=side)

    @contextlib.contextmanager
    def _multipart(self, key: str) -> Iterator["_Multipart"]:
        upload = _Multipart(self._bucket, key, self._pool, self._space, self._buffers, self._limits.parts)
        try:
            yield upload
            upload.complete()
        except BaseException:  # Ctrl-C too: an upload left behind costs money and shows nowhere
            upload.abort()
            raise


class _Multipart:
    """One multipart upload, parts on their way in the background."""

    def __init__(
        self,
        bucket: Bucket,
        key: str,
        pool: ThreadPoolExecutor,
        space: Space,
        buffers: Buffers,
        most_parts: int,
    ) -> None:
        self.key = key
        self.size_bytes = 0
        self._bucket = bucket
        self._pool = pool
        self._space = space
        self._buffers = buffers
        self._most_parts = most_parts
        self._parts: list[Future[dict[str, Any]]] = []
        self._failed = threading.Event()
        self._aborted = threading.Event()
        created = bucket.ask(
            "write",
            key,
            lambda: bucket.client.create_multipart_upload(
                Bucket=bucket.name, Key=key, ChecksumAlgorithm="CRC32", **bucket.extra
            ),
        )
        self._where: dict[str, Any] = {"Bucket": bucket.name, "Key": key, "UploadId": created["UploadId"]}

    @property
    def count(self) -> int:
        """Parts so far."""
        return len(self._parts)

    def send(self, part: bytes | bytearray) -> None:
        """Start sending the next part. Raises what became of an earlier one, if it failed."""
        size_bytes = len(part)
        self._space.take(size_bytes)
        try:
            future = self._start(lambda number: self._upload(number, part))
        except BaseException:
            self._space.give_back(size_bytes)
            raise
        # Futures keep their callbacks: this one must not keep the part.
        future.add_done_callback(lambda _: self._space.give_back(size_bytes))
        self.size_bytes += size_bytes

    def copy(self, source: str, size_bytes: int, most_bytes: int) -> None:
        """Let the store copy another object into the next parts; returns when it has."""
        parts = -(-size_bytes // most_bytes)
        bounds = [size_bytes * i // parts for i in range(parts + 1)]
        copies = [self._start(functools.partial(self._copy, source, *ends)) for ends in pairwise(bounds)]
        for future in copies:
            future.result()
        self.size_bytes += size_bytes

    def complete(self) -> None:
        """Make the object out of its parts. The store compares its size with what was sent."""
        parts: list[Any] = [{**sent.result(), "PartNumber": i} for i, sent in enumerate(self._parts, 1)]
        send = Counted(
            lambda: self._bucket.client.complete_multipart_upload(
                **self._where, MultipartUpload={"Parts": parts}, MpuObjectSize=self.size_bytes
            )
        )
        try:
            self._bucket.ask("write", self.key, send)
        except VaultMissing:
            # The upload is gone: because an earlier sending succeeded, and its answer got lost?
            if send.times == 1 or not self._is_complete():
                raise

    def abort(self) -> None:
        """Drop the upload. What can't be dropped now, a prune finds later."""
        self._aborted.set()
        for future in self._parts:
            future.cancel()
        wait(self._parts)  # a part that arrives after the abort would be kept
        impatient = replace(self._bucket, attempts=min(_ABORT_ATTEMPTS, self._bucket.attempts))
        with contextlib.suppress(VaultError):
            abort = functools.partial(self._bucket.client.abort_multipart_upload, **self._where)
            impatient.ask("abort the upload of", self.key, abort)

    def _start(self, send: Callable[[int], dict[str, Any]]) -> Future[dict[str, Any]]:
        if self._failed.is_set():
            wait(self._parts)
            for done in self._parts:
                done.result()
        number = len(self._parts) + 1
        if number > self._most_parts:
            raise VaultFull(
                "write", self._bucket.url(self.key), "the object has more parts than the store allows"
            )
        future = self._pool.submit(send, number)
        future.add_done_callback(self._note)
        self._parts.append(future)
        return future

    def _note(self, done: Future[dict[str, Any]]) -> None:
        if not done.cancelled() and done.exception() is not None:
            self._failed.set()

    def _upload(self, number: int, part: Any) -> dict[str, Any]:
        checksum = crc32(part)

        def send() -> Any:
            if self._aborted.is_set():  # no use in trying for another half minute
                raise VaultError("write", self._bucket.url(self.key), "the upload was given up")
            return self._bucket.client.upload_part(
                **self._where, PartNumber=number, Body=part, ChecksumCRC32=checksum
            )

        try:
            answer = self._bucket.ask("write", self.key, send)
        finally:
            self._buffers.give_back(part)
        return _named(answer)

    def _copy(self, source: str, start: int, end: int, number: int) -> dict[str, Any]:
        answer = self._bucket.ask(
            "write",
            self.key,
            lambda: self._bucket.client.upload_part_copy(
                **self._where,
                PartNumber=number,
                CopySource={"Bucket": self._bucket.name, "Key": source},
                CopySourceRange=f"bytes={start}-{end - 1}",
            ),
        )
        return _named(answer["CopyPartResult"])

    def _is_complete(self) -> bool:
        with contextlib.suppress(*RAISED):
            head = self._bucket.client.head_object(Bucket=self._bucket.name, Key=self.key)
            return bool(head["ContentLength"] == self.size_bytes)
        return False


def _named(answer: Any) -> dict[str, Any]:
    """What CompleteMultipartUpload wants to know of a part; the checksum only where the store knows it."""
    return {name: answer[name] for name in ("ETag", "ChecksumCRC32") if answer.get(name)}
