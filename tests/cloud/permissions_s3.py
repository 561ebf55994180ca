"""What S3's calls have to be allowed."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote
from xml.sax.saxutils import unescape

from moto.s3.models import s3_backends

from tests.cloud.call import Call
from tests.cloud.launch import ACCOUNT
from tests.cloud.need import Need

# Where the action of a policy is called otherwise than the call.
_ACTION = {
    "ListBuckets": "ListAllMyBuckets",
    "ListObjectsV2": "ListBucket",
    "HeadBucket": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListParts": "ListMultipartUploadParts",
    "HeadObject": "GetObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
}
_READS = ("GetObject", "HeadObject")
_WRITES = ("PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "CopyObject")


def needed(call: Call) -> Iterator[Need]:
    bucket = find_bucket(call.bucket)
    policy = policy_of(bucket)
    action = _ACTION.get(call.action, call.action)
    if call.key and call.query.get("versionId") and action in ("GetObject", "DeleteObject"):
        action += "Version"
    if call.action == "DeleteObjects":
        for key, version in batch(call):
            verb = "DeleteObjectVersion" if version else "DeleteObject"
            yield Need(f"s3:{verb}", f"arn:aws:s3:::{call.bucket}/{key}", policy=policy)
        return
    resource = f"arn:aws:s3:::{call.bucket}" + (f"/{call.key}" if call.key else "") if call.bucket else "*"
    yield Need(f"s3:{action}", resource, _known(call), policy=policy)
    yield from _more(call, resource, policy)
    yield from _keys(call, bucket)


def find_bucket(name: str) -> Any:
    """moto's bucket; None: there is none."""
    return s3_backends[ACCOUNT]["aws"].buckets.get(name) if name else None


def policy_of(bucket: Any) -> str | None:
    """The bucket's own policy. It is kept beside moto's: moto would judge by it, without its conditions."""
    kept: str | None = getattr(bucket, "own_policy", None)
    return kept


def may_list(call: Call) -> Need:
    """What has to be allowed for a missing object to be told as missing instead of as denied."""
    policy = policy_of(find_bucket(call.bucket))
    return Need("s3:ListBucket", f"arn:aws:s3:::{call.bucket}", policy=policy)


def batch(call: Call) -> list[tuple[str, str]]:
    """Key and version of each object that DeleteObjects names."""
    text = (call.body or b"").decode()
    found = []
    for part in re.findall(r"<Object>(.*?)</Object>", text, re.DOTALL):
        key, version = re.search(r"<Key>(.*?)</Key>", part, re.DOTALL), re.search(r"<VersionId>(.*?)<", part)
        found.append((unescape(key[1]) if key else "", version[1] if version else ""))
    return found


def _known(call: Call) -> dict[str, Any]:
    known: dict[str, Any] = {}
    if not call.key:
        for name in ("prefix", "delimiter", "max-keys"):
            if name in call.query or (name == "prefix" and call.action.startswith("List") and call.bucket):
                known[f"s3:{name}"] = call.query.get(name, "")
    for name, value in call.environ.items():
        if name.startswith("HTTP_X_AMZ_") and "META" not in name:
            known[f"s3:{name.removeprefix('HTTP_').replace('_', '-').lower()}"] = value
    for name in ("if-none-match", "if-match"):
        if (value := call.environ.get(f"HTTP_{name.replace('-', '_').upper()}")) is not None:
            known[f"s3:{name}"] = value
    if version := call.query.get("versionId"):
        known["s3:VersionId"] = version
    return known


def _more(call: Call, resource: str, policy: Any) -> Iterator[Need]:
    """What a call needs beside its own action."""
    source = call.environ.get("HTTP_X_AMZ_COPY_SOURCE")
    if source:
        of = unquote(source).lstrip("/").partition("?")[0]
        yield Need(
            "s3:GetObject", f"arn:aws:s3:::{of}", policy=policy if of.startswith(f"{call.bucket}/") else None
        )
    extra = {"HTTP_X_AMZ_TAGGING": "PutObjectTagging", "HTTP_X_AMZ_OBJECT_LOCK_MODE": "PutObjectRetention"}
    for header, action in extra.items():
        if header in call.environ:
            yield Need(f"s3:{action}", resource, policy=policy)


def _keys(call: Call, bucket: Any) -> Iterator[Need]:
    """The KMS key of an object that is read or written."""
    from tests.cloud.permissions import key_need

    context = {"aws:s3:arn": f"arn:aws:s3:::{call.bucket}/{call.key}"}
    if bucket is None or not call.key:
        return
    if call.action in _WRITES and (key := _writing_key(call, bucket)):
        yield key_need("kms:GenerateDataKey", key, call.region, "s3", context)
        if call.action != "PutObject":
            yield key_need("kms:Decrypt", key, call.region, "s3", context)
    if call.action in _READS:
        found = (
            s3_backends[ACCOUNT]["aws"].head_object(call.bucket, call.key)
            if call.key in bucket.keys
            else None
        )
        if found is not None and found.encryption == "aws:kms" and found.kms_key_id:
            yield key_need("kms:Decrypt", found.kms_key_id, call.region, "s3", context)


def _writing_key(call: Call, bucket: Any) -> str | None:
    if said := call.environ.get("HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION_AWS_KMS_KEY_ID"):
        return str(said)
    rules = (bucket.encryption or {}).get("Rule", {})
    rule = rules[0] if isinstance(rules, list) and rules else rules
    applied = rule.get("ApplyServerSideEncryptionByDefault", {}) if isinstance(rule, dict) else {}
    key = applied.get("KMSMasterKeyID")
    return str(key) if key and applied.get("SSEAlgorithm") == "aws:kms" else None
