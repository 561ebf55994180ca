"""From moto's instance to what tests see of it."""

import base64
from datetime import UTC
from typing import Any

from tests.cloud import launch
from tests.cloud.model import Instance


def seen(ec2: Any, instance: Any) -> Instance:
    """moto's instance, as it is now."""
    nic = instance.nics.get(0)
    data = instance.user_data
    options = instance.metadata_options
    return Instance(
        id=instance.id,
        account=launch.ACCOUNT,
        region=ec2.region_name,
        state=instance.state,
        reason=instance.state_reason.code,
        type=instance.instance_type,
        zone=instance.placement.zone,
        market=instance.lifecycle or "on-demand",
        image=instance.image_id,
        architecture=instance.architecture or "x86_64",
        root_device=instance.root_device_name,
        vpc=instance.vpc_id or "",
        subnet=instance.subnet_id or "",
        subnet_cidr=nic.subnet.cidr_block if nic else "",
        private_ip=nic.private_ip_address if nic else "",
        public_ip=nic.public_ip if nic else None,
        mac=nic.mac_address if nic else "",
        groups=tuple(group.id for group in instance.security_groups),
        tags={tag["key"]: tag["value"] for tag in instance.get_tags()},
        user_data=base64.b64decode(str(data)) if data else None,
        profile=(instance.iam_instance_profile or {}).get("Arn"),
        http_tokens=options.http_tokens,
        http_endpoint=options.http_endpoint,
        hop_limit=options.http_put_response_hop_limit,
        metadata_tags=options.instance_metadata_tags == "enabled",
        shutdown_behavior=instance.instance_initiated_shutdown_behavior,
        token=instance.client_token or "",
        launched_at=instance.launch_time.replace(tzinfo=UTC),
        volumes=tuple(attached.volume_id for _, attached in instance.get_block_device_mapping),
        interfaces=tuple(one.id for one in instance.nics.values()),
    )
