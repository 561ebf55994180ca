"""Whether a call was signed with the secret of its access key (Signature Version 4)."""

import hashlib
import hmac
import re
from typing import Any
from urllib.parse import parse_qs

from ministack.core import sigv4

from tests.cloud.call import Call

_HEADER = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[^/]+/(\d{8})/([^/]+)/([^/]+)/aws4_request,"
    r" ?SignedHeaders=([^,]+), ?Signature=(\w+)"
)


def right(call: Call, secret: str) -> bool:
    """Whether the signature in the header, or in the query of a presigned call, is the one it should be."""
    query = parse_qs(call.environ.get("QUERY_STRING", ""), keep_blank_values=True)
    if found := _HEADER.match(call.environ.get("HTTP_AUTHORIZATION", "")):
        date, region, service, signed, said = found.groups()
        at = call.environ.get("HTTP_X_AMZ_DATE", "")
        digest = call.environ.get("HTTP_X_AMZ_CONTENT_SHA256") or hashlib.sha256(call.body or b"").hexdigest()
    elif "X-Amz-Signature" in query:
        date, region, service = query["X-Amz-Credential"][0].split("/")[1:4]
        signed, said, at = (query[f"X-Amz-{part}"][0] for part in ("SignedHeaders", "Signature", "Date"))
        digest = sigv4.UNSIGNED_PAYLOAD
    else:
        return False
    canonical = sigv4.build_canonical_request(
        call.method, call.path, _headers(call.environ), query, signed, payload_hash=digest
    )
    to_sign = sigv4.build_string_to_sign(at, date, region, service, canonical)
    return hmac.compare_digest(sigv4.calculate_signature(secret, date, region, service, to_sign), said)


def _headers(environ: dict[str, Any]) -> dict[str, str]:
    found = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    found["content-type"] = environ.get("CONTENT_TYPE", "")
    found["content-length"] = environ.get("CONTENT_LENGTH", "")
    return found
