"""Rungs that were refused, and which others need not be asked for after that. Pure."""

import re
from dataclasses import dataclass

from restoredrill.plan import Rung

# Quotas count the cores of a class of machines in a market ("Running On-Demand Standard (A, C, D, H, I, M,
# R, T, Z) instances", Amazon EC2 quotas), so another type of the class fits only if it is smaller.
_QUOTAS = {
    "MaxSpotInstanceCountExceeded": "spot",
    "SpotInstanceCountExceeded": "spot",
    "VcpuLimitExceeded": None,  # of the market that was asked for
    "InstanceLimitExceeded": None,
}
_STANDARD = frozenset("acdhimrtz")
# No other rung would help: it is the account that is full, or not let in yet.
_HOPELESS = frozenset(
    {"VolumeLimitExceeded", "MaxIOPSLimitExceeded", "NetworkInterfaceLimitExceeded", "PendingVerification"}
)
_SIZE = re.compile(r"\.(\d*)xlarge$")
_SMALL = {"nano": 0.25, "micro": 0.5, "small": 1.0, "medium": 1.0, "large": 2.0}


@dataclass(frozen=True)
class Refusal:
    """What EC2 said to one rung."""

    rung: Rung
    code: str

    def covers(self, other: Rung) -> bool:
        """Would `other` be refused for the same reason?"""
        if self.code in _HOPELESS:
            return True
        if self.code in _QUOTAS:
            market = _QUOTAS[self.code] or self.rung.market
            return other.market == market and self._as_large(other)
        if self.code == "InsufficientFreeAddressesInSubnet":
            return other.subnet == self.rung.subnet
        if self.code == "InsufficientVolumeCapacity":
            return other.zone == self.rung.zone
        same = (other.type, other.zone) == (self.rung.type, self.rung.zone)
        return same and (self.code == "Unsupported" or other.market == self.rung.market)

    def _as_large(self, other: Rung) -> bool:
        return _class(other.type) == _class(self.rung.type) and _cores(other.type) >= _cores(self.rung.type)


def told(rung: Rung) -> str:
    """A rung, for people."""
    return f"{rung.type} {rung.market} in {rung.zone}"


def _class(type_: str) -> str:
    family = re.match(r"[a-z]+", type_)
    letters = family[0] if family else type_
    return "standard" if letters[:1] in _STANDARD and letters not in ("inf", "dl", "hpc", "trn") else letters


def _cores(type_: str) -> float:
    """By the name of its size; a size that is not known counts as the largest."""
    found = _SIZE.search(type_)
    if found:
        return 4.0 * int(found[1] or 1)
    return _SMALL.get(type_.rpartition(".")[2], float("inf"))
