"""Every error that botocore can raise, and what EC2 may answer, becomes one of ours."""

import inspect
import itertools

import pytest
from botocore import exceptions as boto
from botocore.parsers import ResponseParserError
from urllib3.exceptions import ProtocolError

from restoredrill.aws.errors import RAISED, as_cloud_error, code_of, translated
from restoredrill.aws.patience import ask
from restoredrill.errors import (
    CapacityMissing,
    CloudDenied,
    CloudError,
    CloudMissing,
    RestoredrillError,
)
from restoredrill.errors import CloudUnreachable as Unreachable


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
        boto.ClientError.__init__(error, {"Error": {"Code": "Odd", "Message": "odd"}}, "RunInstances")
    else:
        Exception.__init__(error, getattr(cls, "fmt", "something").format_map(Anything()))
    return error


EXPECTED: dict[str, type[CloudError]] = {
    "EndpointConnectionError": Unreachable,
    "ConnectTimeoutError": Unreachable,
    "ReadTimeoutError": Unreachable,
    "ConnectionClosedError": Unreachable,
    "ProxyConnectionError": Unreachable,
    "SSLError": Unreachable,
    "IncompleteReadError": Unreachable,
    "HTTPClientError": Unreachable,
    "NoCredentialsError": CloudDenied,
    "PartialCredentialsError": CloudDenied,
    "CredentialRetrievalError": CloudDenied,
    "MetadataRetrievalError": CloudDenied,
    "ProfileNotFound": CloudDenied,
    "UnauthorizedSSOTokenError": CloudDenied,
    "LoginRefreshRequired": CloudDenied,
    "TokenRetrievalError": CloudDenied,
    "NoRegionError": CloudError,
    "ParamValidationError": CloudError,
    "WaiterError": CloudError,
}


@pytest.mark.parametrize("cls", raised_by_botocore(), ids=lambda cls: cls.__name__)
def test_every_error_of_botocore_is_ours(cls: type[Exception]) -> None:
    if not issubclass(cls, RAISED):
        # A broken service model is a bug and shall look like one.
        assert cls.__name__ in {"UndefinedModelAttributeError", "MissingServiceIdError"}
        return
    error = as_cloud_error(an(cls), "start", "m7i.large")  # type: ignore[arg-type]
    assert type(error) is EXPECTED.get(cls.__name__, type(error))
    assert isinstance(error, CloudError)
    assert (error.operation, error.thing) == ("start", "m7i.large")
    assert error.reason
    assert "\n" not in str(error)
    assert not error.reason.endswith(".")


def test_all_that_is_expected_exists() -> None:
    assert EXPECTED.keys() <= {cls.__name__ for cls in raised_by_botocore()}


def answered(status: int, code: str, message: str = "", operation: str = "RunInstances") -> boto.ClientError:
    """What EC2 said."""
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return boto.ClientError(response, operation)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (500, "InsufficientInstanceCapacity", CapacityMissing),
        (400, "SpotMaxPriceTooLow", CapacityMissing),
        (400, "MaxSpotInstanceCountExceeded", CapacityMissing),
        (400, "VcpuLimitExceeded", CapacityMissing),
        (400, "InstanceLimitExceeded", CapacityMissing),
        (400, "VolumeLimitExceeded", CapacityMissing),
        (400, "InsufficientFreeAddressesInSubnet", CapacityMissing),
        (400, "Unsupported", CapacityMissing),
        (400, "PendingVerification", CapacityMissing),
        (403, "UnauthorizedOperation", CloudDenied),
        (403, "AccessDenied", CloudDenied),
        (403, "AWrongOfItsOwn", CloudDenied),
        (401, "AuthFailure", CloudDenied),
        (403, "AuthFailure.ServiceLinkedRoleCreationNotPermitted", CloudDenied),
        (401, "OptInRequired", CloudDenied),
        (400, "RequestExpired", CloudDenied),
        (403, "InvalidClientTokenId", CloudDenied),
        (400, "OperationNotPermitted", CloudDenied),
        (400, "InvalidInstanceID.NotFound", CloudMissing),
        (400, "InvalidInstanceID.Malformed", CloudMissing),
        (400, "InvalidAMIID.NotFound", CloudMissing),
        (400, "InvalidAMIID.Unavailable", CloudMissing),
        (400, "InvalidSubnetID.NotFound", CloudMissing),
        (400, "InvalidLaunchTemplateId.NotFoundException", CloudMissing),
        (400, "ResourceNotFoundException", CloudMissing),
        (503, "RequestLimitExceeded", Unreachable),
        (400, "ThrottlingException", Unreachable),
        (500, "InternalError", Unreachable),
        (503, "Unavailable", Unreachable),
        (503, "SomethingNew", Unreachable),
        (400, "InvalidParameterValue", CloudError),
        (400, "IdempotentParameterMismatch", CloudError),
        (400, "IdempotentInstanceTerminated", CloudError),
        (418, "Teapot", CloudError),
    ],
)
def test_answers_are_told_apart(status: int, code: str, kind: type[RestoredrillError]) -> None:
    error = as_cloud_error(answered(status, code, "It is so."), "start", "x")
    assert type(error) is kind
    assert error.reason == f"{code}: It is so"
    assert error.hint or code == "Teapot"


def test_a_denied_action_is_named_and_the_encoded_part_is_left_out() -> None:
    message = (
        "You are not authorized to perform this operation. User: arn:aws:iam::1:user/x is not authorized to "
        "perform: ec2:CreateTags on resource: arn:aws:ec2:eu-central-1:1:instance/* because no policy allows "
        "it. Encoded authorization failure message: AbC-_123"
    )
    error = as_cloud_error(answered(403, "UnauthorizedOperation", message), "start", "x")
    assert "grant ec2:CreateTags" in error.hint
    assert "decode-authorization-message" in error.hint
    assert "AbC" not in str(error)
    plain = as_cloud_error(answered(403, "UnauthorizedOperation", "no."), "start", "x")
    assert plain.hint == "grant RunInstances in the policy of the user or the role"


def test_an_error_without_words_still_says_something() -> None:
    assert as_cloud_error(answered(400, "Odd"), "start", "x").reason == "Odd: no more was said"
    assert as_cloud_error(OSError(), "start", "x").reason == "OSError"


def test_errors_below_botocore_are_the_network() -> None:
    for below in (ProtocolError("broken"), ConnectionResetError(104, "reset"), ResponseParserError("<html>")):
        with pytest.raises(Unreachable) as caught, translated("look at", "x"):
            raise below
        assert caught.value.__cause__ is below
    with pytest.raises(KeyError), translated("look at", "x"):
        raise KeyError("ours")


def test_the_code_of_an_error() -> None:
    assert code_of(answered(400, "Odd")) == "Odd"
    assert code_of(None) == code_of(OSError()) == ""


def test_asking_again_helps_against_throttling_and_not_against_a_no() -> None:
    pauses: list[int] = []
    answers = itertools.chain([answered(503, "RequestLimitExceeded")] * 3)

    def throttled() -> str:
        for error in answers:
            raise error
        return "here"

    assert ask("look at", "x", throttled, pause=pauses.append) == "here"
    assert pauses == [1, 2, 3]

    def denied() -> str:
        raise answered(403, "UnauthorizedOperation")

    with pytest.raises(CloudDenied):
        ask("look at", "x", denied, pause=pauses.append)
    assert pauses == [1, 2, 3]


def test_asking_ends() -> None:
    pauses: list[int] = []

    def dead() -> str:
        raise ConnectionResetError

    with pytest.raises(Unreachable):
        ask("look at", "x", dead, attempts=3, pause=pauses.append)
    assert pauses == [1, 2]
