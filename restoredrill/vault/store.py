"""What a vault's store can do beyond `protocols.Store`: the housekeeping that pruning needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from restoredrill.protocols import Store


@dataclass(frozen=True)
class Unfinished:
    """An upload that is not complete: under way, or left behind. `token` is the store's own name for it."""

    key: str
    touched_at: datetime  # when its newest part arrived
    token: str


class Housekeeping(Protocol):
    """What only pruning asks of a store."""

    def held(self, keys: Sequence[str]) -> tuple[str, ...]:
        """Those of `keys` that are under retention or legal hold now; missing ones are not."""

    def unfinished(self, prefix: str = "") -> tuple[Unfinished, ...]:
        """Uploads that are not complete, of keys that start with `prefix`."""

    def abandon(self, uploads: Sequence[Unfinished]) -> None:
        """Drop them and what they have stored; silent about those that are gone."""


class VaultStore(Store, Housekeeping, Protocol):
    """What `open_store` returns."""
