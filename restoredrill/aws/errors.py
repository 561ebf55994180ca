"""The one place where botocore's errors become ours, each with what to do next. The vault has its own words
for S3's answers: vault/s3_errors.py.
"""

import contextlib
import re
from collections.abc import Iterator

from botocore import exceptions as boto
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from restoredrill.errors import (
    CapacityMissing,
    CloudDenied,
    CloudError,
    CloudMissing,
    CloudUnreachable,
    RestoredrillError,
)

# What a call to AWS or the reading of its answer may raise.
Raised = BotoCoreError | ClientError | ResponseParserError | HTTPError | OSError
RAISED = (BotoCoreError, ClientError, ResponseParserError, HTTPError, OSError)

# Answers. Codes: "Error codes for the Amazon EC2 API" and the "Common errors" of the other services.
_CLOCK = "set this host's clock (NTP)"
_KEYS = "check the credentials in the environment, the profile or the instance's role"
_RENEW = "the temporary credentials have expired: get new ones, or use a role"
_CAPACITY = "other types, zones or on-demand machines may be had; or try again later"
_QUOTA = "ask for a higher quota (Service Quotas, Amazon EC2), or run fewer drills at once"
_LATER = "AWS has trouble of its own: try later"
_SLOWER = "the account asks AWS too often: fewer drills at once, or a higher API quota"
_SPOT_ROLE = (
    "the account never had a spot machine: once, `aws iam create-service-linked-role "
    "--aws-service-name spot.amazonaws.com`"
)
_CODES: dict[str, tuple[type[RestoredrillError], str]] = {
    # nothing to be had: capacity, price, quota
    "InsufficientInstanceCapacity": (CapacityMissing, _CAPACITY),
    "InsufficientCapacity": (CapacityMissing, _CAPACITY),
    "InsufficientHostCapacity": (CapacityMissing, _CAPACITY),
    "InsufficientReservedInstanceCapacity": (CapacityMissing, _CAPACITY),
    "InsufficientVolumeCapacity": (CapacityMissing, _CAPACITY),
    "InsufficientAddressCapacity": (CapacityMissing, _CAPACITY),
    "ReservationCapacityExceeded": (CapacityMissing, _CAPACITY),
    "UnfulfillableCapacity": (CapacityMissing, _CAPACITY),
    "Unsupported": (CapacityMissing, "this zone does not offer the type: name other subnets or types"),
    "SpotMaxPriceTooLow": (CapacityMissing, "spot costs more than its limit: allow on-demand machines"),
    "MaxSpotInstanceCountExceeded": (CapacityMissing, f"the quota of spot machines is used up: {_QUOTA}"),
    "SpotInstanceCountExceeded": (CapacityMissing, f"the quota of spot machines is used up: {_QUOTA}"),
    "InstanceLimitExceeded": (CapacityMissing, _QUOTA),
    "VcpuLimitExceeded": (CapacityMissing, _QUOTA),
    "VolumeLimitExceeded": (CapacityMissing, _QUOTA),
    "MaxIOPSLimitExceeded": (CapacityMissing, _QUOTA),
    "NetworkInterfaceLimitExceeded": (CapacityMissing, _QUOTA),
    "AddressLimitExceeded": (CapacityMissing, _QUOTA),
    "InsufficientFreeAddressesInSubnet": (CapacityMissing, "the subnet is full: name a larger one"),
    "PendingVerification": (CapacityMissing, "AWS still looks at this new account: try again in some hours"),
    # not allowed, or nobody
    "UnauthorizedOperation": (CloudDenied, ""),  # the hint names the action, see `_denied`
    "AccessDenied": (CloudDenied, ""),
    "AccessDeniedException": (CloudDenied, ""),
    "403": (CloudDenied, ""),
    "AuthFailure": (CloudDenied, f"{_KEYS}; {_CLOCK}"),
    "AuthFailure.ServiceLinkedRoleCreationNotPermitted": (CloudDenied, _SPOT_ROLE),
    "401": (CloudDenied, _KEYS),
    "OptInRequired": (CloudDenied, "enable the service, the image or the region for this account first"),
    "SubscriptionRequiredException": (CloudDenied, "enable the service for this account first"),
    "InvalidClientTokenId": (CloudDenied, _KEYS),
    "InvalidAccessKeyId": (CloudDenied, _KEYS),
    "UnrecognizedClientException": (CloudDenied, _KEYS),
    "MissingAuthenticationToken": (CloudDenied, _KEYS),
    "IncompleteSignature": (CloudDenied, _KEYS),
    "SignatureDoesNotMatch": (CloudDenied, f"{_KEYS}; {_CLOCK}"),
    "ExpiredToken": (CloudDenied, _RENEW),
    "ExpiredTokenException": (CloudDenied, _RENEW),
    "RequestExpired": (CloudDenied, f"{_CLOCK}, or get new credentials"),
    "Blocked": (CloudDenied, "AWS has blocked this account: ask its support"),
    "OperationNotPermitted": (CloudDenied, "is it protected from termination? somebody else set that"),
    "Client.InvalidKMSKey.InvalidState": (CloudDenied, "the KMS key is disabled or being deleted"),
    "InvalidKMSKey.InvalidState": (CloudDenied, "the KMS key is disabled or being deleted"),
    "KMSInvalidStateException": (CloudDenied, "the KMS key is being deleted"),
    "DisabledException": (CloudDenied, "enable the KMS key"),
    "DecryptionFailure": (CloudDenied, "the role may not decrypt with the secret's KMS key"),
    # not there
    "ResourceNotFoundException": (CloudMissing, "no such name in this account and region"),
    "ParameterNotFound": (CloudMissing, "no such parameter in this account and region"),
    "ParameterVersionNotFound": (CloudMissing, "no such parameter in this account and region"),
    "NotFoundException": (CloudMissing, "no such name in this account and region"),
    "NoSuchEntity": (CloudMissing, "no such role or profile in this account"),
    "404": (CloudMissing, ""),
    # too much, or trouble over there
    "RequestLimitExceeded": (CloudUnreachable, _SLOWER),
    "Throttling": (CloudUnreachable, _SLOWER),
    "ThrottlingException": (CloudUnreachable, _SLOWER),
    "ThrottledException": (CloudUnreachable, _SLOWER),
    "RequestThrottled": (CloudUnreachable, _SLOWER),
    "RequestThrottledException": (CloudUnreachable, _SLOWER),
    "TooManyRequestsException": (CloudUnreachable, _SLOWER),
    "EC2ThrottledException": (CloudUnreachable, _SLOWER),
    "BandwidthLimitExceeded": (CloudUnreachable, _SLOWER),
    "SlowDown": (CloudUnreachable, _SLOWER),
    "429": (CloudUnreachable, _SLOWER),
    "InternalError": (CloudUnreachable, _LATER),
    "InternalFailure": (CloudUnreachable, _LATER),
    "InternalServiceError": (CloudUnreachable, _LATER),
    "InternalServerError": (CloudUnreachable, _LATER),
    "ServerInternal": (CloudUnreachable, _LATER),
    "ServiceUnavailable": (CloudUnreachable, _LATER),
    "ServiceUnavailableException": (CloudUnreachable, _LATER),
    "Unavailable": (CloudUnreachable, _LATER),
    "RequestTimeout": (CloudUnreachable, "the network is too slow or loses packets"),
    "RequestTimeoutException": (CloudUnreachable, "the network is too slow or loses packets"),
    "PriorRequestNotComplete": (CloudUnreachable, _LATER),
    "500": (CloudUnreachable, _LATER),
    "502": (CloudUnreachable, "the proxy in front of AWS gets no answer from it"),
    "503": (CloudUnreachable, _LATER),
    "504": (CloudUnreachable, "the proxy in front of AWS gets no answer from it"),
    # asked wrongly
    "InvalidParameterValue": (CloudError, "AWS refuses a value; `restoredrill doctor` looks at each"),
    "InvalidParameterCombination": (CloudError, "do launch template and machines.ec2 contradict each other?"),
    "MissingParameter": (CloudError, "does the launch template lack something?"),
    "IdempotentParameterMismatch": (
        CloudError,
        "an earlier call with this token asked for something else",
    ),
    "IdempotentInstanceTerminated": (CloudError, "the machine of that call is gone; start a new attempt"),
    "TagLimitExceeded": (CloudError, "fewer tags in machines.ec2.tags: AWS allows 50 in all"),
    "DryRunOperation": (CloudError, "it would have been allowed"),
}

# `InvalidInstanceID.NotFound`, `InvalidSubnetID.NotFound`, `InvalidLaunchTemplateId.NotFoundException`, …
_NOT_FOUND = re.compile(r"(?:\.NotFound(?:Exception)?|\.Unavailable|\.Malformed)$")
_WHAT = "is it in this region, and spelt right?"

# No answer, or none was asked for. The first row that fits counts, so the special come before the general.
_CREDENTIALS = "give credentials in the environment, a profile (machines.ec2.profile), or a role"
_NETWORK = "check the network, name resolution, the region and machines.ec2.endpoint_url"
_LOGIN = "log in again: aws sso login"
_CLASSES: tuple[tuple[type[Exception], type[CloudError], str], ...] = (
    (boto.ProfileNotFound, CloudDenied, "machines.ec2.profile names none of ~/.aws/config"),
    (boto.NoCredentialsError, CloudDenied, _CREDENTIALS),
    (boto.PartialCredentialsError, CloudDenied, _CREDENTIALS),
    (boto.CredentialRetrievalError, CloudDenied, _CREDENTIALS),
    (boto.UnknownCredentialError, CloudDenied, _CREDENTIALS),
    (boto.NoAuthTokenError, CloudDenied, _LOGIN),
    (boto.TokenRetrievalError, CloudDenied, _LOGIN),
    (boto.SSOError, CloudDenied, _LOGIN),
    (boto.LoginError, CloudDenied, "log in again: aws login"),
    (boto.RefreshWithMFAUnsupportedError, CloudDenied, "a scheduled job can't ask for a code: use a role"),
    (boto.MetadataRetrievalError, CloudDenied, _CREDENTIALS),
    (boto.NoRegionError, CloudError, "set machines.ec2.region"),
    (boto.InvalidRegionError, CloudError, "correct machines.ec2.region"),
    (boto.SSLError, CloudUnreachable, "the certificate is not trusted, or the endpoint speaks no TLS"),
    (boto.ProxyConnectionError, CloudUnreachable, "check the proxy in the environment"),
    (boto.ConnectionError, CloudUnreachable, _NETWORK),
    (boto.IncompleteReadError, CloudUnreachable, "the connection broke again and again"),
    (boto.HTTPClientError, CloudUnreachable, _NETWORK),
    # What answers is not AWS but a proxy's or an emulator's page.
    (ResponseParserError, CloudUnreachable, "what answers there is not AWS: a proxy?"),
    (boto.UnknownServiceError, CloudError, "reinstall boto3"),
    (boto.DataNotFoundError, CloudError, "reinstall boto3"),
    (boto.BotoCoreError, CloudError, ""),
    (HTTPError, CloudUnreachable, _NETWORK),
    (OSError, CloudUnreachable, _NETWORK),
)

_ACTION = re.compile(r"not authorized to perform:? ([A-Za-z0-9-]+:[A-Za-z]+)")
_ENCODED = re.compile(r"\s*Encoded authorization failure message: \S+")


def as_cloud_error(error: Raised, operation: str, thing: str) -> RestoredrillError:
    """What `error` means for `operation` on `thing`: a `CloudError`, or `CapacityMissing`. The caller raises
    it, chained.
    """
    if isinstance(error, ClientError):
        return _answered(error, operation, thing)
    kind, hint = next((kind, hint) for cls, kind, hint in _CLASSES if isinstance(error, cls))
    return kind(operation, thing, _first_line(str(error)) or type(error).__name__, hint=hint)


@contextlib.contextmanager
def translated(operation: str, thing: str) -> Iterator[None]:
    """Calls to AWS go inside; what they raise comes out as a `CloudError` or `CapacityMissing`."""
    try:
        yield
    except RAISED as error:
        raise as_cloud_error(error, operation, thing) from error


def code_of(error: BaseException | None) -> str:
    """AWS's word in an error of botocore's ("InsufficientInstanceCapacity"), or nothing."""
    return (
        str(error.response.get("Error", {}).get("Code", "unknown")) if isinstance(error, ClientError) else ""
    )


def _answered(error: ClientError, operation: str, thing: str) -> RestoredrillError:
    code, status = code_of(error), str(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", ""))
    message = str(error.response.get("Error", {}).get("Message", ""))
    kind, hint = _CODES.get(code) or _not_found(code) or _CODES.get(status) or (CloudError, "")
    if kind is CloudDenied and not hint:
        hint = _denied(error, message)
    said = _first_line(_ENCODED.sub("", message), lower=False) or "no more was said"
    return kind(operation, thing, said if code in said else f"{code}: {said}", hint=hint)


def _not_found(code: str) -> tuple[type[CloudError], str] | None:
    return (CloudMissing, _WHAT) if _NOT_FOUND.search(code) else None


def _denied(error: ClientError, message: str) -> str:
    """Which action to grant: the message says it since 2022, the call itself always."""
    found = _ACTION.search(message)
    hint = f"grant {found[1] if found else error.operation_name} in the policy of the user or the role"
    if _ENCODED.search(message):
        hint += "; `aws sts decode-authorization-message` tells what forbade it"
    return hint


def _first_line(text: str, *, lower: bool = True) -> str:
    line = text.strip().splitlines()[0].rstrip().rstrip(".") if text.strip() else ""
    return line[:1].lower() + line[1:] if lower else line
