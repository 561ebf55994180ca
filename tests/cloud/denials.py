"""How each service says no, in its own words."""

from tests.cloud.call import Call
from tests.cloud.need import Need
from tests.cloud.wire import Refused


def denied(call: Call, who: str, need: Need) -> Refused:
    """May not."""
    said = f"User: {who} is not authorized to perform: {need.action} on resource: {need.resource}"
    if call.service == "ec2":
        return Refused(
            "UnauthorizedOperation", f"You are not authorized to perform this operation. {said}", 403
        )
    if call.target:
        return Refused("AccessDeniedException", said, 400)
    return Refused("AccessDenied", said, 403)


def anonymous(call: Call) -> Refused:
    """Has not signed."""
    if call.service == "s3":
        return Refused("AccessDenied", "Access Denied", 403)
    code = "MissingAuthenticationTokenException" if call.target else "MissingAuthenticationToken"
    return Refused(code, "Request is missing Authentication Token", 403)


def unknown(call: Call) -> Refused:
    """Nobody's key, or a session's key without its token."""
    if call.service == "ec2":
        return Refused("AuthFailure", "AWS was not able to validate the provided access credentials", 401)
    if call.service == "s3":
        return Refused("InvalidAccessKeyId", "The AWS Access Key Id you provided is not in our records.", 403)
    said = "The security token included in the request is invalid."
    if call.target:
        return Refused("UnrecognizedClientException", said, 400)
    return Refused("InvalidClientTokenId", said, 403)


def wrong(call: Call) -> Refused:
    """Signed with another secret."""
    if call.service == "ec2":  # makes no difference between a key and a secret
        return unknown(call)
    said = "The request signature we calculated does not match the signature you provided."
    if call.target:
        return Refused("InvalidSignatureException", said, 400)
    return Refused("SignatureDoesNotMatch", said, 403)


def expired(call: Call) -> Refused:
    """The session is over."""
    if call.service == "ec2":
        return Refused("RequestExpired", "Request has expired.", 400)
    said = "The security token included in the request is expired"
    if call.target:
        return Refused("ExpiredTokenException", said, 400)
    return Refused("ExpiredToken", said, 400 if call.service == "s3" else 403)
