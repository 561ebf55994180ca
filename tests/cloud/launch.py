"""RunInstances as AWS documents it: template and call merged, every reference checked, every field kept."""

import base64
import binascii
import copy
import re
from typing import Any

from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS, INSTANCE_TYPES
from moto.iam.models import iam_backends

from tests.cloud import catalog
from tests.cloud.wire import Refused

ACCOUNT = "123456789012"
# Tag keys that fit into a path of the metadata service.
_IN_METADATA = re.compile(r"[0-9a-zA-Z\-_+=,.@:]{1,255}")
USER_DATA_LIMIT = 16 * 1024


def effective(ec2: Any, params: dict[str, Any]) -> dict[str, Any]:
    """What is asked for once the launch template is filled in: the call's own words win, tags add up."""
    reference = params.get("LaunchTemplate")
    asked = {name: value for name, value in params.items() if name != "LaunchTemplate"}
    if not reference:
        return asked
    template = copy.deepcopy(template_version(ec2, reference).data)
    merged = {**template, **asked}
    for name in ("MetadataOptions", "Placement", "Monitoring"):
        if name in template and name in asked:
            merged[name] = {**template[name], **asked[name]}
    for name, key in (("TagSpecifications", "ResourceType"), ("BlockDeviceMappings", "DeviceName")):
        if name in template and name in asked:
            taken = {entry.get(key) for entry in asked[name]}
            merged[name] = [*asked[name], *(entry for entry in template[name] if entry.get(key) not in taken)]
    return merged


def template_version(ec2: Any, reference: dict[str, Any]) -> Any:
    """The version of a launch template that a call means."""
    identity, name = reference.get("LaunchTemplateId"), reference.get("LaunchTemplateName")
    known = ec2.launch_templates.get(identity or ec2.launch_template_name_to_ids.get(name))
    if known is None and identity:
        raise Refused(
            "InvalidLaunchTemplateId.NotFound", f"The launch template ID '{identity}' does not exist"
        )
    if known is None:
        said = f"The specified launch template, with template name {name}, does not exist"
        raise Refused("InvalidLaunchTemplateName.NotFoundException", said)
    version = reference.get("Version") or "$Default"
    number = {"$Default": known.default_version_number, "$Latest": known.versions[-1].number}.get(
        version, version
    )
    for candidate in known.versions:
        if str(candidate.number) == str(number):
            return candidate
    said = f"Could not find launch template version {version} for launch template {known.id}"
    raise Refused("InvalidLaunchTemplateId.VersionNotFound", said)


def primary_interface(asked: dict[str, Any]) -> dict[str, Any]:
    """The network interface that is spelt out for device 0, or nothing."""
    for interface in asked.get("NetworkInterfaces", ()):
        if int(interface.get("DeviceIndex", 0)) == 0:
            found: dict[str, Any] = interface
            return found
    return {}


def subnet_id(asked: dict[str, Any]) -> str | None:
    """The subnet of the machine, wherever it was named."""
    return asked.get("SubnetId") or primary_interface(asked).get("SubnetId")


def group_ids(asked: dict[str, Any]) -> list[str]:
    """The security groups, wherever they were named."""
    return list(asked.get("SecurityGroupIds") or primary_interface(asked).get("Groups") or ())


def market(asked: dict[str, Any]) -> str:
    """`spot` or `on-demand`."""
    return "spot" if asked.get("InstanceMarketOptions", {}).get("MarketType") == "spot" else "on-demand"


def zone(ec2: Any, asked: dict[str, Any]) -> str:
    """The zone that the machine would stand in."""
    if identity := subnet_id(asked):
        return str(ec2.get_subnet(identity).availability_zone)
    return str(asked.get("Placement", {}).get("AvailabilityZone") or f"{ec2.region_name}a")


def profile(asked: dict[str, Any]) -> Any:
    """moto's instance profile that the machine would get, or None. Raises where there is no such thing."""
    wanted = asked.get("IamInstanceProfile") or {}
    if not wanted:
        return None
    for known in iam_backends[ACCOUNT]["aws"].instance_profiles.values():
        if known.name == wanted.get("Name") or known.arn == wanted.get("Arn"):
            return known
    kind, value = next(iter(wanted.items()))
    said = f"Value ({value}) for parameter iamInstanceProfile.{kind.lower()} is invalid. "
    said += f"Invalid IAM Instance Profile {kind.lower()}"
    raise Refused("InvalidParameterValue", said)


def check(ec2: Any, asked: dict[str, Any]) -> None:
    """Refuse what AWS refuses before it looks for room."""
    _combinations(asked)
    image = _image(ec2, asked.get("ImageId"))
    _type(asked.get("InstanceType", "m1.small"), image)
    subnet = _subnet(ec2, subnet_id(asked))
    _groups(ec2, group_ids(asked), subnet)
    profile(asked)
    _user_data(asked.get("UserData"))
    _tag_names(asked)
    _spot_price(asked, zone(ec2, asked))
    _offered(ec2, asked)


def _combinations(asked: dict[str, Any]) -> None:
    if asked.get("NetworkInterfaces") and (asked.get("SubnetId") or asked.get("SecurityGroupIds")):
        what = "subnet ID" if asked.get("SubnetId") else "security groups"
        said = f"Network interfaces and an instance-level {what} may not be specified on the same request"
        raise Refused("InvalidParameterCombination", said)
    behaviour = asked.get("InstanceInitiatedShutdownBehavior", "stop")
    if behaviour not in ("stop", "terminate"):
        raise Refused(
            "InvalidParameterValue",
            f"Value ({behaviour}) for parameter instanceInitiatedShutdownBehavior is invalid.",
        )
    if not asked.get("ImageId"):
        raise Refused("MissingParameter", "The request must contain the parameter ImageId")


def _image(ec2: Any, identity: Any) -> Any:
    if not str(identity).startswith("ami-"):
        raise Refused("InvalidAMIID.Malformed", f'Invalid id: "{identity}" (expecting "ami-...")')
    image = ec2.amis.get(identity)
    if image is None:
        raise Refused("InvalidAMIID.NotFound", f"The image id '[{identity}]' does not exist")
    return image


def _type(name: str, image: Any) -> None:
    known = INSTANCE_TYPES.get(name)
    if known is None:
        raise Refused("InvalidParameterValue", f"Invalid value '{name}' for InstanceType.")
    fits = known.get("ProcessorInfo", {}).get("SupportedArchitectures", ())
    if image.architecture and image.architecture not in fits:
        said = (
            f"The architecture '{','.join(fits)}' of the specified instance type does not match the "
            f"architecture '{image.architecture}' of the specified AMI. Specify an instance type and an AMI "
            "that have matching architectures, and try again."
        )
        raise Refused("InvalidParameterValue", said)


def _subnet(ec2: Any, identity: str | None) -> Any:
    if identity is None:
        return None
    for by_zone in ec2.subnets.values():
        if identity in by_zone:
            return by_zone[identity]
    raise Refused("InvalidSubnetID.NotFound", f"The subnet ID '{identity}' does not exist")


def _groups(ec2: Any, identities: list[str], subnet: Any) -> None:
    for identity in identities:
        group = ec2.get_security_group_from_id(identity)
        if group is None:
            raise Refused("InvalidGroup.NotFound", f"The security group '{identity}' does not exist")
        if subnet is not None and group.vpc_id != subnet.vpc_id:
            said = f"Security group {identity} and subnet {subnet.id} belong to different networks."
            raise Refused("InvalidParameter", said)


def _user_data(encoded: Any) -> None:
    if encoded is None:
        return
    try:
        plain = base64.b64decode(str(encoded), validate=True)
    except (binascii.Error, ValueError):
        raise Refused("InvalidParameterValue", "Invalid BASE64 encoding of user data.") from None
    if len(plain) > USER_DATA_LIMIT:
        raise Refused("InvalidParameterValue", f"User data is limited to {USER_DATA_LIMIT} bytes")


def _tag_names(asked: dict[str, Any]) -> None:
    in_metadata = asked.get("MetadataOptions", {}).get("InstanceMetadataTags") == "enabled"
    for entry in asked.get("TagSpecifications", ()):
        tags = entry.get("Tags", ())
        if len(tags) > 50:
            raise Refused("TagLimitExceeded", "You have reached the maximum number of tags: 50")
        for tag in tags:
            _tag_name(tag.get("Key", ""), tag.get("Value", ""))
            if in_metadata and entry["ResourceType"] == "instance" and not _IN_METADATA.fullmatch(tag["Key"]):
                said = f"'{tag['Key']}' is not a valid tag key. Tag keys must match ({_IN_METADATA.pattern})"
                raise Refused("InvalidParameterValue", said)


def _tag_name(name: str, value: str) -> None:
    if name.lower().startswith("aws:"):
        said = f"Tag keys starting with 'aws:' are reserved for internal use: {name}"
        raise Refused("InvalidParameterValue", said)
    if not 0 < len(name) <= 128 or len(value) > 256:
        raise Refused("InvalidParameterValue", f"Tag key or value exceeds the maximum length: {name}")


def _spot_price(asked: dict[str, Any], where: str) -> None:
    most = asked.get("InstanceMarketOptions", {}).get("SpotOptions", {}).get("MaxPrice")
    if market(asked) != "spot" or most is None:
        return
    least = catalog.spot_usd(asked.get("InstanceType", "m1.small"), where)
    if float(most) < least:
        said = f"Your Spot request price of {most} is lower than the minimum required Spot request"
        raise Refused("SpotMaxPriceTooLow", f"{said} fulfillment price of {least}.")


def _offered(ec2: Any, asked: dict[str, Any]) -> None:
    name, where = asked.get("InstanceType", "m1.small"), zone(ec2, asked)
    offers = INSTANCE_TYPE_OFFERINGS["availability-zone"].get(ec2.region_name, ())
    if not any(offer["InstanceType"] == name and offer["Location"] == where for offer in offers):
        said = (
            f"Your requested instance type ({name}) is not supported in your requested Availability Zone "
            f"({where}). Please retry your request by choosing another Availability Zone."
        )
        raise Refused("Unsupported", said)


def for_moto(ec2: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """The call as moto understands it: what it would drop is put in afterwards, by `finish`."""
    said = {
        name: value
        for name, value in asked.items()
        if name not in ("LaunchTemplate", "DryRun", "InstanceMarketOptions")
    }
    said["TagSpecifications"] = [
        entry
        for entry in asked.get("TagSpecifications", ())
        if entry["ResourceType"] in ("instance", "volume")
    ]
    root = ec2.amis[asked["ImageId"]].root_device_name
    mappings = [{**m, "Ebs": dict(m.get("Ebs", {}))} for m in asked.get("BlockDeviceMappings", ())]
    if not any(mapping["DeviceName"] == root for mapping in mappings):
        mappings.insert(0, {"DeviceName": root, "Ebs": {}})
    for mapping in mappings:
        ebs = mapping["Ebs"]
        ebs.setdefault("DeleteOnTermination", mapping["DeviceName"] == root)
        ebs.setdefault("VolumeSize", 8)
        ebs.setdefault("VolumeType", "gp2")
        for name in ("Iops", "Throughput"):
            ebs.pop(name, None)
    said["BlockDeviceMappings"] = mappings
    return said


def finish(ec2: Any, instance: Any, params: dict[str, Any], asked: dict[str, Any]) -> None:
    """Put in what moto drops."""
    _finish_interfaces(ec2, instance, asked)
    _finish_volumes(ec2, instance, asked)
    if found := profile(asked):
        instance.iam_instance_profile = {"Arn": found.arn, "Id": found.id}
    if market(asked) == "spot":
        instance.lifecycle = "spot"
        instance.spot_instance_request_id = f"sir-{instance.id.removeprefix('i-')[:8]}"
        instance.spot_tags = _tags(asked, "spot-instances-request")
    if reference := params.get("LaunchTemplate"):
        version = template_version(ec2, reference)
        tags = {
            "aws:ec2launchtemplate:id": version.template.id,
            "aws:ec2launchtemplate:version": str(version.number),
        }
        instance.add_tags(tags)


def _finish_interfaces(ec2: Any, instance: Any, asked: dict[str, Any]) -> None:
    spelt = {int(entry.get("DeviceIndex", 0)): entry for entry in asked.get("NetworkInterfaces", ())}
    for index, interface in instance.nics.items():
        wanted = spelt.get(index, {})
        interface.delete_on_termination = wanted.get("DeleteOnTermination", True)
        interface.add_tags(_tags(asked, "network-interface"))
    if wanted := group_ids(asked):
        instance.security_groups = [ec2.get_security_group_from_id(identity) for identity in wanted]


def _finish_volumes(ec2: Any, instance: Any, asked: dict[str, Any]) -> None:
    spelt = {entry["DeviceName"]: entry.get("Ebs", {}) for entry in asked.get("BlockDeviceMappings", ())}
    for device, attached in instance.get_block_device_mapping:
        volume, wanted = ec2.volumes[attached.volume_id], spelt.get(device, {})
        if wanted.get("Iops"):
            volume.iops = int(wanted["Iops"])
        if wanted.get("Throughput"):
            volume.throughput = int(wanted["Throughput"])
        elif volume.volume_type == "gp3":
            volume.throughput = 125


def _tags(asked: dict[str, Any], kind: str) -> dict[str, str]:
    """The tags that the call gives to what is of `kind`."""
    return {
        tag["Key"]: tag.get("Value", "")
        for entry in asked.get("TagSpecifications", ())
        if entry["ResourceType"] == kind
        for tag in entry.get("Tags", ())
    }
