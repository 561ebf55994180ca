"""Who calls: a key of the account, the user or role behind it, its policies, and whether it signed itself."""

import hmac
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from ministack.core.iam_evaluator import ParsedStatement, parse_policy_document
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from tests.cloud.call import Call
from tests.cloud.wire import Refused

_UNKNOWN = {"ec2": "AuthFailure", "s3": "InvalidAccessKeyId"}


@dataclass(frozen=True)
class Principal:
    """A user or a role's session. `policies` are those that say what it may."""

    arn: str
    kind: str  # User, AssumedRole
    policies: tuple[list[ParsedStatement], ...]


def principal(call: Call, account: str) -> Principal:
    """Whose key signed the call. Raises `Refused` for an unknown key and for a wrong secret."""
    known = _user(call, account) or _session(call, account)
    if known is None:
        code = _UNKNOWN.get(call.service, "InvalidClientTokenId")
        raise Refused(code, "The AWS Access Key Id you provided does not exist in our records.", 403)
    found, secret = known
    if not hmac.compare_digest(_signature(call, secret), _signed(call)):
        said = "The request signature we calculated does not match the signature you provided."
        raise Refused("SignatureDoesNotMatch", said, 403)
    return found


def _user(call: Call, account: str) -> tuple[Principal, str] | None:
    iam = iam_backends[account]["aws"]
    for user in list(iam.users.values()):
        for key in user.access_keys:
            if key.access_key_id == call.access_key:
                return Principal(user.arn, "User", _policies(user)), key.secret_access_key
    return None


def _session(call: Call, account: str) -> tuple[Principal, str] | None:
    for session in list(sts_backends[account]["aws"].assumed_roles):
        if session.access_key_id == call.access_key and session.session_token == call.token:
            role = iam_backends[account]["aws"].get_role_by_arn(session.role_arn)
            found = Principal(session.arn, "AssumedRole", _policies(role))
            return found, session.secret_access_key
    return None


def _policies(owner: Any) -> tuple[list[ParsedStatement], ...]:
    managed = [policy.document for policy in owner.managed_policies.values()]
    return tuple(parse_policy_document(document) for document in [*owner.policies.values(), *managed])


def _signed(call: Call) -> str:
    header = call.environ.get("HTTP_AUTHORIZATION", "")
    return header.rpartition("Signature=")[2] or call.query.get("X-Amz-Signature", "")


def _signature(call: Call, secret: str) -> str:
    """The signature that `secret` would have made (Signature Version 4, in the header)."""
    environ = call.environ
    header = environ.get("HTTP_AUTHORIZATION", "")
    if "SignedHeaders=" not in header:
        return _signed(call)  # a presigned URL: none is used here
    names = header.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    headers = {name: _header(environ, name) for name in names}
    raw = environ.get("RAW_URI") or environ.get("REQUEST_URI") or ""
    path = raw.partition("?")[0] or quote(call.path, safe="/-_.~")
    query = urlencode(sorted(call.query.items()), quote_via=quote)
    url = f"http://{environ.get('HTTP_HOST', '')}{path}" + (f"?{query}" if query else "")
    request = AWSRequest(method=call.method, url=url, headers=headers, data=call.body or b"")
    request.context["timestamp"] = environ.get("HTTP_X_AMZ_DATE", "")
    kind = S3SigV4Auth if call.service == "s3" else SigV4Auth
    auth = kind(Credentials(call.access_key or "", secret, call.token), call.service, call.region)
    asked = auth.canonical_request(request)
    return str(auth.signature(auth.string_to_sign(request, asked), request))


def _header(environ: dict[str, Any], name: str) -> str:
    plain = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}
    return str(environ.get(plain.get(name, f"HTTP_{name.upper().replace('-', '_')}"), ""))
