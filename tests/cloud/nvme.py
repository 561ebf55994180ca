"""A machine's local NVMe disk: memory behind a loop device, both gone once nobody holds them."""

import contextlib
import fcntl
import os
import struct
from pathlib import Path

CONTROL = Path("/dev/loop-control")
# linux/loop.h
LOOP_CTL_GET_FREE, LOOP_SET_FD, LOOP_SET_STATUS64 = 0x4C82, 0x4C00, 0x4C04
AUTOCLEAR = 4
LOOP_INFO64 = "5Q4I64s64s32s2Q"
ATTEMPTS = 20


class LocalDisk:
    """An empty disk of that size. `number` is the minor one of its device, whose major is 7.

    Raises OSError where there are no loop devices.
    """

    def __init__(self, size_bytes: int) -> None:
        memory = os.memfd_create("nvme")
        try:
            os.ftruncate(memory, size_bytes)
            self.number, self._held = _attached(memory)
        finally:
            os.close(memory)

    def close(self) -> None:
        """Let go of it: the kernel frees it with the last mount."""
        os.close(self._held)


def _attached(memory: int) -> tuple[int, int]:
    """The number of a free loop device that now shows `memory`, and a descriptor that holds it."""
    for attempt in range(ATTEMPTS):
        with CONTROL.open("rb") as control:
            number = fcntl.ioctl(control, LOOP_CTL_GET_FREE)
        held = os.open(f"/dev/loop{number}", os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.ioctl(held, LOOP_SET_FD, memory)
            # Freed with its last user, whoever that is and however it ends.
            status = struct.pack(LOOP_INFO64, *[0] * 8, AUTOCLEAR, b"", b"", b"", 0, 0)
            fcntl.ioctl(held, LOOP_SET_STATUS64, status)
        except OSError:  # somebody else was faster
            os.close(held)
            if attempt == ATTEMPTS - 1:
                raise
        else:
            return number, held
    raise AssertionError("not reached")


def possible() -> bool:
    """Whether such disks can be had here."""
    with contextlib.suppress(OSError):
        LocalDisk(1 << 20).close()
        return True
    return False
