"""Who a request is from."""

from dataclasses import dataclass
from typing import Literal

from starlette.requests import HTTPConnection

Role = Literal["read", "run"]
ANYBODY = "anybody"  # on loopback, where reading needs no name


@dataclass(frozen=True)
class Caller:
    """Somebody who may see the dashboard: `run` may change things too."""

    name: str
    role: Role
    address: str  # where the person is, as far as it can be known
    signed_in: bool = False  # by a session of ours, which can be signed out of

    @property
    def may_run(self) -> bool:
        return self.role == "run"


def caller(request: HTTPConnection) -> Caller:
    """Of a request that the gate let through with somebody's name; an error in the program otherwise."""
    found = request.scope["state"]["caller"]
    assert isinstance(found, Caller)
    return found
