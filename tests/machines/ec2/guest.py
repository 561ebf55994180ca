"""Boot data run for real on this host: with stand-ins for what would switch it off or format its disks."""

import email
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from restoredrill.machines.ec2 import boot
from restoredrill.model import Errand

# Each notes its own name and arguments; `blkid` finds nothing on a disk, and `dnf` has no package.
_STATUS = {"blkid": 2, "dnf": 1, "mdadm": 0, "sleep": 0}
PROGRAMS = (
    *("systemctl", "poweroff", "systemd-run", "setsid", "sync", "mount"),
    *("mkfs.ext4", "mkfs.xfs", "apt-get", *_STATUS),
)


@dataclass
class Guest:
    """A directory that stands for a machine: its programs, its disks, and what was done there."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True)
        for folder in ("bin", "work", "run", "sys/block"):
            (self.root / folder).mkdir(parents=True)
        for name in PROGRAMS:
            self.program(name, _STATUS.get(name, 0))

    @property
    def work(self) -> Path:
        return self.root / "work"

    @property
    def done(self) -> list[str]:
        """What was called, in order."""
        log = self.root / "done"
        return log.read_text().splitlines() if log.exists() else []

    def program(self, name: str, status: int = 0, says: str = "") -> None:
        """A stand-in that ends with `status`."""
        path = self.root / "bin" / name
        path.write_text(
            f"#!/bin/sh\necho \"{name} $*\" >>'{self.root}/done'\nprintf '%s' '{says}'\nexit {status}\n"
        )
        path.chmod(0o755)

    def python(self, name: str, program: str = sys.executable) -> None:
        """A Python under a name of its own."""
        path = self.root / "bin" / name
        path.write_text(f"#!/bin/sh\nexec '{program}' \"$@\"\n")
        path.chmod(0o755)

    def disk(self, name: str, model: str, sectors: int, *, partitions: int = 0) -> None:
        """A disk as the kernel shows it."""
        place = self.root / "sys" / "block" / name
        (place / "device").mkdir(parents=True)
        (place / "holders").mkdir()
        (place / "device" / "model").write_text(f"{model}\n")
        (place / "size").write_text(f"{sectors}\n")
        for number in range(1, partitions + 1):
            (place / f"{name}p{number}").mkdir()

    def boot(self, job: Errand, attempt: int = 1, *, timeout_s: float = 120) -> str:
        """Run the script of the boot data to its end; what it wrote to the console."""
        return self._run("text/x-shellscript", boot.user_data(job, attempt), timeout_s)

    def hook(self, job: Errand) -> str:
        """Run the boothook."""
        return self._run("text/cloud-boothook", boot.user_data(job, 1), 60)

    def _run(self, kind: str, text: str, timeout_s: float) -> str:
        message = email.message_from_string(text)
        (part,) = (part for part in message.walk() if part.get_content_type() == kind)
        program = self.root / "program"
        program.write_text(str(part.get_payload()))
        done = subprocess.run(
            ["sh", str(program)],
            env=self._environment(),
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        return done.stdout

    def _environment(self) -> Mapping[str, str]:
        return {
            "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}",
            "RD_DIR": str(self.work),
            "RD_RUN": str(self.root / "run"),
            "RD_SYS": str(self.root / "sys"),
            "RD_QUIET": "1",
            "RD_REFUSED_S": "0",
            **self.environment,
        }
