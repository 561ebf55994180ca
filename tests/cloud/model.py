"""The values that the cloud shows to tests."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Keys:
    """Credentials; `token`, `expires_at` and `role` for a role's session."""

    access_key: str
    secret_key: str
    token: str | None = None
    expires_at: datetime | None = None
    role: str | None = None


@dataclass(frozen=True)
class Network:
    """A private network with a subnet in each of two zones and a way to S3 and nowhere else."""

    vpc: str
    subnets: tuple[str, ...]
    zones: tuple[str, ...]
    security_group: str  # no inbound rule
    route_table: str
    s3_endpoint: str


@dataclass(frozen=True)
class Image:
    """An image that machines can be run from."""

    id: str
    name: str
    root_device: str
    architecture: str


@dataclass(frozen=True)
class Instance:
    """An instance as it was when it was looked at."""

    id: str
    account: str
    region: str
    state: str
    reason: str  # why it ended: Client.UserInitiatedShutdown and the like
    type: str
    zone: str
    market: str  # spot, on-demand
    image: str
    architecture: str
    root_device: str
    vpc: str
    subnet: str
    subnet_cidr: str
    private_ip: str
    public_ip: str | None
    mac: str
    groups: tuple[str, ...]
    tags: Mapping[str, str]
    user_data: bytes | None
    profile: str | None  # the instance profile's ARN
    http_tokens: str  # required, optional
    http_endpoint: str  # enabled, disabled
    hop_limit: int
    metadata_tags: bool
    shutdown_behavior: str  # stop, terminate
    token: str
    launched_at: datetime
    volumes: tuple[str, ...]
    interfaces: tuple[str, ...]

    @property
    def alive(self) -> bool:
        return self.state not in ("terminated", "shutting-down")
