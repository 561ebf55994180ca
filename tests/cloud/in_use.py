"""What is in use and may not be deleted: moto deletes it all the same."""

from typing import Any

from moto.ec2.models import ec2_backends
from werkzeug.wrappers import Response

from tests.cloud.call import Call
from tests.cloud.launch import ACCOUNT
from tests.cloud.wire import Refused


def _interfaces(call: Call) -> list[Any]:
    return list(ec2_backends[ACCOUNT][call.region].enis.values())


def delete_interface(call: Call) -> Response | None:
    """Not while it is attached."""
    identity = call.params.get("NetworkInterfaceId")
    if any(one.id == identity and one.status == "in-use" for one in _interfaces(call)):
        raise Refused("InvalidParameterValue", f"Network interface '{identity}' is currently in use.")
    return None


def delete_group(call: Call) -> Response | None:
    """Not while an interface carries it."""
    identity = call.params.get("GroupId")
    if any(group.id == identity for one in _interfaces(call) for group in one.group_set):
        raise Refused("DependencyViolation", f"resource {identity} has a dependent object")
    return None


def delete_subnet(call: Call) -> Response | None:
    """Not while an interface stands in it."""
    identity = call.params.get("SubnetId")
    if any(one.subnet.id == identity for one in _interfaces(call)):
        said = f"The subnet '{identity}' has dependencies and cannot be deleted."
        raise Refused("DependencyViolation", said)
    return None
