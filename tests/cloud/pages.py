"""Answers in pages, as AWS gives them: moto gives everything at once and ignores what was asked."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from werkzeug.wrappers import Response

from tests.cloud.call import Call
from tests.cloud.wire import Refused

NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15"  # without the slash that AWS has: moto's
# The list in each answer, and how long a page is where nobody says so (0: everything).
PAGED = {
    "DescribeImages": ("imagesSet", 0),
    "DescribeInstanceStatus": ("instanceStatusSet", 0),
    "DescribeInstanceTypeOfferings": ("instanceTypeOfferingSet", 0),
    "DescribeInstanceTypes": ("instanceTypeSet", 100),
    "DescribeInstances": ("reservationSet", 0),
    "DescribeLaunchTemplates": ("launchTemplates", 0),
    "DescribeNetworkInterfaces": ("networkInterfaceSet", 0),
    "DescribeRouteTables": ("routeTableSet", 0),
    "DescribeSecurityGroups": ("securityGroupInfo", 0),
    "DescribeSnapshots": ("snapshotSet", 0),
    "DescribeSpotInstanceRequests": ("spotInstanceRequestSet", 0),
    "DescribeSpotPriceHistory": ("spotPriceHistorySet", 0),
    "DescribeSubnets": ("subnetSet", 0),
    "DescribeTags": ("tagSet", 0),
    "DescribeVolumes": ("volumeSet", 0),
    "DescribeVpcEndpoints": ("vpcEndpointSet", 0),
}
ElementTree.register_namespace("", NAMESPACE)


@dataclass
class Pages:
    """`size` makes every page that short, whatever was asked: AWS may give less than one asks for."""

    size: int | None = None
    rest: dict[str, tuple[str, ElementTree.Element, list[ElementTree.Element]]] = field(default_factory=dict)

    def paged(self, answer: Callable[[Call], Response | None]) -> Callable[[Call], Response]:
        """`answer`, a page at a time."""

        def page(call: Call) -> Response:
            asked = int(call.params.get("MaxResults") or 0)
            _check(call, asked)
            name, usual = PAGED[call.action]
            size = (
                min(one for one in (asked, usual, self.size or 0) if one)
                if asked or usual or self.size
                else 0
            )
            if token := call.params.get("NextToken"):
                return self._next(call, str(token), size)
            whole = _whole(call, answer)
            if not size or whole.status_code != 200:
                return whole
            root = ElementTree.fromstring(whole.get_data())  # noqa: S314 - moto's own answer
            found = root.find(f"{{{NAMESPACE}}}{name}")
            items = list(found) if found is not None else []
            if len(items) <= size:
                return whole
            return self._cut(call, root, items, size)

        return page

    def _next(self, call: Call, token: str, size: int) -> Response:
        action, root, items = self.rest.get(token, ("", None, []))
        if root is None or action != call.action:
            raise Refused("InvalidNextToken", "The specified token is invalid")
        return self._cut(call, root, items, size or len(items))

    def _cut(self, call: Call, root: ElementTree.Element, items: list[Any], size: int) -> Response:
        name, _ = PAGED[call.action]
        found = root.find(f"{{{NAMESPACE}}}{name}")
        assert found is not None
        found[:] = items[:size]
        for old in root.findall(f"{{{NAMESPACE}}}nextToken"):
            root.remove(old)
        if rest := items[size:]:
            token = secrets.token_urlsafe(24)
            self.rest[token] = (call.action, root, rest)
            ElementTree.SubElement(root, f"{{{NAMESPACE}}}nextToken").text = token
        return Response(ElementTree.tostring(root, "utf-8"), content_type="text/xml")


def _check(call: Call, asked: int) -> None:
    if asked and asked < 5:
        said = f"Value ( {asked} ) for parameter maxResults is invalid. Expecting a value greater than 5."
        raise Refused("InvalidParameterValue", said)
    if asked and any(call.params.get(name) for name in ("InstanceIds", "VolumeIds", "SnapshotIds")):
        said = "The parameter for ids cannot be used with the parameter maxResults"
        raise Refused("InvalidParameterCombination", said)


def _whole(call: Call, answer: Callable[[Call], Response | None]) -> Response:
    params = {name: value for name, value in call.params.items() if name not in ("MaxResults", "NextToken")}
    if call.action == "DescribeInstances" and not call.params.get("InstanceIds"):
        params["MaxResults"] = 1_000_000  # moto would begin a page of its own after 100
    if params != call.params:
        call.say(params)
    whole = answer(call)
    assert whole is not None
    return whole
