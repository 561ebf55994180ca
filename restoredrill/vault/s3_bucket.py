"""One bucket: what a request to it needs, how often it is tried, what its errors mean."""

import base64
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from restoredrill.aws.patience import pause_longer
from restoredrill.errors import VaultUnreachable
from restoredrill.vault.s3_errors import RAISED, as_vault_error, code_of

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

# Ten attempts with these pauses outlast half a minute of trouble. botocore's own retries end after three
# seconds (1.44: 50 ms doubled, by chance), which is less than a server needs to start again.
ATTEMPTS = 10
# Besides what says that the store has trouble: bytes damaged on their way, and two writes at the same moment.
_WORTH_ANOTHER = frozenset(
    {
        *("BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"),
        *("ConditionalRequestConflict", "OperationAborted"),
    }
)

_T = TypeVar("_T")


@dataclass(frozen=True)
class Bucket:
    """Where objects go, what each of them gets (encryption, storage class), and how patient we are."""

    client: "S3Client"
    name: str
    extra: dict[str, Any] = field(default_factory=dict)
    page_items: int = 1000  # of a listing; S3 gives no more at once
    attempts: int = ATTEMPTS
    pause: Callable[[int], None] = pause_longer

    def url(self, key: str) -> str:
        """As people write it."""
        return f"s3://{self.name}/{key}"

    def ask(self, operation: str, key: str, send: Callable[[], _T]) -> _T:
        """Send a request, again where that can help. Raises `VaultError`."""
        for attempt in range(1, self.attempts + 1):
            try:
                return send()
            except RAISED as error:
                known = as_vault_error(error, operation, self.url(key))
                again = isinstance(known, VaultUnreachable) or code_behind(error) in _WORTH_ANOTHER
                if not again or attempt == self.attempts:
                    raise known from error
            self.pause(attempt)
        raise AssertionError("unreachable")

    def put(self, key: str, body: Any) -> None:
        """Write a whole object. Raises `VaultError`."""
        self.ask("write", key, self.putting(key, body))

    def putting(self, key: str, body: Any, **condition: Any) -> Callable[[], Any]:
        """One PutObject, to be asked for.

        The request is signed with the body's SHA-256, which every store verifies. The CRC-32 is what the
        store keeps with the object: it costs least (zlib has it), and the manifest holds a SHA-256 of the
        whole.
        """
        checksum = crc32(body)
        return lambda: self.client.put_object(
            Bucket=self.name, Key=key, Body=body, ChecksumCRC32=checksum, **condition, **self.extra
        )


class Counted:
    """A request that knows how often it was sent: of one sent twice, the first may have succeeded unheard."""

    def __init__(self, send: Callable[[], Any]) -> None:
        self.times = 0
        self._send = send

    def __call__(self) -> Any:
        self.times += 1
        return self._send()


def crc32(body: bytes | bytearray) -> str:
    """As S3 writes it: four bytes, big-endian, base64."""
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


def code_behind(error: BaseException | None) -> str:
    """S3's word in an error of botocore's ("NoSuchBucket"), or nothing."""
    return code_of(error) if isinstance(error, ClientError) else ""
