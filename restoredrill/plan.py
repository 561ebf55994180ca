"""The plan of a machine: a value that can be printed, priced and kept before anything is started.

It travels in the job, so that whoever comes after a controller that died starts the same machines.
"""

from typing import Literal

from pydantic import Field

from restoredrill.document import Document

Market = Literal["spot", "on-demand"]

GP3_IOPS_FREE, GP3_MB_PER_S_FREE = 3000, 125
HOURS_PER_MONTH = 730  # the month that AWS's price examples reckon with


class AgentBundle(Document):
    """One file that is the agent: restoredrill, what it needs, and PostgreSQL where it was told to bring it.

    Lies in the vault as `agents/<name>` with this document beside it as `agents/<name>.json`.
    """

    name: str  # restoredrill-0.3.0-linux_x86_64-py311-<first 12 of the SHA-256>.pyz
    version: str  # restoredrill's
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size_bytes: int = Field(ge=0)
    platform: str  # linux_x86_64, linux_aarch64
    python: str  # 3.11
    postgres: str | None = None  # the server it brings, 17.10
    extensions: tuple[str, ...] = ()  # of that server


class Need(Document):
    """What a backup asks of a machine. Pure arithmetic on its manifest and on earlier drills."""

    memory_bytes: int
    cores: int
    disk_bytes: int
    major: int  # PostgreSQL's, at the least
    extensions: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()  # each number, and where it comes from


class Rung(Document):
    """One thing to ask for; where it is refused for want of capacity, the next one is asked for."""

    type: str  # m7i.large
    market: Market
    zone: str
    subnet: str
    usd_per_hour: float = Field(ge=0)
    nvme_gb: int = 0  # local disks of the type; 0: it has none


class Volume(Document):
    """The machine's own gp3 volume, or the one the database is restored to where there is no local NVMe."""

    gb: int = Field(ge=1)
    iops: int = 3000  # as many are in the price of the size
    mb_per_s: int = 125  # likewise
    usd_per_gb_month: float = 0.0
    usd_per_iops_month: float = 0.0  # above 3,000
    usd_per_mb_per_s_month: float = 0.0  # above 125

    @property
    def usd_per_hour(self) -> float:
        """What it costs while it exists, used or not."""
        month = (
            self.gb * self.usd_per_gb_month
            + max(0, self.iops - GP3_IOPS_FREE) * self.usd_per_iops_month
            + max(0, self.mb_per_s - GP3_MB_PER_S_FREE) * self.usd_per_mb_per_s_month
        )
        return month / HOURS_PER_MONTH


class Considered(Document):
    """An instance type that was looked at: chosen, or why not."""

    type: str
    usd_per_hour: float
    verdict: str


class PhaseEstimate(Document):
    """How long a phase will take and what says so (`3 earlier drills`, `60 MB/s, a first guess`)."""

    phase: str
    seconds: float = Field(ge=0)
    basis: str


class MachinePlan(Document):
    """Everything about the machine that will be started, and what it is expected to cost."""

    provider: Literal["ec2"] = "ec2"
    region: str
    image: str  # ami-…
    image_name: str = ""
    architecture: Literal["x86_64", "arm64"] = "x86_64"
    root_device: str = "/dev/xvda"
    rungs: tuple[Rung, ...]  # in the order they are asked for
    volume: Volume
    scratch: Literal["nvme", "gp3"] = "gp3"  # where the database is restored to
    bundles: tuple[AgentBundle, ...]  # the machine takes the one that fits its Python
    security_groups: tuple[str, ...] = ()
    instance_profile: str
    public_address: bool = False
    kms_key_id: str | None = None
    launch_template: str | None = None
    owner: str  # tag: who answers for the machine
    tags: dict[str, str] = Field(default_factory=dict)
    need: Need
    backup: str = ""  # the backup's id, where one is restored
    stored_bytes: int = 0  # as it lies in the vault
    restored_bytes: int = 0  # as a database
    postgres_from: str = ""  # who brings PostgreSQL and its extensions: `bundle …: 17.10`, `image …: 17`
    considered: tuple[Considered, ...] = ()
    reasons: tuple[str, ...] = ()  # why this machine, most important first
    notes: tuple[str, ...] = ()  # what could not be found out, and what is worth a look
    phases: tuple[PhaseEstimate, ...] = ()
    usd_estimate: float = 0.0  # on the first rung, for the time of the phases
    prices_from: str  # "pricing API, 2026-11-26" or "table of 2026-11-20 in restoredrill 0.3.0"
    budget_usd: float | None = None  # for one drill
    budget_left_usd: float | None = None  # of the month's, before this drill; None: there is none
    first_word_s: float = 600.0  # from the call to the agent's first event
    silence_s: float = 300.0  # between two words of the agent
