"""What `machines.ec2` in a file may say: where throwaway machines of the cloud are started, and how."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from restoredrill.sections import Section
from restoredrill.values import Duration, Endpoint, Flag, StoredSecret, Words

Market = Literal["spot-then-on-demand", "spot", "on-demand"]
Id = Annotated[str, Field(min_length=1, pattern=r"^[A-Za-z0-9:/._-]+$")]
Money = Annotated[float, Field(gt=0)]


class Network(Section):
    """Where a machine stands and what it may: its subnets, its security groups, its instance profile."""

    subnets: tuple[Id, ...] = Field(min_length=1, json_schema_extra={"minItems": 1})
    security_groups: tuple[Id, ...] = Field(min_length=1, json_schema_extra={"minItems": 1})
    instance_profile: Words  # a name or an ARN


class BackupNetwork(Network):
    """The machine that takes backups: the only one with a route to the source (promise 5)."""

    source_url: StoredSecret | None = None  # none given: `source.url`, which then has to be one


class Budget(Section):
    """What may be spent, in US dollars. A drill that would exceed it is not started, and says so."""

    per_drill: Money | None = None
    per_month: Money | None = None


class Ec2Settings(Network):
    """The cloud's machines. What is not given is chosen by size and price."""

    region: Words
    regions: tuple[Words, ...] = ()  # where to look for leftovers, too; `region` is always among them
    image: Words = "ssm:/aws/service/debian/release/12/latest/amd64"  # ami-…, or a parameter that holds one
    architecture: Literal["x86_64", "arm64"] = "x86_64"
    types: tuple[Id, ...] = ()  # these and no others, in this order; none: every family that fits
    market: Market = "spot-then-on-demand"
    launch_template: Id | None = None  # lt-…: what an account's rules want of every instance
    public_address: Flag = False
    kms_key_id: Words | None = None  # of the volumes; none: the account's own
    owner: Words = "restoredrill"
    tags: dict[str, str] = Field(default_factory=dict)
    budget: Budget = Budget()
    boot_timeout_s: Duration = Field(600.0, alias="boot_timeout", json_schema_extra={"default": "10m"})
    silence_s: Duration = Field(300.0, alias="silence", json_schema_extra={"default": "5m"})
    decrypt_with: StoredSecret | None = None  # none given: `drill.decrypt_with`, which then has to be one
    backup: BackupNetwork | None = None
    profile: Words | None = None  # who one is towards EC2, where it is not what the host is anyway
    role_arn: Words | None = None
    endpoint_url: Endpoint | None = None

    @model_validator(mode="after")
    def _tags_are_ours_to_set(self) -> "Ec2Settings":
        ours = sorted(key for key in self.tags if key.startswith(("restoredrill:", "aws:")))
        if ours:
            raise ValueError(f"tags may not set {ours[0]!r}: restoredrill: and aws: are taken")
        return self

    @property
    def swept(self) -> tuple[str, ...]:
        """Every region to look in, each once."""
        return tuple(dict.fromkeys((self.region, *self.regions)))
