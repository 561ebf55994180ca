"""What the beginning of somebody's dump says of it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from restoredrill.model import ServerFacts


@dataclass(frozen=True)
class Seen:
    """What the beginning of a dump says of it. `kind`: custom, directory, tar, plain or cluster; empty: it is
    no dump, and `reason` says what it is. What is not said there is a default; a version 0: not said.
    """

    kind: str
    server: ServerFacts
    client_version: str = ""
    made_at: datetime | None = None  # naive: in the zone of the host that dumped, which is not recorded
    reason: str = ""


Look = Callable[[bytes], Seen]
"""look(beginning): what the first bytes of a dump, unpacked and unsealed, say of it. Never raises."""
