"""The one place where botocore's errors become the vault's, each with what to do next."""

import contextlib
from collections.abc import Iterator

from botocore import exceptions as boto
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from restoredrill.errors import (
    ObjectCorrupt,
    VaultConflict,
    VaultDenied,
    VaultError,
    VaultFull,
    VaultMissing,
    VaultUnreachable,
)

# What a call to S3 or the reading of its answer may raise.
Raised = BotoCoreError | ClientError | HTTPError | OSError
RAISED = (BotoCoreError, ClientError, HTTPError, OSError)

# Answers. Codes: "Error responses", Amazon S3 API reference; stores that imitate S3 add none we know of.
_CLOCK = "set this host's clock (NTP)"
_KEYS = "check the access key and the secret that vault.access_key_id and vault.secret_access_key refer to"
_POLICY = "grant it in the policy of the user, the role or the bucket: see restoredrill/vault/README.md"
_CODES: dict[str, tuple[type[VaultError], str]] = {
    "NoSuchKey": (VaultMissing, "has it been deleted?"),
    "NoSuchUpload": (
        VaultMissing,
        "a lifecycle rule or a prune ended the upload while it ran; give it longer",
    ),
    "NoSuchBucket": (VaultMissing, "create the bucket, or correct vault.url"),
    "404": (VaultMissing, ""),
    "NoSuchVersion": (VaultMissing, ""),
    "AccessDenied": (VaultDenied, _POLICY),
    "AllAccessDisabled": (VaultDenied, "the account or the bucket is suspended: ask its provider"),
    "AccountProblem": (VaultDenied, "the account is suspended: ask its provider"),
    "InvalidObjectState": (VaultDenied, "the object is archived (Glacier): restore it to S3 first"),
    "Unauthorized": (VaultDenied, _KEYS),
    "403": (VaultDenied, _POLICY),
    "401": (VaultDenied, _KEYS),
    "InvalidAccessKeyId": (VaultDenied, _KEYS),
    "SignatureDoesNotMatch": (VaultDenied, _KEYS),
    "InvalidSecurity": (VaultDenied, _KEYS),
    "InvalidToken": (VaultDenied, "the session token is not this key's: get new temporary credentials"),
    "InvalidClientTokenId": (VaultDenied, _KEYS),
    "ExpiredToken": (VaultDenied, "the temporary credentials have expired: get new ones, or use a role"),
    "ExpiredTokenException": (VaultDenied, "the temporary credentials have expired: get new ones"),
    "TokenRefreshRequired": (VaultDenied, "the temporary credentials have expired: get new ones"),
    "RequestTimeTooSkewed": (VaultDenied, _CLOCK),
    "RequestExpired": (VaultDenied, _CLOCK),
    "KMS.DisabledException": (VaultDenied, "enable the KMS key"),
    "KMS.NotFoundException": (VaultDenied, "vault.sse_kms_key_id names no key in this region"),
    "KMS.KMSInvalidStateException": (VaultDenied, "the KMS key is being deleted"),
    "PreconditionFailed": (VaultConflict, ""),
    "412": (VaultConflict, ""),
    "ConditionalRequestConflict": (VaultConflict, "somebody else wrote it at the same moment"),
    "409": (VaultConflict, ""),
    "QuotaExceeded": (VaultFull, "raise the bucket's quota, or prune"),
    "QuotaExceededException": (VaultFull, "raise the bucket's quota, or prune"),
    "XMinioStorageFull": (VaultFull, "make room on the store"),
    "InsufficientCapacity": (VaultFull, "make room on the store"),
    "507": (VaultFull, "make room on the store"),
    "EntityTooLarge": (VaultFull, "the store does not take objects this large"),
    "SlowDown": (VaultUnreachable, "the store is overloaded: try later, or with fewer jobs"),
    "ServiceUnavailable": (VaultUnreachable, "the store is overloaded: try later, or with fewer jobs"),
    "503": (VaultUnreachable, "the store is overloaded: try later, or with fewer jobs"),
    "InternalError": (VaultUnreachable, "the store has trouble of its own: try later"),
    "500": (VaultUnreachable, "the store has trouble of its own: try later"),
    "502": (VaultUnreachable, "the proxy in front of the store gets no answer from it"),
    "504": (VaultUnreachable, "the proxy in front of the store gets no answer from it"),
    "RequestTimeout": (VaultUnreachable, "the network is too slow or loses packets"),
    "BadDigest": (VaultError, "bytes changed on their way: look at proxies and network hardware"),
    "XAmzContentSHA256Mismatch": (VaultError, "bytes changed on their way: look at proxies and hardware"),
    "InvalidStorageClass": (VaultError, "this store does not know vault.storage_class"),
    "NotImplemented": (VaultError, "this store does not offer all of S3: see restoredrill/vault/README.md"),
    "PermanentRedirect": (VaultError, "the bucket is in another region: set vault.region"),
    "AuthorizationHeaderMalformed": (VaultError, "the bucket is in another region: set vault.region"),
    "IllegalLocationConstraintException": (VaultError, "the bucket is in another region: set vault.region"),
    "301": (VaultError, "the bucket is in another region: set vault.region"),
    "InvalidBucketName": (VaultError, "correct vault.url: s3://bucket/prefix"),
}

# No answer, or none was asked for. The first row that fits counts, so the special come before the general.
_CREDENTIALS = "give vault.access_key_id and vault.secret_access_key, a profile, or a role"
_NETWORK = "check vault.endpoint_url, the network and name resolution"
_CLASSES: tuple[tuple[type[Exception], type[VaultError], str], ...] = (
    (boto.ProfileNotFound, VaultDenied, "vault.profile names none of ~/.aws/config"),
    (boto.NoCredentialsError, VaultDenied, _CREDENTIALS),
    (boto.PartialCredentialsError, VaultDenied, _CREDENTIALS),
    (boto.CredentialRetrievalError, VaultDenied, _CREDENTIALS),
    (boto.UnknownCredentialError, VaultDenied, _CREDENTIALS),
    (boto.NoAuthTokenError, VaultDenied, "log in again: aws sso login"),
    (boto.TokenRetrievalError, VaultDenied, "log in again: aws sso login"),
    (boto.SSOError, VaultDenied, "log in again: aws sso login"),
    (boto.LoginError, VaultDenied, "log in again: aws login"),
    (
        boto.RefreshWithMFAUnsupportedError,
        VaultDenied,
        "a scheduled job can't ask for a code: use a role without",
    ),
    (boto.MetadataRetrievalError, VaultDenied, _CREDENTIALS),
    (boto.NoRegionError, VaultError, "set vault.region"),
    (boto.SSLError, VaultUnreachable, "the certificate is not trusted, or the endpoint speaks no TLS"),
    (boto.ProxyConnectionError, VaultUnreachable, "check the proxy in the environment"),
    (boto.ConnectionError, VaultUnreachable, _NETWORK),
    (boto.IncompleteReadError, VaultUnreachable, "the connection broke again and again"),
    (boto.HTTPClientError, VaultUnreachable, _NETWORK),
    (boto.FlexibleChecksumError, ObjectCorrupt, "the store's own checksum does not fit what it sends"),
    (boto.ChecksumError, ObjectCorrupt, "the store's own checksum does not fit what it sends"),
    (boto.UnknownServiceError, VaultError, "reinstall boto3"),
    (boto.DataNotFoundError, VaultError, "reinstall boto3"),
    (boto.InvalidRegionError, VaultError, "correct vault.region"),
    (boto.ParamValidationError, VaultError, "correct vault.url: s3://bucket/prefix"),
    (boto.BotoCoreError, VaultError, ""),
    (HTTPError, VaultUnreachable, _NETWORK),
    (OSError, VaultUnreachable, _NETWORK),
)


def as_vault_error(error: Raised, operation: str, thing: str) -> VaultError:
    """What `error` means for `operation` on `thing`; the caller raises it, chained."""
    if isinstance(error, ClientError):
        code, message = code_of(error), str(error.response.get("Error", {}).get("Message", ""))
        status = str(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", ""))
        kind, hint = _CODES.get(code) or _CODES.get(status) or (VaultError, "")
        said = message.strip().rstrip(".") or "no more was said"
        return kind(operation, thing, said if code in said else f"{code}: {said}", hint=hint)
    kind, hint = next((kind, hint) for cls, kind, hint in _CLASSES if isinstance(error, cls))
    return kind(operation, thing, _first_line(str(error)) or type(error).__name__, hint=hint)


@contextlib.contextmanager
def translated(operation: str, thing: str) -> Iterator[None]:
    """Calls to S3 go inside; what they raise comes out as a `VaultError`."""
    try:
        yield
    except RAISED as error:
        raise as_vault_error(error, operation, thing) from error


def code_of(error: ClientError) -> str:
    """S3's word for what is wrong ("NoSuchKey"), or the HTTP status where an answer had no body."""
    return str(error.response.get("Error", {}).get("Code", "unknown"))


def _first_line(text: str) -> str:
    line = text.strip().splitlines()[0] if text.strip() else ""
    return line[:1].lower() + line[1:].rstrip(".")
