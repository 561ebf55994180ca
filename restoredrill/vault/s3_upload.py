"""Streaming uploads of unknown length in bounded memory.

Parts grow with their number, so that small objects go up in small parts and large ones need fewer. S3 takes
10,000 parts an upload. The first 8,950 are our bytes: 225 GiB. An object that is longer still goes on in
sections of up to 10,000 parts, each an object beside it, which the store copies into the remaining parts,
5 GiB a part: 5 TiB fit, and take no more memory than the first 225 GiB did.
"""

import base64
import contextlib
import functools
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from restoredrill.errors import VaultFull
from restoredrill.vault.s3_errors import RAISED, as_vault_error, code_of, translated

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

MIB = 1024 * 1024
_DAMAGED = frozenset(
    {"BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"}
)
_SENDINGS = 3


def grown_part_bytes(number: int) -> int:
    """The size of part `number` (from 1): 8 MiB a thousand times, 16 MiB two thousand times, then 32 MiB."""
    return 8 * MIB if number <= 1_000 else 16 * MIB if number <= 3_000 else 32 * MIB


@dataclass(frozen=True)
class Limits:
    """How an object is cut. The defaults are S3's ("Multipart upload limits"); tests use small ones."""

    part_bytes: Callable[[int], int] = grown_part_bytes
    parts: int = 10_000
    copied_parts: int = 1_050  # of them, for what the store copies
    copy_bytes: int = 5 * 1024 * MIB
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


@dataclass(frozen=True)
class Bucket:
    """Where objects go, and what each of them gets: encryption, storage class."""

    client: "S3Client"
    name: str
    extra: dict[str, Any] = field(default_factory=dict)

    def put(self, key: str, body: Any, **condition: Any) -> None:
        """One PutObject.

        The request is signed with the body's SHA-256, which every store verifies. The CRC-32 is what the
        store keeps with the object: it costs least (zlib has it), and the manifest holds a SHA-256 of the
        whole.
        """
        checksum = crc32(body)
        resend(
            lambda: self.client.put_object(
                Bucket=self.name, Key=key, Body=body, ChecksumCRC32=checksum, **condition, **self.extra
            )
        )


def resend(send: Callable[[], Any]) -> Any:
    """Send again what arrived damaged; botocore retries everything else that can be retried."""
    for _ in range(_SENDINGS - 1):
        try:
            return send()
        except ClientError as error:
            if code_of(error) not in _DAMAGED:
                raise
    return send()


def crc32(body: bytes | bytearray) -> str:
    """As S3 writes it: four bytes, big-endian, base64."""
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


def cut(chunks: Iterable[bytes], part_bytes: Callable[[int], int]) -> Iterator[tuple[bytearray, bool]]:
    """The same bytes as parts, each with whether it is the last. At least one, maybe empty."""
    number, part, size_bytes = 1, bytearray(), part_bytes(1)
    for chunk in chunks:
        rest = memoryview(chunk)
        while rest:
            if len(part) >= size_bytes:
                yield part, False
                number, part = number + 1, bytearray()
                size_bytes = part_bytes(number)
            taken = rest[: size_bytes - len(part)]
            part += taken
            rest = rest[len(taken) :]
    yield part, True


class Uploads:
    """Uploads into one bucket, several at a time, in about 100 MB together."""

    def __init__(self, bucket: Bucket, limits: Limits | None = None, threads: int = 4) -> None:
        self._bucket = bucket
        self._limits = limits or Limits()
        self._space = Space(self._limits)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="upload")

    def put(self, key: str, chunks: Iterable[bytes]) -> None:
        """Store `chunks` as one object. Raises `VaultError`; whatever `chunks` raises passes as it is."""
        with self._space.upload():
            parts = cut(chunks, self._space.part_bytes)
            part, last = next(parts)
            if last:
                with translated("write", f"s3://{self._bucket.name}/{key}"):
                    self._bucket.put(key, part)
                return
            with self._multipart(key) as whole:
                whole.send(part)
                del part
                self._fill(whole, parts, self._limits.parts - self._limits.copied_parts)
                self._add_sections(whole, parts)

    def _fill(self, upload: "_Multipart", parts: Iterator[tuple[bytearray, bool]], limit: int) -> None:
        while upload.count < limit:
            part, last = next(parts, (None, True))
            if part is not None:
                upload.send(part)
            if last:
                return

    def _add_sections(self, whole: "_Multipart", parts: Iterator[tuple[bytearray, bool]]) -> None:
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
        upload = _Multipart(self._bucket, key, self._pool, self._space, self._limits.parts)
        try:
            yield upload
            upload.complete()
        except BaseException:  # Ctrl-C too: an upload left behind costs money and shows nowhere
            upload.abort()
            raise


class _Multipart:
    """One multipart upload, parts on their way in the background."""

    def __init__(
        self, bucket: Bucket, key: str, pool: ThreadPoolExecutor, space: Space, most_parts: int
    ) -> None:
        self.key = key
        self.size_bytes = 0
        self._bucket = bucket
        self._pool = pool
        self._space = space
        self._most_parts = most_parts
        self._parts: list[Future[dict[str, Any]]] = []
        self._failed = threading.Event()
        self._thing = f"s3://{bucket.name}/{key}"
        with translated("write", self._thing):
            created = bucket.client.create_multipart_upload(
                Bucket=bucket.name, Key=key, ChecksumAlgorithm="CRC32", **bucket.extra
            )
        self._where: dict[str, Any] = {"Bucket": bucket.name, "Key": key, "UploadId": created["UploadId"]}

    @property
    def count(self) -> int:
        """Parts so far."""
        return len(self._parts)

    def send(self, part: bytearray) -> None:
        """Start sending the next part. Raises what became of an earlier one, if it failed."""
        size_bytes = len(part)
        self._space.take(size_bytes)
        future = self._start(lambda number: self._upload(number, part))
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
        try:
            self._bucket.client.complete_multipart_upload(
                **self._where, MultipartUpload={"Parts": parts}, MpuObjectSize=self.size_bytes
            )
        except RAISED as error:
            if not self._is_complete(error):
                raise as_vault_error(error, "write", self._thing) from error

    def abort(self) -> None:
        """Drop the upload. What can't be dropped now, a prune finds later."""
        for future in self._parts:
            future.cancel()
        wait(self._parts)  # a part that arrives after the abort would be kept
        with contextlib.suppress(*RAISED):
            self._bucket.client.abort_multipart_upload(**self._where)

    def _start(self, send: Callable[[int], dict[str, Any]]) -> Future[dict[str, Any]]:
        if self._failed.is_set():
            wait(self._parts)
            for done in self._parts:
                done.result()
        number = len(self._parts) + 1
        if number > self._most_parts:
            raise VaultFull("write", self._thing, "the object has more parts than the store allows")
        future = self._pool.submit(send, number)
        future.add_done_callback(self._note)
        self._parts.append(future)
        return future

    def _note(self, done: Future[dict[str, Any]]) -> None:
        if not done.cancelled() and done.exception() is not None:
            self._failed.set()

    def _upload(self, number: int, part: Any) -> dict[str, Any]:
        checksum = crc32(part)
        with translated("write", self._thing):
            answer = resend(
                lambda: self._bucket.client.upload_part(
                    **self._where, PartNumber=number, Body=part, ChecksumCRC32=checksum
                )
            )
        return _named(answer)

    def _copy(self, source: str, start: int, end: int, number: int) -> dict[str, Any]:
        with translated("write", self._thing):
            answer = self._bucket.client.upload_part_copy(
                **self._where,
                PartNumber=number,
                CopySource={"Bucket": self._bucket.name, "Key": source},
                CopySourceRange=f"bytes={start}-{end - 1}",
            )
        return _named(answer["CopyPartResult"])

    def _is_complete(self, error: Exception) -> bool:
        """Did an earlier attempt succeed, and its answer got lost? Then the object is there."""
        if not isinstance(error, ClientError) or code_of(error) != "NoSuchUpload" or not retried(error):
            return False
        with contextlib.suppress(*RAISED):
            head = self._bucket.client.head_object(Bucket=self._bucket.name, Key=self.key)
            return head["ContentLength"] == self.size_bytes
        return False


def retried(error: ClientError) -> bool:
    """Was this the answer to a second or later attempt?"""
    return bool(error.response.get("ResponseMetadata", {}).get("RetryAttempts", 0))


def _named(answer: Any) -> dict[str, Any]:
    """What CompleteMultipartUpload wants to know of a part; the checksum only where the store knows it."""
    return {name: answer[name] for name in ("ETag", "ChecksumCRC32") if answer.get(name)}
