"""The root file system that throwaway machines of the test bed boot: Debian 12 with what a cloud image has.

Built once by mmdebstrap into the user's cache, outside the checkout, and only read from then on: each machine
writes to a layer of its own. A new week means new packages, so the week is a part of its name.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

SUITE = "bookworm"
# No PostgreSQL, no boto3, no locales: what the product needs beyond these it has to bring along.
PACKAGES = (
    "ca-certificates",
    "cloud-init",
    "curl",
    "dbus",
    "e2fsprogs",
    "ifupdown",
    "iproute2",
    "isc-dhcp-client",
    "kmod",
    "netbase",
    "procps",
    "python3",
    "systemd-sysv",
    "udev",
)
# Reached by the machine's default route and by nothing else; the forwarder brings it to the emulated API.
ENDPOINT_ADDRESS = "10.77.0.1"
ENDPOINT_URL = f"http://{ENDPOINT_ADDRESS}"

# No SSH server and no disk to grow: no warnings about them on the console either.
CLOUD = """datasource_list: [Ec2, None]
locale: C.UTF-8
resize_rootfs: false
ssh_genkeytypes: []
"""
# What Debian's own image for EC2 is set to, and what a machine without a package mirror had better not start.
FILES = {
    "etc/apt/sources.list": "",
    "etc/cloud/cloud.cfg.d/90_bed.cfg": CLOUD,
    "etc/default/locale": "LANG=C.UTF-8\n",
    "etc/environment": f"AWS_ENDPOINT_URL={ENDPOINT_URL}\n",
    "etc/fstab": "",
    "etc/hostname": "localhost\n",
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/machine-id": "",
    "etc/network/interfaces": "source /etc/network/interfaces.d/*\nauto lo\niface lo inet loopback\n",
    # Nothing answers there, and says so at once: an address that is silent costs cloud-init 40 s.
    "etc/resolv.conf": "nameserver 127.0.0.1\n",
    "etc/systemd/system.conf.d/endpoint.conf": (
        f'[Manager]\nDefaultEnvironment="AWS_ENDPOINT_URL={ENDPOINT_URL}"\n'
    ),
}
MASKED = (
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty.target",
)
KEEP_BUILDS = 2
ATTEMPTS = 3


def cached(folder: Path | None = None) -> Path:
    """The tree to boot from, built now if there is none of this week; one process builds, others wait.

    Raises OSError or subprocess.CalledProcessError with mmdebstrap's words where it cannot be built.
    """
    folder = folder or _cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    tree = folder / f"{SUITE}-{_key(datetime.now(UTC))}"
    with _locked(folder / "lock"):
        if not tree.is_dir():
            _build(tree)
            _forget_older(folder, tree)
        os.utime(tree)
    return tree


def _cache_folder() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "restoredrill-tests" / "machines"


def _key(now: datetime) -> str:
    year, week, _ = now.isocalendar()
    content = repr((SUITE, PACKAGES, sorted(FILES.items()), MASKED))
    return f"{year}w{week:02}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(tree: Path) -> None:
    partial = Path(tempfile.mkdtemp(prefix="partial-", dir=tree.parent))
    partial.chmod(0o755)
    try:
        _debootstrap(partial / "root")
        _customise(partial / "root")
        (partial / "root").rename(tree)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _debootstrap(root: Path) -> None:
    skipped = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("man", "doc", "locale", "info")]
    argv = ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
    argv += ['--aptopt=APT::Install-Recommends "false"', '--aptopt=Acquire::Languages "none"']
    argv += [*skipped, "--dpkgopt=force-unsafe-io", SUITE, str(root), *_own_sources()]
    environment = os.environ | {"LC_ALL": "C.UTF-8"}
    for attempt in range(1, ATTEMPTS + 1):
        done = subprocess.run(argv, check=False, capture_output=True, text=True, env=environment)
        if done.returncode == 0 or attempt == ATTEMPTS:
            done.check_returncode()
            return
        shutil.rmtree(root, ignore_errors=True)  # a mirror that did not answer at once


def _own_sources() -> list[str]:
    """The host's package sources where it is the same Debian: what CI may reach. Debian's own otherwise."""
    for path in map(Path, ("/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list")):
        if path.is_file() and SUITE in path.read_text():
            return [str(path)]
    return []


def _customise(root: Path) -> None:
    for path in (root / "etc/apt/sources.list.d").glob("*"):
        path.unlink()
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # may be a link to something of the host's
        path.write_text(text)
    for unit in MASKED:
        path = root / "etc/systemd/system" / unit
        path.unlink(missing_ok=True)
        path.symlink_to("/dev/null")
    (root / "var/lib/dbus/machine-id").unlink(missing_ok=True)


def _forget_older(folder: Path, newest: Path) -> None:
    """Leave this build and the one before it, which somebody may still be booting from."""
    builds = sorted(folder.glob(f"{SUITE}-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in [path for path in builds if path != newest][KEEP_BUILDS - 1 :]:
        shutil.rmtree(path, ignore_errors=True)
