"""What goes wrong on purpose: capacity that is refused, calls that fail, answers that are lost."""

import fnmatch
from dataclasses import dataclass, field

from tests.cloud.wire import Refused

# HTTP status of AWS's answer. InsufficientInstanceCapacity is a server's error there: botocore's own
# retries apply to it unless they are turned off.
STATUS = {
    "InsufficientInstanceCapacity": 500,
    "InsufficientHostCapacity": 500,
    "InternalError": 500,
    "InternalFailure": 500,
    "Unavailable": 503,
    "ServiceUnavailable": 503,
    "SlowDown": 503,
    "RequestLimitExceeded": 503,
    "UnauthorizedOperation": 403,
    "AccessDenied": 403,
}
CUT = "cut"  # no answer at all: the connection ends


@dataclass
class Refusal:
    """RunInstances is told `code` where all of it matches (shell patterns). `times` None: for ever."""

    code: str = "InsufficientInstanceCapacity"
    type: str = "*"
    zone: str = "*"
    market: str = "*"
    times: int | None = None
    message: str = ""
    seen: int = 0

    def concerns(self, type_: str, zone: str, market: str) -> bool:
        wanted = ((type_, self.type), (zone, self.zone), (market, self.market))
        return self.times != 0 and all(fnmatch.fnmatchcase(value, pattern) for value, pattern in wanted)

    def take(self, type_: str, zone: str) -> Refused:
        """Use it once."""
        self.seen += 1
        if self.times is not None:
            self.times -= 1
        text = self.message or f"We currently do not have what was asked for: {type_} in {zone}."
        if self.code == "InsufficientInstanceCapacity":
            text = (
                f"We currently do not have sufficient {type_} capacity in the Availability Zone you "
                f"requested ({zone}). Our system will be working on provisioning additional capacity."
            )
        return Refused(self.code, text, STATUS.get(self.code, 400))


@dataclass
class Fault:
    """A call of `service` and `action` (shell patterns) fails. `after`: the work is done, the answer lost; a
    call that is refused is none of its business.

    `code` "cut" ends the connection. `key` is a pattern for S3 objects. `times` None: for ever.
    """

    service: str = "*"
    action: str = "*"
    code: str = "InternalError"
    status: int = 500
    times: int | None = 1
    after: bool = False
    delay_s: float = 0.0
    key: str = "*"
    region: str = "*"
    seen: int = 0

    def concerns(self, service: str, action: str, key: str, region: str) -> bool:
        wanted = ((service, self.service), (action, self.action), (key, self.key), (region, self.region))
        return self.times != 0 and all(fnmatch.fnmatchcase(value, pattern) for value, pattern in wanted)

    def take(self) -> None:
        """Use it once."""
        self.seen += 1
        if self.times is not None:
            self.times -= 1

    def put_back(self) -> None:
        """It was not used after all."""
        self.seen -= 1
        if self.times is not None:
            self.times += 1


@dataclass
class Trouble:
    """Everything that was asked to go wrong; earlier entries go first."""

    refusals: list[Refusal] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def refusal(self, type_: str, zone: str, market: str) -> Refused | None:
        for refusal in self.refusals:
            if refusal.concerns(type_, zone, market):
                return refusal.take(type_, zone)
        return None

    def fault(self, service: str, action: str, key: str, region: str) -> Fault | None:
        for fault in self.faults:
            if fault.concerns(service, action, key, region):
                fault.take()
                return fault
        return None
