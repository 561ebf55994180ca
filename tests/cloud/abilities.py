"""Whether throwaway machines can run here: each thing they need is tried for real."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.cloud import nvme
from tests.cloud.container import GROUPS, remove_group

PROGRAMS = {
    "ip": "iproute2",
    "mmdebstrap": "mmdebstrap",
    "mount": "mount",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "unshare": "util-linux",
}
MOUNTS = (
    "mount --make-rprivate / && mount -t tmpfs tmpfs {place} && cd {place} && mkdir l u w m && "
    "mount -t overlay -o lowerdir=l,upperdir=u,workdir=w overlay m && mount -t proc proc m && "
    "mount -t sysfs -o ro sysfs m && mount -t cgroup2 cgroup2 m && mount -t devpts -o newinstance devpts m"
)
CABLE = "ip link add m0 type veth peer name m1"


def lacking() -> str | None:
    """The first thing that stands in the way, in words for whoever reads the test's result; None: nothing."""
    if os.geteuid() != 0:
        return f"throwaway machines need root (this is uid {os.geteuid()})"
    for program, package in PROGRAMS.items():
        if shutil.which(program) is None:
            return f"throwaway machines need {program} (package {package})"
    if why := _refused("unshare", "-n", "sh", "-c", CABLE):
        return f"throwaway machines need network namespaces and veth: {why}"
    with tempfile.TemporaryDirectory() as place:
        mounts = MOUNTS.format(place=place)
        if why := _refused("unshare", "-m", "-p", "-u", "-i", "--fork", "sh", "-c", mounts):
            return f"throwaway machines need mounts in namespaces (tmpfs, overlay, proc, cgroup2): {why}"
    if not nvme.possible():
        return "throwaway machines need loop devices for their local disks"
    return _no_groups(GROUPS)


def _no_groups(groups: Path) -> str | None:
    probe = groups / f"restoredrill-probe.{os.getpid()}"
    try:
        probe.mkdir()
        try:
            (probe / "cgroup.procs").read_text()
        finally:
            remove_group(probe)
    except OSError as error:
        return f"throwaway machines need a writable cgroup2 hierarchy: {error}"
    return None


def _refused(*argv: str) -> str | None:
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=30)
    if done.returncode == 0:
        return None
    said = done.stderr.strip().splitlines()
    return said[-1] if said else f"{argv[0]} ended with {done.returncode}"
