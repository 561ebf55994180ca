"""What AWS publishes and an account may look up: quotas, public parameters, spot prices."""

import fnmatch
import json
from dataclasses import dataclass, field
from typing import Any

from moto.core.utils import utcnow
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS, INSTANCE_TYPES
from werkzeug.wrappers import Response

from tests.cloud import wire
from tests.cloud.call import Call
from tests.cloud.wire import Refused

# vCPUs of the standard families that may run at once.
ON_DEMAND, SPOT = "L-1216C47A", "L-34B43A08"
USD_PER_VCPU = 0.018


def cores(type_: str) -> int:
    """vCPUs of an instance type."""
    return int(INSTANCE_TYPES[type_]["VCpuInfo"]["DefaultVCpus"])


def spot_usd(type_: str, zone: str) -> float:
    """What a spot instance costs an hour; each zone is a little dearer than the one before."""
    return round(cores(type_) * USD_PER_VCPU * (1 + (ord(zone[-1]) - ord("a")) / 20), 4)


@dataclass
class Catalog:
    """`quotas` by code: what is not in it is not known. `parameters`: public ones, by name."""

    quotas: dict[str, int] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)

    def handlers(self) -> dict[tuple[str, str], Any]:
        return {
            ("servicequotas", "GetServiceQuota"): self.quota,
            ("ssm", "GetParameter"): self.parameter,
        }

    def quota(self, call: Call) -> Response | None:
        code = call.params.get("QuotaCode")
        if code not in self.quotas:
            return None
        quota = {"ServiceCode": "ec2", "QuotaCode": code, "Value": float(self.quotas[code]), "Unit": "None"}
        return _json({"Quota": quota})

    def check(self, type_: str, market: str, alive: list[tuple[str, str]]) -> None:
        """Refuse one instance too many; `alive` are type and market of those that live."""
        limit = self.quotas.get(SPOT if market == "spot" else ON_DEMAND)
        if limit is None:
            return
        in_use = sum(cores(one) for one, of in alive if of == market)
        if in_use + cores(type_) <= limit:
            return
        if market == "spot":
            raise Refused("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded")
        said = f"You have requested more vCPU capacity than your current vCPU limit of {limit} allows"
        raise Refused("VcpuLimitExceeded", f"{said} for the instance bucket that the type belongs to.")

    def parameter(self, call: Call) -> Response | None:
        name = str(call.params.get("Name"))
        if name not in self.parameters:
            return None
        arn = f"arn:aws:ssm:{call.region}::parameter{name}"
        found = {"Name": name, "Type": "String", "Value": self.parameters[name], "Version": 1, "ARN": arn}
        return _json({"Parameter": found | {"DataType": "aws:ec2:image"}})

    def spot_prices(self, call: Call) -> Response:
        filters = {entry["Name"]: entry["Values"] for entry in call.params.get("Filters", ())}
        zones = filters.get("availability-zone") or [call.params.get("AvailabilityZone") or "*"]
        types = call.params.get("InstanceTypes") or filters.get("instance-type") or ["*"]
        systems = call.params.get("ProductDescriptions") or filters.get("product-description") or ["*"]
        known = ("Linux/UNIX", "Linux/UNIX (Amazon VPC)")
        history = [
            {
                "InstanceType": offer["InstanceType"],
                "AvailabilityZone": offer["Location"],
                "ProductDescription": "Linux/UNIX",
                "SpotPrice": f"{spot_usd(offer['InstanceType'], offer['Location']):.6f}",
                "Timestamp": utcnow(),
            }
            for offer in INSTANCE_TYPE_OFFERINGS["availability-zone"].get(call.region, ())
            if _any(offer["InstanceType"], types) and _any(offer["Location"], zones)
            if offer["InstanceType"] in INSTANCE_TYPES and any(_any(one, systems) for one in known)
        ]
        return wire.answer("ec2", "DescribeSpotPriceHistory", {"SpotPriceHistory": history})


def _any(value: str, patterns: list[str]) -> bool:
    return any(fnmatch.fnmatchcase(value, pattern) for pattern in patterns)


def _json(body: dict[str, Any]) -> Response:
    return Response(json.dumps(body), content_type="application/x-amz-json-1.1")
