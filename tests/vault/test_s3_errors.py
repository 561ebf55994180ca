"""Every error that botocore can raise becomes one of ours."""

import inspect

import pytest
from botocore import exceptions as boto
from urllib3.exceptions import ProtocolError

from restoredrill.errors import ObjectCorrupt, VaultConflict, VaultDenied, VaultError, VaultFull, VaultMissing
from restoredrill.errors import VaultUnreachable as Unreachable
from restoredrill.vault.s3_errors import RAISED, as_vault_error, translated


class Anything(dict[str, object]):
    """Gives every placeholder of a message a value."""

    def __missing__(self, key: str) -> str:
        return f"<{key}>"


def raised_by_botocore() -> list[type[Exception]]:
    """All exceptions of the module that are not warnings, nor of its own test tools."""
    classes = [cls for _, cls in inspect.getmembers(boto, inspect.isclass) if issubclass(cls, Exception)]
    return [c for c in classes if not issubclass(c, Warning) and c.__module__ == boto.__name__]


def an(cls: type[Exception]) -> Exception:
    """An instance, whatever its message wants to know."""
    error = cls.__new__(cls)
    if isinstance(error, boto.ClientError):
        boto.ClientError.__init__(error, {"Error": {"Code": "Odd", "Message": "odd"}}, "PutObject")
    else:
        Exception.__init__(error, getattr(cls, "fmt", "something").format_map(Anything()))
    return error


EXPECTED: dict[str, type[VaultError]] = {
    "EndpointConnectionError": Unreachable,
    "ConnectTimeoutError": Unreachable,
    "ReadTimeoutError": Unreachable,
    "ConnectionClosedError": Unreachable,
    "ProxyConnectionError": Unreachable,
    "SSLError": Unreachable,
    "ResponseStreamingError": Unreachable,
    "IncompleteReadError": Unreachable,
    "HTTPClientError": Unreachable,
    "NoCredentialsError": VaultDenied,
    "PartialCredentialsError": VaultDenied,
    "CredentialRetrievalError": VaultDenied,
    "MetadataRetrievalError": VaultDenied,
    "ProfileNotFound": VaultDenied,
    "SSOTokenLoadError": VaultDenied,
    "UnauthorizedSSOTokenError": VaultDenied,
    "LoginRefreshRequired": VaultDenied,
    "TokenRetrievalError": VaultDenied,
    "FlexibleChecksumError": ObjectCorrupt,
    "ChecksumError": ObjectCorrupt,
}


@pytest.mark.parametrize("cls", raised_by_botocore(), ids=lambda cls: cls.__name__)
def test_every_error_of_botocore_is_ours(cls: type[Exception]) -> None:
    if not issubclass(cls, RAISED):
        # UndefinedModelAttributeError: a broken service model, which is a bug and shall look like one.
        assert cls.__name__ in {"UndefinedModelAttributeError", "MissingServiceIdError"}
        return
    error = as_vault_error(an(cls), "read", "s3://bucket/key")  # type: ignore[arg-type]
    assert type(error) is EXPECTED.get(cls.__name__, type(error))
    assert isinstance(error, VaultError)
    assert (error.operation, error.thing) == ("read", "s3://bucket/key")
    assert error.reason
    assert "\n" not in str(error)
    assert not error.reason.endswith(".")


def test_all_that_is_expected_exists() -> None:
    assert EXPECTED.keys() <= {cls.__name__ for cls in raised_by_botocore()}


def answered(status: int, code: str, message: str = "") -> boto.ClientError:
    """What S3 said."""
    response = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return boto.ClientError(response, "PutObject")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "NoSuchKey", VaultMissing),
        (404, "404", VaultMissing),
        (403, "AccessDenied", VaultDenied),
        (403, "403", VaultDenied),
        (403, "InvalidAccessKeyId", VaultDenied),
        (403, "SignatureDoesNotMatch", VaultDenied),
        (400, "ExpiredToken", VaultDenied),
        (403, "RequestTimeTooSkewed", VaultDenied),
        (403, "AWrongOfItsOwn", VaultDenied),
        (412, "PreconditionFailed", VaultConflict),
        (409, "ConditionalRequestConflict", VaultConflict),
        (403, "QuotaExceeded", VaultFull),
        (400, "EntityTooLarge", VaultFull),
        (507, "XMinioStorageFull", VaultFull),
        (503, "SlowDown", Unreachable),
        (500, "InternalError", Unreachable),
        (504, "GatewayTimeout", Unreachable),
        (400, "BadDigest", VaultError),
        (301, "PermanentRedirect", VaultError),
        (418, "Teapot", VaultError),
    ],
)
def test_answers_are_told_apart(status: int, code: str, kind: type[VaultError]) -> None:
    error = as_vault_error(answered(status, code, "It is so."), "write", "s3://b/k")
    assert type(error) is kind
    assert error.reason == f"{code}: It is so"


def test_an_error_without_words_still_says_something() -> None:
    assert as_vault_error(answered(400, "Odd"), "write", "s3://b/k").reason == "Odd: no more was said"
    assert as_vault_error(OSError(), "write", "s3://b/k").reason == "OSError"


def test_errors_below_botocore_are_the_network() -> None:
    for below in (ProtocolError("broken"), ConnectionResetError(104, "reset")):
        with pytest.raises(Unreachable) as caught, translated("read", "s3://b/k"):
            raise below
        assert caught.value.__cause__ is below
    with pytest.raises(KeyError), translated("read", "s3://b/k"):
        raise KeyError("ours")
