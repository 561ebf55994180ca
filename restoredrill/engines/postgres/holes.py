"""Gives a file's first bytes back to the file system while somebody still writes at its end.

Linux: fallocate(2) with FALLOC_FL_PUNCH_HOLE, on ext4, XFS, Btrfs, tmpfs, overlays of these and NFS 4.2.
Python's `os` has only `posix_fallocate`. Elsewhere (macOS, NFS 3, vfat) no holes are made.
"""

import ctypes
import functools
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

_KEEP_SIZE_AND_PUNCH_HOLE = 0x01 | 0x02  # linux/falloc.h
_PROBE_BYTES = 1 << 20


def punch(file: int, start: int, length: int) -> bool:
    """Release the whole blocks within a range of an open, writable file. False: not possible here."""
    fallocate = _fallocate()
    if fallocate is None or length <= 0:
        return False
    return fallocate(file, _KEEP_SIZE_AND_PUNCH_HOLE, start, length) == 0


def possible(folder: Path) -> bool:
    """Do holes give space back on the file system of `folder`? Found out by making one."""
    with tempfile.TemporaryFile(dir=folder) as probe:
        probe.write(os.urandom(_PROBE_BYTES))  # not zeroes: some file systems would not store them at all
        probe.flush()
        os.fsync(probe.fileno())
        before = os.fstat(probe.fileno()).st_blocks
        return punch(probe.fileno(), 0, _PROBE_BYTES) and os.fstat(probe.fileno()).st_blocks < before


@functools.cache
def _fallocate() -> Callable[..., int] | None:
    try:
        found = ctypes.CDLL(None, use_errno=True).fallocate
    except (OSError, AttributeError):
        return None
    found.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    found.restype = ctypes.c_int
    return found
