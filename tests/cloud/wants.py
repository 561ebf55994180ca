"""What a call asks IAM for: one or more actions, each on a resource, with what conditions can look at.

After "Actions, resources, and condition keys" of each service, Service Authorization Reference.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from moto.ec2.models import ec2_backends
from moto.secretsmanager.models import secretsmanager_backends

from tests.cloud import launch
from tests.cloud.call import Call

_PREFIXES = {"monitoring": "cloudwatch"}

_S3 = {
    "HeadObject": "GetObject",
    "HeadBucket": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "ListParts": "ListMultipartUploadParts",
    "ListBuckets": "ListAllMyBuckets",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
}
# The parameter that names the resources of an action, and their kind in an ARN.
_EC2 = {
    "TerminateInstances": ("InstanceIds", "instance"),
    "StopInstances": ("InstanceIds", "instance"),
    "GetConsoleOutput": ("InstanceId", "instance"),
    "DeleteVolume": ("VolumeId", "volume"),
    "DeleteSnapshot": ("SnapshotId", "snapshot"),
    "DeleteNetworkInterface": ("NetworkInterfaceId", "network-interface"),
    "ReleaseAddress": ("AllocationId", "elastic-ip"),
    "CancelSpotInstanceRequests": ("SpotInstanceRequestIds", "spot-instances-request"),
    "CreateTags": ("Resources", "*"),
    "DeleteTags": ("Resources", "*"),
}
_KINDS = {
    "i": "instance",
    "vol": "volume",
    "eni": "network-interface",
    "snap": "snapshot",
    "eipalloc": "elastic-ip",
    "sir": "spot-instances-request",
    "subnet": "subnet",
    "sg": "security-group",
    "vpc": "vpc",
    "lt": "launch-template",
}


@dataclass(frozen=True)
class Want:
    """One question to IAM."""

    action: str
    resource: str = "*"
    tags: Mapping[str, str] = field(default_factory=dict)  # in the request
    context: Mapping[str, Any] = field(default_factory=dict)


def wants(call: Call) -> Iterator[Want]:
    """All that the caller must be allowed for the call to go through."""
    match call.service:
        case "s3":
            yield from _of_s3(call)
        case "ec2":
            yield from _of_ec2(call)
        case "secretsmanager":
            yield from _of_secrets(call)
        case "ssm":
            name = str(call.params.get("Name", "*"))
            owner = "" if name.startswith("/aws/") else launch.ACCOUNT
            arn = f"arn:aws:ssm:{call.region}:{owner}:parameter/{name.lstrip('/')}"
            yield Want(f"ssm:{call.action}", arn)
        case "kms":
            yield Want(f"kms:{call.action}", _key_arn(call.region, str(call.params.get("KeyId", "*"))))
        case "iam" if "InstanceProfileName" in call.params:
            name = call.params["InstanceProfileName"]
            arn = f"arn:aws:iam::{launch.ACCOUNT}:instance-profile/{name}"
            yield Want(f"iam:{call.action}", arn)
        case "sts" if call.action == "GetCallerIdentity":
            return
        case "sts":
            yield Want(f"sts:{call.action}", str(call.params.get("RoleArn", "*")))
        case service:
            yield Want(f"{_PREFIXES.get(service, service)}:{call.action}")


# S3 ---------------------------------------------------------------------------------------------------------


def _of_s3(call: Call) -> Iterator[Want]:
    action = _S3.get(call.action, call.action)
    bucket = f"arn:aws:s3:::{call.bucket}" if call.bucket else "*"
    if call.action == "DeleteObjects":
        for key in ElementTree.fromstring(call.body or b"<Delete/>").iter():  # noqa: S314 - our own client wrote it
            if key.tag.rpartition("}")[2] == "Key":
                yield Want("s3:DeleteObject", f"{bucket}/{key.text}")
        return
    if not call.key:
        context = {f"s3:{name}": call.query[name] for name in ("prefix", "delimiter") if name in call.query}
        yield Want(f"s3:{action}", bucket, context=context)
        return
    if "versionId" in call.query and action in ("GetObject", "DeleteObject"):
        action += "Version"
    given = call.environ.get("HTTP_IF_NONE_MATCH")
    # Only what makes an object visible carries the header; a part of an upload is judged without it.
    context = {} if given is None else {"s3:if-none-match": given}
    yield Want(f"s3:{action}", f"{bucket}/{call.key}", context=context)
    if source := call.environ.get("HTTP_X_AMZ_COPY_SOURCE"):
        yield Want("s3:GetObject", f"arn:aws:s3:::{source.lstrip('/').partition('?')[0]}")


# EC2 --------------------------------------------------------------------------------------------------------


def _of_ec2(call: Call) -> Iterator[Want]:
    if call.action == "RunInstances":
        yield from _of_run(call)
    elif call.action in _EC2:
        parameter, kind = _EC2[call.action]
        named = call.params.get(parameter) or ()
        tags = _listed(call.params.get("Tags", ()))
        for identity in [named] if isinstance(named, str) else named:
            word = kind if kind != "*" else _KINDS.get(identity.partition("-")[0], "instance")
            there = tags_of(call.region, identity)
            context: dict[str, Any] = {f"aws:resourcetag/{name}".lower(): there[name] for name in there}
            context["aws:tagkeys"] = list(tags)
            yield Want(f"ec2:{call.action}", _arn(call.region, word, identity), tags, context)
    else:
        yield Want(f"ec2:{call.action}")


def _of_run(call: Call) -> Iterator[Want]:
    asked, region = call.params, call.region
    wanted = launch.primary_interface(asked)
    metadata = asked.get("MetadataOptions", {})
    profile = _profile_arn(asked)
    ebs = [one["Ebs"] for one in asked.get("BlockDeviceMappings", ()) if "Ebs" in one]
    spot = launch.market(asked) == "spot"
    seen: dict[str, dict[str, Any]] = {
        "instance": {
            "ec2:instancetype": asked.get("InstanceType", "m1.small"),
            "ec2:metadatahttptokens": metadata.get("HttpTokens", "optional"),
            "ec2:metadatahttpputresponsehoplimit": str(metadata.get("HttpPutResponseHopLimit", 1)),
            "ec2:instancemarkettype": launch.market(asked),
            **({"ec2:instanceprofile": profile} if profile else {}),
        },
        "volume": {
            "ec2:encrypted": str(bool(ebs) and all(_is_true(one.get("Encrypted")) for one in ebs)).lower()
        },
        "network-interface": {
            "ec2:associatepublicipaddress": str(_is_true(wanted.get("AssociatePublicIpAddress"))).lower()
        },
        **({"spot-instances-request": {}} if spot else {}),
    }
    for kind, context in seen.items():
        tags = _specified(asked, kind)
        context["aws:tagkeys"] = list(tags)
        arn = _arn(region, kind, "*")
        yield Want("ec2:RunInstances", arn, tags, context)
        if tags:
            yield Want("ec2:CreateTags", arn, tags, {"ec2:createaction": "RunInstances", **context})
    image = str(asked.get("ImageId", ""))
    yield Want(
        "ec2:RunInstances",
        f"arn:aws:ec2:{region}::image/{image}",
        context={"ec2:owner": _owner(region, image)},
    )
    if subnet := launch.subnet_id(asked):
        yield Want("ec2:RunInstances", _arn(region, "subnet", subnet))
    for group in launch.group_ids(asked):
        yield Want("ec2:RunInstances", _arn(region, "security-group", group))
    if template := asked.get("LaunchTemplate", {}).get("LaunchTemplateId"):
        yield Want("ec2:RunInstances", _arn(region, "launch-template", template))
    if profile:
        role = launch.profile(asked).roles[0].arn
        yield Want("iam:PassRole", role, context={"iam:passedtoservice": "ec2.amazonaws.com"})


def _profile_arn(asked: dict[str, Any]) -> str | None:
    found = launch.profile(asked)
    return None if found is None else str(found.arn)


def _owner(region: str, image: str) -> str:
    found = ec2_backends[launch.ACCOUNT][region].amis.get(image)
    return launch.ACCOUNT if found is None else str(found.owner_id)


def tags_of(region: str, identity: str) -> dict[str, str]:
    """The tags of something in EC2; nothing for what does not exist."""
    tags = ec2_backends[launch.ACCOUNT][region].tags.get(identity, {})
    return {str(key): str(value) for key, value in tags.items()}


def exists(call: Call, want: Want) -> bool:
    """Is there what is asked for? AWS says of what is not there that it is not, also to who may not."""
    identity = want.resource.rpartition("/")[2]
    if call.service != "ec2" or call.action not in _EC2 or not identity.startswith("i-"):
        return True
    ec2 = ec2_backends[launch.ACCOUNT][call.region]
    return any(one.id == identity for one in ec2.all_instances())


def _specified(asked: dict[str, Any], kind: str) -> dict[str, str]:
    found = [
        one.get("Tags", ()) for one in asked.get("TagSpecifications", ()) if one.get("ResourceType") == kind
    ]
    return {key: value for tags in found for key, value in _listed(tags).items()}


def _listed(tags: Any) -> dict[str, str]:
    return {str(tag["Key"]): str(tag.get("Value", "")) for tag in tags}


def _arn(region: str, kind: str, identity: str) -> str:
    owner = "" if kind == "snapshot" else launch.ACCOUNT
    return f"arn:aws:ec2:{region}:{owner}:{kind}/{identity}"


def _is_true(value: Any) -> bool:
    return value is True or str(value).lower() == "true"


# Secrets ----------------------------------------------------------------------------------------------------


def _of_secrets(call: Call) -> Iterator[Want]:
    name = str(call.params.get("SecretId") or call.params.get("Name") or "*")
    found = None
    store = secretsmanager_backends[launch.ACCOUNT][call.region].secrets
    if name in store:
        found = store[name]
    arn = (
        name
        if name.startswith("arn:")
        else f"arn:aws:secretsmanager:{call.region}:{launch.ACCOUNT}:secret:{name}-??????"
    )
    arn = str(found.arn) if found is not None else arn
    yield Want(f"secretsmanager:{call.action}", arn)
    key = getattr(found, "kms_key_id", None)
    if call.action == "GetSecretValue" and key and "alias/" not in str(key):
        through = {
            "kms:viaservice": f"secretsmanager.{call.region}.amazonaws.com",
            "kms:encryptioncontext:secretarn": arn,
        }
        yield Want("kms:Decrypt", _key_arn(call.region, str(key)), context=through)


def _key_arn(region: str, key: str) -> str:
    return key if key.startswith("arn:") or key == "*" else f"arn:aws:kms:{region}:{launch.ACCOUNT}:key/{key}"
