"""The account, looked at: what of ours is in it, in every region. A look that fails raises; it is never an
empty look.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from restoredrill.aws.errors import translated
from restoredrill.aws.patience import ATTEMPTS, Pause, ask, pause_longer
from restoredrill.aws.session import Reach, client
from restoredrill.machines.ec2 import tags

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

Kind = Literal["instance", "volume", "snapshot", "network interface", "address", "spot request"]
PAGE_ITEMS = 1000  # the most that a page of EC2's holds
FILTER_VALUES = 200  # the most that one filter takes

# What can't be stopped any more, and is paid for no longer.
_GONE: Mapping[Kind, frozenset[str]] = {
    "instance": frozenset({"terminated"}),
    "volume": frozenset({"deleting", "deleted"}),
    "spot request": frozenset({"closed", "cancelled", "failed", "disabled"}),
}
_T = TypeVar("_T")
Filters = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Found:
    """One thing in the account that carries our tag; the lower half is told of instances only."""

    kind: Kind
    id: str
    region: str
    state: str
    tags: Mapping[str, str]
    born_at: datetime | None = None
    type: str = ""
    zone: str = ""
    spot: bool = False
    address: str = ""  # a public one
    code: str = ""  # why it ended: Client.UserInitiatedShutdown
    reason: str = ""
    transition: str = ""  # the same as text, with the time

    @property
    def errand(self) -> str:
        return self.tags.get(tags.ERRAND, "")

    @property
    def gone(self) -> bool:
        return self.state in _GONE.get(self.kind, ())

    def __str__(self) -> str:
        return f"{self.kind} {self.id} ({self.state}) in {self.region}"


@dataclass
class Account:
    """One account of EC2 within reach. Clients are made once a region; any thread may use it."""

    reach: Reach
    pause: Pause = pause_longer
    _clients: dict[str, "EC2Client"] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def regions(self) -> tuple[str, ...]:
        return self.reach.swept

    def ec2(self, region: str) -> "EC2Client":
        """EC2 in one region. It tries nothing twice: `ask` does, or whoever knows better."""
        with self._lock, translated("reach", f"EC2 in {region}"):
            if region not in self._clients:
                self._clients[region] = client("ec2", self.reach, region, attempts=1)
            return self._clients[region]

    def ask(self, operation: str, thing: str, send: Callable[[], _T], attempts: int = ATTEMPTS) -> _T:
        """Send a request, again where that may help. Raises `CloudError`."""
        return ask(operation, thing, send, attempts=attempts, pause=self.pause)

    def instances(
        self, errands: Sequence[str] | None = None, regions: Iterable[str] | None = None
    ) -> tuple[Found, ...]:
        """Machines of these errands, of all if none are given; for an hour or so those that ended, too."""
        found: list[Found] = []
        for region in self.regions if regions is None else regions:
            for filters in _filters(errands):
                found += self._instances(region, filters)
        wanted = None if errands is None else set(errands)
        return tuple(one for one in found if _ours(one) and (wanted is None or one.errand in wanted))

    def instance(self, identity: str) -> Found | None:
        """The machine of this id, whether it carries our tag or not."""
        for region in self.regions:
            for one in self._instances(region, ({"Name": "instance-id", "Values": [identity]},)):
                if one.id == identity:
                    return one
        return None

    def belongings(self, errand: str | None = None) -> tuple[Found, ...]:
        """What there is beside machines of an errand, or of all: volumes, snapshots and so on."""
        (filters,) = _filters(None if errand is None else (errand,))
        found = [
            one
            for region in self.regions
            for kind in _BELONGINGS
            for one in self._belongings(kind, region, filters)
        ]
        wanted = (one for one in found if _ours(one) and not one.gone)
        return tuple(one for one in wanted if errand in (None, one.errand))

    def _belongings(self, kind: Kind, region: str, filters: Filters) -> list[Found]:
        ec2 = self.ec2(region)
        return self.ask("look at", f"{kind}s in {region}", lambda: _BELONGINGS[kind](ec2, region, filters))

    def _instances(self, region: str, filters: Filters) -> list[Found]:
        ec2 = self.ec2(region)
        pages = ec2.get_paginator("describe_instances")

        def look() -> list[Found]:
            listed: Any = pages.paginate(Filters=filters, PaginationConfig={"PageSize": PAGE_ITEMS})  # type: ignore[arg-type]
            return [
                _instance(item, region)
                for page in listed
                for group in page["Reservations"]
                for item in group["Instances"]
            ]

        return self.ask("look at", f"instances in {region}", look)


def _ours(found: Found) -> bool:
    """Asked here again: a server that ignores a filter must not make us touch what is somebody else's."""
    return bool(found.errand)


def _filters(errands: Sequence[str] | None) -> Iterable[Filters]:
    if errands is None:
        return [({"Name": "tag-key", "Values": [tags.ERRAND]},)]
    starts = range(0, len(errands), FILTER_VALUES)
    parts = [list(errands[start : start + FILTER_VALUES]) for start in starts]
    return [({"Name": f"tag:{tags.ERRAND}", "Values": part},) for part in parts]


def _instance(item: Mapping[str, Any], region: str) -> Found:
    reason = item.get("StateReason") or {}
    return Found(
        "instance",
        item["InstanceId"],
        region,
        item["State"]["Name"],
        tags.read(item.get("Tags")),
        item.get("LaunchTime"),
        type=item.get("InstanceType", ""),
        zone=(item.get("Placement") or {}).get("AvailabilityZone", ""),
        spot=item.get("InstanceLifecycle") == "spot",
        address=item.get("PublicIpAddress", ""),
        code=reason.get("Code", ""),
        reason=reason.get("Message", ""),
        transition=item.get("StateTransitionReason", ""),
    )


Look = Callable[["EC2Client", str, Any], list[Found]]


def _pages(ec2: "EC2Client", call: str, key: str, **asked: Any) -> Iterable[Mapping[str, Any]]:
    pages: Any = ec2.get_paginator(call)  # type: ignore[call-overload]
    for page in pages.paginate(**asked, PaginationConfig={"PageSize": PAGE_ITEMS}):
        yield from page[key]


def _volumes(ec2: "EC2Client", region: str, filters: Any) -> list[Found]:
    return [
        Found("volume", v["VolumeId"], region, v["State"], tags.read(v.get("Tags")), v.get("CreateTime"))
        for v in _pages(ec2, "describe_volumes", "Volumes", Filters=filters)
    ]


def _snapshots(ec2: "EC2Client", region: str, filters: Any) -> list[Found]:
    return [
        Found("snapshot", s["SnapshotId"], region, s["State"], tags.read(s.get("Tags")), s.get("StartTime"))
        for s in _pages(ec2, "describe_snapshots", "Snapshots", Filters=filters, OwnerIds=["self"])
    ]


def _interfaces(ec2: "EC2Client", region: str, filters: Any) -> list[Found]:
    return [
        Found("network interface", i["NetworkInterfaceId"], region, i["Status"], tags.read(i.get("TagSet")))
        for i in _pages(ec2, "describe_network_interfaces", "NetworkInterfaces", Filters=filters)
    ]


def _addresses(ec2: "EC2Client", region: str, filters: Any) -> list[Found]:
    return [
        Found(
            "address",
            a.get("AllocationId") or a["PublicIp"],
            region,
            "in-use" if a.get("AssociationId") else "available",
            tags.read(a.get("Tags")),
        )
        for a in ec2.describe_addresses(Filters=filters)["Addresses"]
    ]


def _spot_requests(ec2: "EC2Client", region: str, filters: Any) -> list[Found]:
    return [
        Found(
            "spot request",
            s["SpotInstanceRequestId"],
            region,
            s["State"],
            tags.read(s.get("Tags")),
            s.get("CreateTime"),
        )
        for s in _pages(ec2, "describe_spot_instance_requests", "SpotInstanceRequests", Filters=filters)
    ]


_BELONGINGS: Mapping[Kind, Look] = {
    "volume": _volumes,
    "snapshot": _snapshots,
    "network interface": _interfaces,
    "address": _addresses,
    "spot request": _spot_requests,
}
