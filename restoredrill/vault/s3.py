"""A vault in S3 or anything that speaks its protocol."""

import contextlib
import functools
import random
from collections.abc import Iterable, Iterator, Sequence
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
from restoredrill.vault.s3_errors import RAISED, as_vault_error, code_of, translated
from restoredrill.vault.s3_upload import Bucket, Limits, Uploads, retried
from restoredrill.vault.store import Unfinished

_CHUNK_BYTES = 256 * 1024
_RESUMES = 6  # in a row without a single byte
_LONGEST_PAUSE_S = 10.0
_CONFLICT_ATTEMPTS = 5
_LOOKS_AT_ONCE = 8


class S3Store:
    """A `Store` below `s3://bucket/prefix`. Where versions are kept, `delete` only hides."""

    def __init__(self, bucket: Bucket, prefix: str = "", limits: Limits | None = None) -> None:
        """`bucket.client` decides how often a request is retried."""
        self._bucket = bucket
        self._client = bucket.client
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._uploads = Uploads(bucket, limits)
        self._looks = ThreadPoolExecutor(_LOOKS_AT_ONCE, thread_name_prefix="head")

    def put(self, key: str, chunks: Iterable[bytes]) -> None:
        """See `Store.put`."""
        self._uploads.put(self._full(key), chunks)

    def put_once(self, key: str, body: bytes) -> None:
        """See `Store.put_once`: If-None-Match, which a store must honour (`conditional.require`)."""
        for attempt in range(1, _CONFLICT_ATTEMPTS + 1):
            try:
                self._bucket.put(self._full(key), body, IfNoneMatch="*")
                return
            except RAISED as error:
                # 409: another write was going on; who is first is known a moment later (PutObject, "Errors").
                undecided = isinstance(error, ClientError) and code_of(error) == "ConditionalRequestConflict"
                if undecided and attempt < _CONFLICT_ATTEMPTS:
                    _pause(attempt)
                    continue
                known = as_vault_error(error, "write", self._url(key))
                if isinstance(known, VaultConflict) and self._is_our_own(error, key, body):
                    return
                raise known from error

    def fetch(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See `Store.fetch`. A range beyond the end is empty."""
        if length == 0:
            return
        position, end, etag, failures = start, None if length is None else start + length, None, 0
        while True:
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
                if not isinstance(known, VaultUnreachable) or failures > _RESUMES:
                    raise known from error
                if end is not None and position >= end:
                    return
                _pause(failures)

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
            try:
                with translated("delete", self._url(key)):
                    self._client.delete_object(Bucket=self._bucket.name, Key=self._full(key))
            except VaultMissing as error:
                if code_of_cause(error) == "NoSuchBucket":
                    raise

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
        found = []
        with translated("list", self._url(prefix)):
            pages = self._client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self._bucket.name, Prefix=f"{self._prefix}{prefix}"
            )
            for page in pages:
                for upload in page.get("Uploads", ()):
                    touched_at = self._touched_at(upload["Key"], upload["UploadId"], upload["Initiated"])
                    key = upload["Key"].removeprefix(self._prefix)
                    found.append(Unfinished(key, touched_at, upload["UploadId"]))
        return tuple(found)

    def abandon(self, uploads: Sequence[Unfinished]) -> None:
        """See `Housekeeping.abandon`."""
        for upload in uploads:
            with contextlib.suppress(VaultMissing), translated("abort the upload of", self._url(upload.key)):
                self._client.abort_multipart_upload(
                    Bucket=self._bucket.name, Key=f"{self._prefix}{upload.key}", UploadId=upload.token
                )

    # Inside -------------------------------------------------------------------------------------------------

    def _full(self, key: str) -> str:
        return f"{self._prefix}{checked(key)}"

    def _url(self, key: str) -> str:
        return f"s3://{self._bucket.name}/{self._prefix}{key}"

    def _get(self, key: str, position: int, end: int | None, etag: str | None) -> Any:
        """The answer to a GET from `position` on, or None if the object ends before."""
        wanted: dict[str, Any] = {"IfMatch": etag} if etag else {}
        if position or end is not None:
            wanted["Range"] = f"bytes={position}-{'' if end is None else end - 1}"
        try:
            answer = self._client.get_object(Bucket=self._bucket.name, Key=self._full(key), **wanted)
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

    def _is_our_own(self, error: Exception, key: str, body: bytes) -> bool:
        """Did an earlier attempt of this very write succeed whose answer got lost?"""
        if not isinstance(error, ClientError) or not retried(error):
            return False
        with contextlib.suppress(VaultMissing, VaultDenied):
            return b"".join(self.fetch(key)) == body
        return False

    def _listed(self, prefix: str, *, folders: bool) -> Iterator[Entry]:
        with translated("list", self._url(prefix)):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket.name,
                Prefix=f"{self._prefix}{prefix}",
                Delimiter="/" if folders else "",
            )
            for page in pages:
                if folders:
                    for folder in page.get("CommonPrefixes", ()):
                        key = folder["Prefix"].removeprefix(self._prefix)
                        yield Entry(key, 0, datetime.fromtimestamp(0, UTC))
                    continue
                for item in page.get("Contents", ()):
                    key = item["Key"].removeprefix(self._prefix)
                    # Consoles make empty objects `folder/` for show.
                    if not key.endswith("/"):
                        yield Entry(key, item["Size"], item["LastModified"].astimezone(UTC))

    def _touched_at(self, key: str, upload_id: str, started_at: datetime) -> datetime:
        """When the newest part of an upload arrived: one that has run for days is alive, not left behind."""
        times = [started_at.astimezone(UTC)]
        with contextlib.suppress(ClientError):  # it has just ended
            for page in self._client.get_paginator("list_parts").paginate(
                Bucket=self._bucket.name, Key=key, UploadId=upload_id
            ):
                times.extend(part["LastModified"].astimezone(UTC) for part in page.get("Parts", ()))
        return max(times)

    @functools.cached_property
    def _can_lock(self) -> bool:
        """False only if the store says so; who may not ask has to look at each object."""
        try:
            with translated("read the object lock of", f"s3://{self._bucket.name}"):
                self._client.get_object_lock_configuration(Bucket=self._bucket.name)
        except VaultDenied:
            return True
        except VaultUnreachable:
            raise
        except VaultError as error:
            if code_of_cause(error) == "NoSuchBucket":
                raise
            return False
        return True

    def _is_held(self, key: str, now: datetime) -> bool:
        try:
            with translated("read the retention of", self._url(key)):
                head = self._client.head_object(Bucket=self._bucket.name, Key=self._full(key))
        except VaultMissing:
            return False
        return (
            head.get("ObjectLockLegalHoldStatus") == "ON" or head.get("ObjectLockRetainUntilDate", now) > now
        )


def code_of_cause(error: VaultError) -> str:
    """S3's word behind one of our errors."""
    return code_of(error.__cause__) if isinstance(error.__cause__, ClientError) else ""


def _pause(attempt: int) -> None:
    """Wait longer each time, by chance, so that many readers do not come back at once."""
    clock.sleep(random.uniform(0.1, min(_LONGEST_PAUSE_S, 0.5 * 2**attempt)))  # noqa: S311 - no secret
