"""What is asked of the planning, and what a look at the account found: values only."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from restoredrill import clock
from restoredrill.errors import CapacityMissing, CloudError
from restoredrill.model import Manifest, Report, ServerFacts
from restoredrill.plan import AgentBundle

REFUSED = (CloudError, CapacityMissing)  # what `aws.errors.translated` raises


@dataclass(frozen=True)
class Ask:
    """A machine that is wanted: what the file says of it, and what it has to hold.

    A drill has a `manifest`; a backup has `source`, where the source has been seen. With neither the smallest
    machine is planned. `at` is the moment that prices are asked for.
    """

    region: str
    image: str  # ami-…, or ssm:/a/parameter that holds one
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    instance_profile: str  # a name or an ARN
    bundles: tuple[AgentBundle, ...]
    database: str = ""
    bucket: str | None = None  # of the vault; None: not known here
    kind: Literal["drill", "backup"] = "drill"
    manifest: Manifest | None = None
    source: ServerFacts | None = None
    earlier: tuple[Report, ...] = ()  # of this database
    jobs: int = 2
    checks: bool = True
    deadline_s: float | None = None
    kept_s: float = 0.0  # that the machine lives on after a pass
    architecture: Literal["x86_64", "arm64"] = "x86_64"
    types: tuple[str, ...] = ()  # these and no others, in this order
    market: Literal["spot-then-on-demand", "spot", "on-demand"] = "spot-then-on-demand"
    public_address: bool = False
    kms_key_id: str | None = None
    launch_template: str | None = None
    owner: str = "restoredrill"
    tags: dict[str, str] = field(default_factory=dict)
    per_drill_usd: float | None = None
    per_month_usd: float | None = None
    spent_this_month_usd: float = 0.0
    boot_timeout_s: float = 600.0
    silence_s: float = 300.0
    services: tuple[str, ...] = ()  # that the machine asks besides S3: secretsmanager, ssm
    at: datetime = field(default_factory=clock.utcnow)

    @property
    def thing(self) -> str:
        """What an error names."""
        return f"a machine for {self.database}" if self.database else f"a machine in {self.region}"


class Outcome(StrEnum):
    """What a look found. `note`: nothing that stands in the way; `unknown`: nobody may look, or no answer."""

    OK = "ok"
    FAILED = "failed"
    NOTE = "note"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Looked:
    """One thing looked at: what was seen and, where it can't stay so, what to do."""

    name: str
    outcome: Outcome
    detail: str
    fix: str = ""

    @property
    def line(self) -> str:
        """For a list of problems or notes."""
        return f"{self.detail}: {self.fix}" if self.fix else self.detail


def ok(name: str, detail: str) -> Looked:
    return Looked(name, Outcome.OK, detail)


def failed(name: str, detail: str, fix: str) -> Looked:
    return Looked(name, Outcome.FAILED, detail, fix)


def note(name: str, detail: str, fix: str = "") -> Looked:
    return Looked(name, Outcome.NOTE, detail, fix)


def unknown(name: str, error: CloudError | CapacityMissing) -> Looked:
    """What could not be found out: for want of rights, or of an answer."""
    return Looked(name, Outcome.UNKNOWN, f"not looked at: {error}", error.hint)
