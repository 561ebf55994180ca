"""From a vault's URL to the store behind it."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from restoredrill.errors import UsageError
from restoredrill.model import VaultSpec
from restoredrill.vault.store import VaultStore


def open_store(
    spec: VaultSpec, access_key: str | None, secret_key: str | None, *, attempts: int | None = None
) -> VaultStore:
    """The store that `spec.url` names; the keys are what its references resolved to. Nothing is sent yet.

    A request is tried for half a minute, or `attempts` times: two are enough for whoever only asks if it
    works. Raises `UsageError` for a URL of another kind, `VaultDenied` for a profile that does not exist.
    """
    scheme = urlsplit(spec.url).scheme
    if scheme not in _SCHEMES:
        hint = "use s3://bucket/prefix or file:///absolute/path"
        raise UsageError("open", spec.url, "no vault of this kind", hint=hint)
    return _SCHEMES[scheme](spec, access_key, secret_key, attempts)


def _s3(spec: VaultSpec, access_key: str | None, secret_key: str | None, attempts: int | None) -> VaultStore:
    # Imported here: boto3 takes a third of a second, which a folder need not pay.
    from restoredrill.vault.s3 import S3Store
    from restoredrill.vault.s3_bucket import ATTEMPTS
    from restoredrill.vault.s3_client import bucket_of

    # Not urlsplit: a `#` or `?` in a prefix is a letter like any other.
    bucket, _, prefix = spec.url.removeprefix("s3://").partition("/")
    if not bucket:
        raise UsageError("open", spec.url, "no bucket in it", hint="s3://bucket/prefix")
    return S3Store(bucket_of(spec, bucket, access_key, secret_key, attempts or ATTEMPTS), prefix)


def _folder(
    spec: VaultSpec, access_key: str | None, secret_key: str | None, attempts: int | None
) -> VaultStore:
    from restoredrill.vault.folder import FolderStore

    parts = urlsplit(spec.url)
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/") or parts.path == "/":
        raise UsageError("open", spec.url, "no absolute path in it", hint="file:///var/backups/shop")
    return FolderStore(Path(unquote(parts.path)))


_SCHEMES: dict[str, Callable[[VaultSpec, str | None, str | None, int | None], VaultStore]] = {
    "s3": _s3,
    "file": _folder,
}
