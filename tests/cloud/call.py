"""One request to AWS, read: which service, which action, on what, signed by whom."""

import io
import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from tests.cloud import wire

QUERY_SERVICES = frozenset({"ec2", "iam", "sts", "sns", "cloudformation", "autoscaling"})
DEFAULT_REGION = "us-east-1"


@dataclass
class Call:
    """What was asked. `params` is nested for query and JSON calls; for S3 it is the query string."""

    environ: dict[str, Any]
    method: str
    path: str
    query: dict[str, str]
    service: str = "s3"
    region: str = DEFAULT_REGION
    action: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    body: bytes | None = None  # None: not read (an S3 object streams through)
    access_key: str | None = None
    token: str | None = None
    target: bool = False  # a JSON call, named by X-Amz-Target
    bucket: str = ""
    key: str = ""

    def say(self, params: dict[str, Any]) -> None:
        """Ask for something else instead: the body becomes that of `params` (query protocols only)."""
        said = (
            wire.form(self.service, self.action, params)
            + f"&Action={self.action}&Version={self._version()}".encode()
        )
        self.params = params
        self.body = said
        self.environ["CONTENT_LENGTH"] = str(len(said))
        self.rewind()

    def rewind(self) -> None:
        """Make the body readable (again) for whoever answers."""
        if self.body is not None:
            self.environ["wsgi.input"] = io.BytesIO(self.body)

    def _version(self) -> str:
        return "2016-11-15" if self.service == "ec2" else self.query.get("Version", "")


def read(environ: dict[str, Any]) -> Call:
    """The call in a WSGI environment; its body stays readable."""
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    path = environ.get("PATH_INFO", "/").encode("latin-1").decode("utf-8", "replace")  # as WSGI wants it
    call = Call(environ, environ["REQUEST_METHOD"], path, query)
    _signature(call)
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if call.service != "s3":
        call.body = _body(environ)
        call.rewind()
    if target:
        _json(call, target)
    elif call.service in QUERY_SERVICES:
        _form(call)
    elif call.service == "s3":
        _rest(call)
    else:
        call.action = f"{call.method} {call.path}"
    return call


def _signature(call: Call) -> None:
    scope = ""
    header = call.environ.get("HTTP_AUTHORIZATION", "")
    if found := re.search(r"Credential=([^,\s]+)", header):
        scope = found[1]
    scope = scope or call.query.get("X-Amz-Credential", "")
    if scope.count("/") >= 4:
        call.access_key, _, call.region, call.service, _ = scope.rsplit("/", 4)
    call.token = call.environ.get("HTTP_X_AMZ_SECURITY_TOKEN") or call.query.get("X-Amz-Security-Token")


def _json(call: Call, target: str) -> None:
    call.target = True
    call.action = target.rsplit(".", 1)[-1]
    try:
        call.params = json.loads(call.body or b"{}")
    except ValueError:
        call.params = {}


def _form(call: Call) -> None:
    values = dict(parse_qsl((call.body or b"").decode(), keep_blank_values=True)) or call.query
    call.action = values.get("Action", "")
    try:
        call.params = wire.parameters(call.service, call.action, values)
    except Exception:
        call.params = dict(values)  # an action that no model has: moto will say so


def _rest(call: Call) -> None:
    host = call.environ.get("HTTP_HOST", "")
    if virtual := re.match(r"(.+)\.s3[.-].*amazonaws\.com", host):
        call.bucket, call.key = virtual[1], call.path.lstrip("/")
    else:
        call.bucket, _, call.key = call.path.lstrip("/").partition("/")
    call.params = dict(call.query)
    call.action = s3_action(call)
    if call.action == "DeleteObjects":
        call.body = _body(call.environ)
        call.rewind()


# The sub-resource in the query string that makes another action of a method, on a bucket and on an object.
_BUCKET = {
    "location": "BucketLocation",
    "versioning": "BucketVersioning",
    "policy": "BucketPolicy",
    "policyStatus": "BucketPolicyStatus",
    "object-lock": "ObjectLockConfiguration",
    "encryption": "BucketEncryption",
    "lifecycle": "BucketLifecycleConfiguration",
    "publicAccessBlock": "PublicAccessBlock",
    "tagging": "BucketTagging",
    "acl": "BucketAcl",
}
_OBJECT = {
    "tagging": "ObjectTagging",
    "acl": "ObjectAcl",
    "retention": "ObjectRetention",
    "legal-hold": "ObjectLegalHold",
}
_VERB = {"GET": "Get", "HEAD": "Get", "PUT": "Put", "DELETE": "Delete"}


def s3_action(call: Call) -> str:
    """The name of an S3 call, as its API reference has it."""
    if not call.bucket:
        return "ListBuckets"
    if call.key:
        return _object_action(call)
    for part, name in _BUCKET.items():
        if part in call.query:
            return _VERB.get(call.method, call.method) + name
    if "uploads" in call.query:
        return "ListMultipartUploads"
    if "versions" in call.query:
        return "ListObjectVersions"
    if call.method == "POST":
        return "DeleteObjects"
    return {"GET": "ListObjectsV2", "HEAD": "HeadBucket", "PUT": "CreateBucket"}.get(
        call.method, "DeleteBucket"
    )


def _object_action(call: Call) -> str:
    for part, name in _OBJECT.items():
        if part in call.query:
            return _VERB.get(call.method, call.method) + name
    if "uploads" in call.query:
        return "CreateMultipartUpload"
    if "uploadId" in call.query:
        return {"PUT": "UploadPart", "POST": "CompleteMultipartUpload", "GET": "ListParts"}.get(
            call.method, "AbortMultipartUpload"
        )
    if call.method == "PUT" and "HTTP_X_AMZ_COPY_SOURCE" in call.environ:
        return "CopyObject"
    return {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject"}.get(call.method, "DeleteObject")


def _body(environ: dict[str, Any]) -> bytes:
    size = int(environ.get("CONTENT_LENGTH") or 0)
    read: bytes = environ["wsgi.input"].read(size) if size else b""
    return read
