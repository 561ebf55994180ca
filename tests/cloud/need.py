"""One thing that a call has to be allowed."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Need:
    """An action on a resource, with the condition keys that are known then."""

    action: str
    resource: str = "*"
    known: dict[str, Any] = field(default_factory=dict)
    request_tags: dict[str, str] = field(default_factory=dict)
    policy: Any = None  # the resource's own
    policy_required: bool = False  # a KMS key's: it has to allow, too
