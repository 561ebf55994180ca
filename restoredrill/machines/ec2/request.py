"""What RunInstances is asked for: a value, made of nothing but the errand, the attempt and the rung.

Every parameter is spelt out, since what is left out is the account's to decide, or the launch template's.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from restoredrill.errors import MachineFailed
from restoredrill.machines.ec2 import tags
from restoredrill.model import Errand
from restoredrill.plan import MachinePlan, Rung

USER_DATA_BYTES = 16 * 1024  # "Limits", user data, Amazon EC2 user guide: before it is encoded
# One hop: what runs in a container or behind a proxy on the machine gets no credentials.
_METADATA = {
    "HttpEndpoint": "enabled",
    "HttpTokens": "required",
    "HttpPutResponseHopLimit": 1,
    "HttpProtocolIpv6": "disabled",
    "InstanceMetadataTags": "disabled",
}
_TOKEN_LETTERS = 64  # RunInstances, Amazon EC2 API reference


def run_request(job: Errand, attempt: int, number: int, user_data: str) -> dict[str, Any]:
    """The parameters of RunInstances for rung `number` of the errand's plan, counted from 0.

    Asked twice, it is the same machine: the client token stands for all of it. Raises `MachineFailed` if
    there is no plan, or the boot data are too long.
    """
    plan = plan_of(job)
    size = len(user_data.encode())
    if size > USER_DATA_BYTES:
        raise MachineFailed(
            "launch", job.id, f"its boot data are {size} bytes, {USER_DATA_BYTES} are allowed"
        )
    rung = plan.rungs[number]
    asked = {
        "MinCount": 1,
        "MaxCount": 1,
        "ImageId": plan.image,
        "InstanceType": rung.type,
        "Placement": {"AvailabilityZone": rung.zone},
        "UserData": user_data,
        "EbsOptimized": True,
        "Monitoring": {"Enabled": False},
        "DisableApiTermination": False,
        "DisableApiStop": False,
        "InstanceInitiatedShutdownBehavior": "terminate",
        "IamInstanceProfile": _profile(plan.instance_profile),
        "BlockDeviceMappings": [_volume(plan)],
        "NetworkInterfaces": [_interface(plan, rung)],
        "MetadataOptions": dict(_METADATA),
        "TagSpecifications": _tagged(tags.of(job, plan, attempt, rung), rung),
        **_market(rung),
        **_template(plan),
    }
    return {**asked, "ClientToken": _token(job, attempt, number, asked)}


def plan_of(job: Errand) -> MachinePlan:
    """The errand's plan. Raises `MachineFailed`."""
    if job.plan is None or not job.plan.rungs:
        raise MachineFailed("launch", job.id, "no machine was planned for it")
    return job.plan


def _profile(name_or_arn: str) -> dict[str, str]:
    return {"Arn" if name_or_arn.startswith("arn:") else "Name": name_or_arn}


def _volume(plan: MachinePlan) -> dict[str, Any]:
    volume = plan.volume
    ebs: dict[str, Any] = {
        "VolumeType": "gp3",
        "VolumeSize": volume.gb,
        "Iops": volume.iops,
        "Throughput": volume.mb_per_s,
        "Encrypted": True,
        "DeleteOnTermination": True,
    }
    if plan.kms_key_id:
        ebs["KmsKeyId"] = plan.kms_key_id
    return {"DeviceName": plan.root_device, "Ebs": ebs}


def _interface(plan: MachinePlan, rung: Rung) -> dict[str, Any]:
    return {
        "DeviceIndex": 0,
        "SubnetId": rung.subnet,
        "Groups": list(plan.security_groups),
        "AssociatePublicIpAddress": plan.public_address,
        "DeleteOnTermination": True,
    }


def _tagged(words: Mapping[str, str], rung: Rung) -> list[dict[str, Any]]:
    kinds = ["instance", "volume", "network-interface"]
    if rung.market == "spot":
        kinds.append("spot-instances-request")
    return [{"ResourceType": kind, "Tags": tags.listed(words)} for kind in kinds]


def _market(rung: Rung) -> dict[str, Any]:
    """On demand is what there is without a word."""
    if rung.market != "spot":
        return {}
    options = {"SpotInstanceType": "one-time", "InstanceInterruptionBehavior": "terminate"}
    return {"InstanceMarketOptions": {"MarketType": "spot", "SpotOptions": options}}


def _template(plan: MachinePlan) -> dict[str, Any]:
    name = plan.launch_template
    if name is None:
        return {}
    by = "LaunchTemplateId" if name.startswith("lt-") else "LaunchTemplateName"
    return {"LaunchTemplate": {by: name, "Version": "$Default"}}


def _token(job: Errand, attempt: int, number: int, asked: Mapping[str, Any]) -> str:
    """AWS refuses a token that comes with other parameters, and one whose machine has ended: so both the
    parameters and the attempt are in it.
    """
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    return f"{job.id}-{attempt}-{number}-{digest}"[:_TOKEN_LETTERS]
