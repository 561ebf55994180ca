"""The policies of terraform/, filled in as Terraform's `templatefile` fills them in, without Terraform."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

MODULES = Path(__file__).parents[2] / "terraform" / "modules"
_NAME = re.compile(r"\$\{([a-z_]+)\}")

# What every policy asks for, as a root module would give it. Lists are written into a template as JSON.
EXAMPLE: Mapping[str, str | Sequence[str]] = {
    "partition": "aws",
    "region": "eu-central-1",
    "account": "123456789012",
    "bucket_arn": "arn:aws:s3:::acme-backups",
    "prefix": "shop/",
    "key_arn": "arn:aws:kms:eu-central-1:123456789012:key/0f0f0f0f-0000-4000-8000-000000000001",
    "secret_arn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:restoredrill/shop/age-AbCdEf",
    "machine_roles": "arn:aws:iam::123456789012:role/restoredrill/machines/*",
    "machine_profiles": "arn:aws:iam::123456789012:instance-profile/restoredrill/machines/*",
    "places": (
        "arn:aws:ec2:eu-central-1:123456789012:subnet/subnet-0a",
        "arn:aws:ec2:eu-central-1:123456789012:subnet/subnet-0b",
        "arn:aws:ec2:eu-central-1:123456789012:security-group/sg-0a",
        "arn:aws:ec2:eu-central-1:123456789012:launch-template/lt-0a",
    ),
    "image_owners": ("amazon", "136693071363", "123456789012"),
    "instance_types": ("*",),
    "log_group_arn": "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/restoredrill-reaper",
}


def policy(name: str, module: str = "roles", **values: str | Sequence[str]) -> dict[str, Any]:
    """The policy `terraform/modules/<module>/policies/<name>.json.tftpl`; what is not given is `EXAMPLE`'s.

    Raises `KeyError` for a name that nobody gives.
    """
    text = template(name, module).read_text()
    given = {**EXAMPLE, **values}
    filled: dict[str, Any] = json.loads(_NAME.sub(lambda found: _written(given[found[1]]), text))
    return filled


def template(name: str, module: str = "roles") -> Path:
    """The file of a policy."""
    return MODULES / module / "policies" / f"{name}.json.tftpl"


def names(module: str = "roles") -> tuple[str, ...]:
    """Every policy of a module."""
    found = template("x", module).parent.glob("*.json.tftpl")
    return tuple(sorted(path.name.removesuffix(".json.tftpl") for path in found))


def asked_for(name: str, module: str = "roles") -> frozenset[str]:
    """The names that a template wants filled in."""
    return frozenset(_NAME.findall(template(name, module).read_text()))


def _written(value: str | Sequence[str]) -> str:
    return value if isinstance(value, str) else json.dumps(list(value))
