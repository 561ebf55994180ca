"""Runs a program that can't call out: no sockets but Unix ones, and no connecting with those either.

A program by itself (`python confine.py PROGRAM ARGUMENT…`), because what the kernel is told here holds for
the process that tells it and for all it becomes and starts. A network of its own (unshare(1)) needs rights
that containers take away, and does not keep a restored database from a production server's Unix socket on the
same host; this needs no rights. A server still listens and answers: it never has to connect.

Linux on x86-64 and 64-bit Arm; elsewhere it fails. Sources: seccomp(2), prctl(2), linux/bpf_common.h,
linux/audit.h, and the kernel's system call tables.
"""

import ctypes
import os
import platform
import struct
import sys
from collections.abc import Sequence

# machine: (AUDIT_ARCH_…, socket, connect); io_uring_setup has the same number everywhere.
_CALLS = {"x86_64": (0xC000003E, 41, 42), "aarch64": (0xC00000B7, 198, 203)}
_IO_URING_SETUP = 425  # a ring could connect without the call
_X32 = 0x40000000  # x86-64's other numbering; nothing uses it

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, …|JGE|K, BPF_RET|K
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data (little-endian)
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 13  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO with EACCES
_AF_UNIX = 1


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def _filter(machine: str) -> bytes:
    """The filter as struct sock_filter: code, jump if true, jump if false, operand."""
    architecture, socket, connect = _CALLS[machine]
    program = (
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 0, 8, architecture),  # another one's calls have other numbers: refuse them all
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 6, 0, _X32),
        (_EQUAL, 5, 0, connect),
        (_EQUAL, 4, 0, _IO_URING_SETUP),
        (_EQUAL, 0, 2, socket),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_EQUAL, 0, 1, _AF_UNIX),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    )
    return b"".join(struct.pack("<HBBI", *step) for step in program)


def confine() -> None:
    """Take the network from this process and all its children, for good. Raises `OSError`."""
    machine = platform.machine()
    if sys.platform != "linux" or machine not in _CALLS:
        raise OSError(f"not known how on {sys.platform} {machine}")
    steps = _filter(machine)
    program = _Program(len(steps) // 8, steps)
    libc = ctypes.CDLL(None, use_errno=True)
    for call in (
        (_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0),
    ):
        if libc.prctl(*call) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def main(argv: Sequence[str]) -> None:
    """Confine and become the program."""
    confine()
    os.execvp(argv[0], list(argv))  # noqa: S606 - there is no shell, on purpose


if __name__ == "__main__":
    main(sys.argv[1:])
