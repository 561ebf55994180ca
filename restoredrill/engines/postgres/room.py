"""How much memory and how many cores there are for a server here, inside a container too."""

import os
from pathlib import Path

import psutil

from restoredrill.engines.postgres.tuning import Machine

_CGROUP = Path("/sys/fs/cgroup")


def machine(cgroup: Path = _CGROUP) -> Machine:
    """What is free now, and no more than this control group may have (cgroup-v2.rst, v1's memory.rst)."""
    free = psutil.virtual_memory().available
    limits = (_number(cgroup / "memory.max"), _number(cgroup / "memory" / "memory.limit_in_bytes"))
    allowed = min([limit for limit in limits if limit], default=free)
    return Machine(memory_bytes=min(free, allowed), cores=_cores(cgroup))


def _cores(cgroup: Path) -> int:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = _text(cgroup / "cpu.max").partition(" ")
    if not (quota.isdecimal() and period.isdecimal() and int(period)):
        return usable
    return max(1, min(usable, round(int(quota) / int(period))))


def _number(path: Path) -> int:
    text = _text(path)
    return int(text) if text.isdecimal() else 0


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
