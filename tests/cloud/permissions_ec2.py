"""What EC2's calls have to be allowed."""

from collections.abc import Iterator
from typing import Any

from moto.ec2.models import ec2_backends

from tests.cloud import launch
from tests.cloud.call import Call
from tests.cloud.launch import ACCOUNT
from tests.cloud.need import Need

# Which resource a parameter names.
_NAMED = {
    "InstanceId": "instance",
    "InstanceIds": "instance",
    "VolumeId": "volume",
    "VolumeIds": "volume",
    "SnapshotId": "snapshot",
    "NetworkInterfaceId": "network-interface",
    "AllocationId": "elastic-ip",
    "GroupId": "security-group",
    "SubnetId": "subnet",
    "VpcId": "vpc",
    "ImageId": "image",
    "LaunchTemplateId": "launch-template",
    "SpotInstanceRequestIds": "spot-instances-request",
    "RouteTableId": "route-table",
}
_BY_PREFIX = {
    "i": "instance",
    "vol": "volume",
    "snap": "snapshot",
    "eni": "network-interface",
    "eipalloc": "elastic-ip",
    "sg": "security-group",
    "subnet": "subnet",
    "vpc": "vpc",
    "ami": "image",
    "lt": "launch-template",
    "sir": "spot-instances-request",
    "rtb": "route-table",
}
_NOBODYS = ("image", "snapshot")  # their ARNs name no account


def arn(region: str, kind: str, identity: str = "*") -> str:
    """The ARN of something in EC2."""
    return f"arn:aws:ec2:{region}:{'' if kind in _NOBODYS else ACCOUNT}:{kind}/{identity}"


def needed(call: Call) -> Iterator[Need]:
    if call.action == "RunInstances":
        yield from _run(call)
    elif call.action.startswith("Describe"):
        yield Need(f"ec2:{call.action}")  # no describing call knows resources
    elif call.action in ("CreateTags", "DeleteTags"):
        yield from _tags(call)
    else:
        named = list(_named(call))
        yield from named or _created(call)


def _named(call: Call) -> Iterator[Need]:
    for name, kind in _NAMED.items():
        said = call.params.get(name)
        for identity in said if isinstance(said, list) else [said] if said else ():
            known = {"ec2:Region": call.region} | _resource_tags(call.region, str(identity))
            yield Need(f"ec2:{call.action}", arn(call.region, kind, str(identity)), known)


def _created(call: Call) -> Iterator[Need]:
    """A call that makes something: the kind is in its name (CreateVolume)."""
    tags = {entry["ResourceType"]: _of(entry) for entry in call.params.get("TagSpecifications", ())}
    yield Need(f"ec2:{call.action}", "*", {"ec2:Region": call.region}, next(iter(tags.values()), {}))


def _tags(call: Call) -> Iterator[Need]:
    tags = {tag["Key"]: tag.get("Value", "") for tag in call.params.get("Tags", ())}
    for identity in call.params.get("Resources", ()):
        kind = _BY_PREFIX.get(str(identity).partition("-")[0], "*")
        known = _resource_tags(call.region, str(identity))
        yield Need(f"ec2:{call.action}", arn(call.region, kind, str(identity)), known, tags)


def _resource_tags(region: str, identity: str) -> dict[str, str]:
    """What is known of an existing resource: its tags."""
    tags = ec2_backends[ACCOUNT][region].tags.get(identity) or {}
    found = {f"aws:ResourceTag/{key}": value for key, value in tags.items()}
    return found | {f"ec2:ResourceTag/{key}": value for key, value in tags.items()}


# RunInstances -----------------------------------------------------------------------------------------------


def _run(call: Call) -> Iterator[Need]:
    ec2 = ec2_backends[ACCOUNT][call.region]
    asked = launch.effective(ec2, call.params)
    tags = {entry["ResourceType"]: _of(entry) for entry in asked.get("TagSpecifications", ())}
    for kind, identity, known in (*_made(ec2, asked), *_used(ec2, asked, call.params)):
        fresh = identity == "*"
        of = {"ec2:Region": call.region} | known | ({} if fresh else _resource_tags(call.region, identity))
        yield Need(
            "ec2:RunInstances", arn(call.region, kind, identity), of, tags.get(kind, {}) if fresh else {}
        )
    for kind, given in tags.items():
        known = {"ec2:CreateAction": "RunInstances", "ec2:Region": call.region}
        yield Need("ec2:CreateTags", arn(call.region, kind), known, given)
    yield from _passed(call, asked)


def _passed(call: Call, asked: dict[str, Any]) -> Iterator[Need]:
    """The role that is handed to the machine."""
    found = launch.profile(asked)
    for role in found.roles if found else ():
        to = {"iam:PassedToService": "ec2.amazonaws.com"}
        yield Need(
            "iam:PassRole", str(role.arn), to | {"iam:AssociatedResourceArn": arn(call.region, "instance")}
        )


def _made(ec2: Any, asked: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    where, market, options = launch.zone(ec2, asked), launch.market(asked), asked.get("MetadataOptions", {})
    instance = {
        "ec2:InstanceType": asked.get("InstanceType", "m1.small"),
        "ec2:InstanceMarketType": market,
        "ec2:AvailabilityZone": where,
        "ec2:Tenancy": "default",
        "ec2:RootDeviceType": "ebs",
        "ec2:EbsOptimized": str(bool(asked.get("EbsOptimized"))).lower(),
        "ec2:MetadataHttpTokens": options.get("HttpTokens", "optional"),
        "ec2:MetadataHttpEndpoint": options.get("HttpEndpoint", "enabled"),
        "ec2:MetadataHttpPutResponseHopLimit": str(options.get("HttpPutResponseHopLimit", 1)),
    }
    if found := launch.profile(asked):
        instance["ec2:InstanceProfile"] = found.arn
    yield "instance", "*", instance
    for volume in _volumes(asked):
        yield "volume", "*", volume | {"ec2:AvailabilityZone": where}
    interface = {"ec2:AvailabilityZone": where, **_network(ec2, asked)}
    public = launch.primary_interface(asked).get("AssociatePublicIpAddress")
    if public is not None:
        interface["ec2:AssociatePublicIpAddress"] = str(public is True or public == "true").lower()
    yield "network-interface", "*", interface
    if market == "spot":
        yield "spot-instances-request", "*", {}


# What a mapping says of a volume, what conditions call it, and what it is where nothing is said.
_OF_VOLUME: dict[str, tuple[str, str | None]] = {
    "VolumeSize": ("VolumeSize", "8"),
    "VolumeType": ("VolumeType", "gp2"),
    "Iops": ("VolumeIops", None),
    "Throughput": ("VolumeThroughput", None),
    "KmsKeyId": ("KmsKeyId", None),
}


def _volumes(asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for mapping in asked.get("BlockDeviceMappings") or [{"Ebs": {}}]:
        ebs = mapping.get("Ebs", {})
        said = {"ec2:Encrypted": str(ebs.get("Encrypted") in (True, "true")).lower()}
        for name, (key, otherwise) in _OF_VOLUME.items():
            if (value := ebs.get(name, otherwise)) is not None:
                said[f"ec2:{key}"] = str(value)
        yield said


def _used(
    ec2: Any, asked: dict[str, Any], params: dict[str, Any]
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    if image := ec2.amis.get(asked.get("ImageId")):
        known = {"ec2:Owner": image.owner_id, "ec2:ImageType": "machine", "ec2:RootDeviceType": "ebs"}
        yield (
            "image",
            image.id,
            known | {"ec2:ImageID": image.id, "ec2:Public": str(bool(image.is_public)).lower()},
        )
    else:
        yield "image", str(asked.get("ImageId", "*")), {}
    if subnet := launch.subnet_id(asked):
        yield "subnet", subnet, {"ec2:SubnetID": subnet, **_network(ec2, asked)}
    for group in launch.group_ids(asked):
        yield "security-group", group, {"ec2:SecurityGroupID": group, **_network(ec2, asked)}
    if asked.get("KeyName"):
        yield "key-pair", str(asked["KeyName"]), {}
    if reference := params.get("LaunchTemplate"):
        yield "launch-template", launch.template_version(ec2, reference).template.id, {}


def _network(ec2: Any, asked: dict[str, Any]) -> dict[str, str]:
    identity = launch.subnet_id(asked)
    found = next((by_zone[identity] for by_zone in ec2.subnets.values() if identity in by_zone), None)
    if found is None:
        return {}
    region = ec2.region_name
    return {"ec2:Vpc": arn(region, "vpc", found.vpc_id), "ec2:Subnet": arn(region, "subnet", found.id)}


def _of(entry: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag.get("Value", "") for tag in entry.get("Tags", ())}


def keys(call: Call) -> list[str]:
    """The KMS keys that the machine's volumes would be sealed with."""
    asked = launch.effective(ec2_backends[ACCOUNT][call.region], call.params)
    mappings = asked.get("BlockDeviceMappings", ())
    return [str(key) for one in mappings if (key := one.get("Ebs", {}).get("KmsKeyId"))]


def exists(call: Call) -> bool:
    """Whether every instance that a call names is there: EC2 says so before it says that one may not."""
    ec2 = ec2_backends[ACCOUNT][call.region]
    named = call.params.get("InstanceIds") or [call.params.get("InstanceId")]
    return all(ec2.get_instance_by_id(identity) is not None for identity in named if identity)
