"""A vault in S3 or anything that speaks its protocol."""

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from restoredrill import clock
from restoredrill.errors import (
    VaultConflict,
    VaultDenied,
    VaultError,
    VaultHeld,
    VaultMissing,
    VaultUnreachable,
)
from restoredrill.protocols import Entry
from restoredrill.vault.layout import checked
from restoredrill.vault.s3_bucket import Bucket, Counted, code_behind
from restoredrill.vault.s3_errors import RAISED, as_vault_error, code_of
from restoredrill.vault.s3_upload import Limits, Uploads
from restoredrill.vault.store import Unfinished

_CHUNK_BYTES = 256 * 1024
_LOOKS_AT_ONCE = 8


class S3Store:
    """A `Store` below `s3://bucket/prefix`. Where versions are kept, `delete` only hides."""

    def __init__(self, bucket: Bucket, prefix: str = "", limits: Limits | None = None) -> None:
        self._bucket = bucket
        self._client = bucket.client
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._uploads = Uploads(bucket, limits)
        self._looks = ThreadPoolExecutor(_LOOKS_AT_ONCE, thread_name_prefix="head")

    def put(self, key: str, chunks: Iterable[bytes]) -> None:
        """See `Store.put`."""
        self._uploads.put(self._full(key), chunks)

    def put_once(self, key: str, body: bytes) -> None:
        """See `Store.put_once`: If-None-Match, which a store must honour (`require_conditional_writes`)."""
        send = Counted(self._bucket.putting(self._full(key), body, IfNoneMatch="*"))
        try:
            self._bucket.ask("write", self._full(key), send)
        except VaultConflict:
            # There is one: because an earlier sending of this very write succeeded, and its answer got lost?
            if send.times == 1 or not self._holds(key, body):
                raise

    def fetch(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See `Store.fetch`. A range beyond the end is empty."""
        position, end, etag, failures = start, None if length is None else start + length, None, 0
        while end is None or position < end:
            try:
                answer = self._get(key, position, end, etag)
                if answer is None:
                    return
                etag = answer["ETag"]
                with contextlib.closing(answer["Body"]) as body:
                    for chunk in body.iter_chunks(_CHUNK_BYTES):
                        position, failures = position + len(chunk), 0
                        yield chunk
                return
            except RAISED as error:
                known = as_vault_error(error, "read", self._url(key))
                failures += 1
                if not isinstance(known, VaultUnreachable) or failures == self._bucket.attempts:
                    raise known from error
                self._bucket.pause(failures)

    def list(self, prefix: str = "", *, folders: bool = False) -> Iterator[Entry]:
        """See `Store.list`. The whole listing is held in memory, a few hundred bytes an object."""
        # Sorted here: stores that imitate S3 sort `a/b` before `a-b`.
        yield from sorted(self._listed(prefix, folders=folders), key=lambda entry: entry.key.encode())

    def delete(self, keys: Sequence[str]) -> None:
        """See `Store.delete`. One request a key: DeleteObjects keeps no order, and some stores lack it."""
        held = self.held(keys)
        if held:
            hint = "wait until its retention ends, or end the legal hold"
            raise VaultHeld("delete", self._url(held[0]), "it is under retention or legal hold", hint=hint)
        for key in keys:
            self._gone("delete", key, functools.partial(self._client.delete_object, **self._where(key)))

    # Housekeeping -------------------------------------------------------------------------------------------

    def held(self, keys: Sequence[str]) -> tuple[str, ...]:
        """See `Housekeeping.held`. Asks for each object, unless the bucket was made without object lock."""
        if not self._can_lock:
            return ()
        now = clock.utcnow()
        answers = self._looks.map(lambda key: self._is_held(key, now), keys)
        return tuple(key for key, held in zip(keys, answers, strict=True) if held)

    def unfinished(self, prefix: str = "") -> tuple[Unfinished, ...]:
        """See `Housekeeping.unfinished`."""
        uploads = self._pages("list_multipart_uploads", "Uploads", prefix)
        return tuple(
            Unfinished(
                upload["Key"].removeprefix(self._prefix),
                self._touched_at(upload["Key"], upload["UploadId"], upload["Initiated"]),
                upload["UploadId"],
            )
            for upload in uploads
        )

    def abandon(self, uploads: Sequence[Unfinished]) -> None:
        """See `Housekeeping.abandon`."""
        for upload in uploads:
            abort = functools.partial(
                self._client.abort_multipart_upload, **self._where(upload.key), UploadId=upload.token
            )
            self._gone("abort the upload of", upload.key, abort)

    # Inside -------------------------------------------------------------------------------------------------

    def _full(self, key: str) -> str:
        return f"{self._prefix}{checked(key)}"

    def _url(self, key: str) -> str:
        return self._bucket.url(f"{self._prefix}{key}")

    def _where(self, key: str) -> dict[str, Any]:
        return {"Bucket": self._bucket.name, "Key": self._full(key)}

    def _gone(self, operation: str, key: str, send: Callable[[], Any]) -> None:
        """Ask for something to go; silent if it is gone."""
        try:
            self._bucket.ask(operation, self._full(key), send)
        except VaultMissing as error:
            if code_behind(error.__cause__) == "NoSuchBucket":
                raise

    def _get(self, key: str, position: int, end: int | None, etag: str | None) -> Any:
        """The answer to a GET from `position` on, or None if the object ends before."""
        wanted: dict[str, Any] = {"IfMatch": etag} if etag else {}
        if position or end is not None:
            wanted["Range"] = f"bytes={position}-{'' if end is None else end - 1}"
        try:
            answer = self._client.get_object(**self._where(key), **wanted)
        except ClientError as error:
            if code_of(error) in ("InvalidRange", "416"):
                return None
            if etag and code_of(error) in ("PreconditionFailed", "412"):
                raise VaultError("read", self._url(key), "it was replaced while it was read") from error
            raise
        if "Range" in wanted and not answer.get("ContentRange", "").startswith(f"bytes {position}-"):
            answer["Body"].close()
            raise VaultError("read", self._url(key), "the store ignores ranges", hint="use another store")
        return answer

    def _holds(self, key: str, body: bytes) -> bool:
        """Is this what the object holds? (Who may only write can't tell.)"""
        with contextlib.suppress(VaultMissing, VaultDenied):
            return b"".join(self.fetch(key)) == body
        return False

    def _listed(self, prefix: str, *, folders: bool) -> Iterator[Entry]:
        if folders:
            for folder in self._pages("list_objects_v2", "CommonPrefixes", prefix, Delimiter="/"):
                yield Entry(folder["Prefix"].removeprefix(self._prefix), 0, datetime.fromtimestamp(0, UTC))
            return
        for item in self._pages("list_objects_v2", "Contents", prefix):
            key = item["Key"].removeprefix(self._prefix)
            # Consoles make empty objects `folder/` for show.
            if not key.endswith("/"):
                yield Entry(key, item["Size"], item["LastModified"].astimezone(UTC))

    def _pages(self, call: Any, what: str, prefix: str, **more: str) -> Sequence[Any]:
        """All the `what` of all pages of a listing; one that breaks is begun again."""
        full = f"{self._prefix}{prefix}"
        pages = self._client.get_paginator(call)

        def listed() -> Sequence[Any]:
            size = {"PageSize": self._bucket.page_items}
            answers: Any = pages.paginate(
                Bucket=self._bucket.name, Prefix=full, PaginationConfig=size, **more
            )
            return [item for answer in answers for item in answer.get(what, ())]

        return self._bucket.ask("list", full, listed)

    def _touched_at(self, key: str, upload_id: str, started_at: datetime) -> datetime:
        """When the newest part of an upload arrived: one that has run for days is alive, not left behind."""
        pages = self._client.get_paginator("list_parts")

        def arrived() -> Sequence[datetime]:
            answers = pages.paginate(Bucket=self._bucket.name, Key=key, UploadId=upload_id)
            return [part["LastModified"] for answer in answers for part in answer.get("Parts", ())]

        times = [started_at]
        with contextlib.suppress(VaultMissing):  # it has just ended
            times.extend(self._bucket.ask("list the parts of", key, arrived))
        return max(times).astimezone(UTC)

    @functools.cached_property
    def _can_lock(self) -> bool:
        """False only if the store says so; who may not ask has to look at each object."""
        ask = functools.partial(self._client.get_object_lock_configuration, Bucket=self._bucket.name)
        try:
            self._bucket.ask("read the object lock of", "", ask)
        except VaultDenied:
            return True
        except VaultUnreachable:
            raise
        except VaultError as error:
            if code_behind(error.__cause__) == "NoSuchBucket":
                raise
            return False
        return True

    def _is_held(self, key: str, now: datetime) -> bool:
        look = functools.partial(self._client.head_object, **self._where(key))
        try:
            head = self._bucket.ask("read the retention of", self._full(key), look)
        except VaultMissing:
            return False
        return (
            head.get("ObjectLockLegalHoldStatus") == "ON" or head.get("ObjectLockRetainUntilDate", now) > now
        )
