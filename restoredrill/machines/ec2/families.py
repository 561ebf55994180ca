"""Which instance types are worth a look, and what they have.

EC2 says it where it may be asked; else the table here does. Burstable families (t3, t4g) are left out: a
restore uses up their credits within minutes, and a time measured on one says nothing about the next.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

GIB = 1 << 30
_STANDARD = frozenset({"a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"})  # Service Quotas, EC2

# vCPUs as a multiple of a large's two.
UNITS: Mapping[str, int] = {
    "large": 1,
    "xlarge": 2,
    "2xlarge": 4,
    "4xlarge": 8,
    "8xlarge": 16,
    "16xlarge": 32,
}


@dataclass(frozen=True)
class Type:
    """One instance type. `ebs_mb_per_s` is what it reads and writes on EBS for hours, bursts aside."""

    name: str  # m7i.large
    architecture: str  # x86_64, arm64
    cores: int
    memory_bytes: int
    nvme_gb: int = 0
    ebs_mb_per_s: int = 0

    @property
    def family(self) -> str:
        return self.name.partition(".")[0]

    @property
    def standard(self) -> bool:
        """Is it of those that share one quota: families A, C, D, H, I, M, R, T and Z."""
        letters = re.match("[a-z]+", self.name)
        return letters is not None and letters[0] in _STANDARD


@dataclass(frozen=True)
class Family:
    """A family by its large: every larger size has so many times as much of everything."""

    name: str
    architecture: str
    memory_gib: int
    nvme_gb: int = 0
    ebs_mb_per_s: int = 78

    def type(self, size: str) -> Type:
        units = UNITS[size]
        return Type(
            name=f"{self.name}.{size}",
            architecture=self.architecture,
            cores=2 * units,
            memory_bytes=self.memory_gib * units * GIB,
            nvme_gb=self.nvme_gb * units,
            ebs_mb_per_s=self.ebs_mb_per_s * units,
        )


# Figures: DescribeInstanceTypes, as moto 5.2.5 carries its answer. Local disks of the larger sizes are up to
# a hundredth larger than a multiple of the large's.
FAMILIES: tuple[Family, ...] = (
    Family("m7i", "x86_64", 8),
    Family("m7i-flex", "x86_64", 8, ebs_mb_per_s=39),
    Family("c7i", "x86_64", 4),
    Family("r7i", "x86_64", 16),
    Family("m6id", "x86_64", 8, nvme_gb=118),
    Family("c6id", "x86_64", 4, nvme_gb=118),
    Family("r6id", "x86_64", 16, nvme_gb=118),
    Family("i4i", "x86_64", 16, nvme_gb=468),
    Family("m7g", "arm64", 8),
    Family("m8g", "arm64", 8),
    Family("c7g", "arm64", 4),
    Family("c8g", "arm64", 4),
    Family("r7g", "arm64", 16),
    Family("r8g", "arm64", 16),
    Family("m7gd", "arm64", 8, nvme_gb=118),
    Family("c7gd", "arm64", 4, nvme_gb=118),
    Family("r7gd", "arm64", 16, nvme_gb=118),
    Family("i4g", "arm64", 16, nvme_gb=468),
)


def known(architecture: str) -> tuple[Type, ...]:
    """Every type of the table that runs images of `architecture`, family by family, small ones first."""
    return tuple(
        family.type(size) for family in FAMILIES if family.architecture == architecture for size in UNITS
    )


def named(names: Iterable[str]) -> tuple[Type, ...]:
    """Those of `names` that the table knows, in their order."""
    types = {type_.name: type_ for family in FAMILIES for type_ in map(family.type, UNITS)}
    return tuple(types[name] for name in names if name in types)


def described(answer: Sequence[Mapping[str, Any]]) -> tuple[Type, ...]:
    """From the `InstanceTypes` of DescribeInstanceTypes; without those that can't start from EBS."""
    return tuple(
        _described(entry)
        for entry in answer
        if not entry.get("BareMetal") and "ebs" in entry.get("SupportedRootDeviceTypes", ["ebs"])
    )


def _described(entry: Mapping[str, Any]) -> Type:
    # A few old types run both i386 and x86_64 images.
    architectures = entry.get("ProcessorInfo", {}).get("SupportedArchitectures", [])
    storage = entry.get("InstanceStorageInfo", {}) if entry.get("InstanceStorageSupported") else {}
    nvme = storage.get("NvmeSupport", "unsupported") != "unsupported"
    ebs = entry.get("EbsInfo", {}).get("EbsOptimizedInfo", {})
    return Type(
        name=entry["InstanceType"],
        architecture=next((name for name in architectures if name != "i386"), ""),
        cores=entry["VCpuInfo"]["DefaultVCpus"],
        memory_bytes=entry["MemoryInfo"]["SizeInMiB"] << 20,
        nvme_gb=storage.get("TotalSizeInGB", 0) if nvme else 0,
        ebs_mb_per_s=int(ebs.get("BaselineThroughputInMBps", 0)),
    )
