"""From a vault's settings to a client: endpoint, addressing, credentials."""

from typing import TYPE_CHECKING, Any

from restoredrill.aws.session import make_client, open_session
from restoredrill.model import VaultSpec
from restoredrill.vault.s3_bucket import ATTEMPTS, Bucket
from restoredrill.vault.s3_errors import translated

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


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
    keys = (access_key, secret_key) if access_key and secret_key else None
    session = open_session(spec.profile, spec.role_arn, spec.region, keys=keys)
    style = {True: "path", False: "virtual", None: "path" if spec.endpoint_url else "auto"}[spec.path_style]
    client: S3Client = make_client(
        "s3",
        session,
        spec.region,
        spec.endpoint_url,
        attempts=1,  # `Bucket.ask` tries again
        s3={"addressing_style": style},
        # Ours are set by hand: botocore's own come in a trailer, which some stores refuse.
        request_checksum_calculation="when_required",
    )
    return client
