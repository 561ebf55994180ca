"""A manifest as it lies in the vault: JSON that holds the SHA-256 of itself.

Everything else in a backup is checked against its manifest; nothing but this says that the manifest is as it
was written. The digest is over the content and not over the bytes, so whoever reformats it changes nothing.
Manifests from before there was one have none, and are taken as they are.
"""

import hashlib
import json
from typing import Any, Final

from restoredrill.model import Manifest

_FIELD: Final = "sha256"


def body_of(manifest: Manifest) -> bytes:
    """What is stored."""
    content = json.loads(manifest.model_dump_json(by_alias=True))
    return json.dumps({**content, _FIELD: _digest(content)}, indent=1, ensure_ascii=False).encode()


def parse(body: bytes) -> Manifest:
    """What was stored. Raises `ValueError` with what is wrong with it, without its content (pydantic's
    `ValidationError` is one).
    """
    try:
        content = json.loads(body)
    except ValueError:
        raise ValueError("the document is no JSON") from None
    claimed = content.pop(_FIELD, None) if isinstance(content, dict) else None
    manifest = Manifest.model_validate_json(json.dumps(content))
    if claimed is not None and claimed != _digest(content):
        raise ValueError("it is not what was written: its SHA-256 is another")
    return manifest


def _digest(content: dict[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()
