"""From a vault's settings to a client: endpoint, addressing, credentials, retries."""

import ipaddress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import NoCredentialsError

from restoredrill.model import VaultSpec
from restoredrill.vault.s3_bucket import ATTEMPTS, Bucket
from restoredrill.vault.s3_errors import translated

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_CONNECT_TIMEOUT_S = 10
_READ_TIMEOUT_S = 60
_CONNECTIONS = 32


def bucket_of(
    spec: VaultSpec, name: str, access_key: str | None, secret_key: str | None, attempts: int = ATTEMPTS
) -> Bucket:
    """The bucket `name`, reached as `spec` says. Nothing is sent yet. Raises `VaultError`."""
    extra: dict[str, Any] = {}
    if spec.sse_kms_key_id:
        extra |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": spec.sse_kms_key_id}
    if spec.storage_class:
        extra |= {"StorageClass": spec.storage_class}
    with translated("open", spec.url):
        return Bucket(_client(spec, access_key, secret_key), name, extra, attempts=attempts)


def _client(spec: VaultSpec, access_key: str | None, secret_key: str | None) -> "S3Client":
    session = botocore.session.Session(profile=spec.profile)
    if access_key and secret_key:
        session.set_credentials(access_key, secret_key)
    if spec.role_arn:
        _assume(session, spec.role_arn, spec.region)
    region = spec.region or session.get_config_variable("region")
    style: Any = {True: "path", False: "virtual", None: "path" if spec.endpoint_url else "auto"}[
        spec.path_style
    ]
    return boto3.Session(botocore_session=session).client(
        "s3",
        endpoint_url=spec.endpoint_url,
        # Other stores want some region in the signature and do not care which.
        region_name=region or ("us-east-1" if spec.endpoint_url else None),
        config=Config(
            connect_timeout=_CONNECT_TIMEOUT_S,
            read_timeout=_READ_TIMEOUT_S,
            retries={"mode": "standard", "total_max_attempts": 1},  # `Bucket.ask` tries again
            tcp_keepalive=True,
            max_pool_connections=_CONNECTIONS,
            s3={"addressing_style": style},
            # Ours are set by hand: botocore's own come in a trailer, which some stores refuse.
            request_checksum_calculation="when_required",
            proxies={} if _is_here(spec.endpoint_url) else None,
        ),
    )


def _assume(session: botocore.session.Session, role_arn: str, region: str | None) -> None:
    """Work as `role_arn`, with credentials that are got when first needed and again before they expire."""
    source = session.get_credentials()
    if source is None:
        raise NoCredentialsError
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=lambda service, **keys: session.create_client(service, region_name=region, **keys),
        source_credentials=source,
        role_arn=role_arn,
        extra_args={"RoleSessionName": "restoredrill"},
    )
    refreshed = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
    # botocore has no public way in for credentials that refresh themselves; this is the one people take.
    session._credentials = refreshed  # type: ignore[attr-defined]


def _is_here(endpoint_url: str | None) -> bool:
    """Is it on this host? Then no proxy can reach it."""
    host = urlsplit(endpoint_url or "").hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
