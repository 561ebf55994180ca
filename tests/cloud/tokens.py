"""Client tokens of RunInstances: the same token and parameters never start a second machine."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from tests.cloud.wire import Refused


@dataclass(frozen=True)
class Used:
    """What a token was used for."""

    parameters: str
    reservation: str
    instances: tuple[str, ...]


@dataclass
class Tokens:
    """Tokens by account's region, with what they started."""

    used: dict[tuple[str, str], Used] = field(default_factory=dict)

    def find(self, region: str, token: str, params: dict[str, Any]) -> Used | None:
        """What the token has started. Raises `IdempotentParameterMismatch` for other parameters."""
        known = self.used.get((region, token))
        if known and known.parameters != _digest(params):
            said = "Arguments on this idempotent request are inconsistent with those of previous request(s)."
            raise Refused("IdempotentParameterMismatch", said)
        return known

    def keep(
        self, region: str, token: str, params: dict[str, Any], reservation: str, ids: tuple[str, ...]
    ) -> None:
        self.used[(region, token)] = Used(_digest(params), reservation, ids)


def _digest(params: dict[str, Any]) -> str:
    said = {name: value for name, value in params.items() if name not in ("ClientToken", "DryRun")}
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()
