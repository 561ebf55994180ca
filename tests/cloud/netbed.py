"""The network of one throwaway machine: two namespaces and a cable between them.

    hub       169.254.169.254 (metadata), 10.77.0.1 (the emulated API), the subnet's gateway (and DHCP)
    machine   eth0 with its address by DHCP; the default route leads to the hub, and the hub forwards nothing

The namespaces have no names: file descriptors hold them, so they are gone with this process, however it ends.
The host's own namespace gets no address, route, rule or setting.
"""

import ctypes
import ipaddress
import os
import socket
import subprocess
import threading
from collections.abc import Callable
from typing import TypeVar

from tests.cloud.rootfs import ENDPOINT_ADDRESS

METADATA_ADDRESS = "169.254.169.254"
PREFIX = 24
CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL("libc.so.6", use_errno=True)
_Result = TypeVar("_Result")


def _in_thread(work: Callable[[], _Result]) -> _Result:
    """What `work` gives in a thread of its own: a namespace is entered by a thread, and never left again."""
    results: list[_Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def _called(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def new_namespace() -> int:
    """A file descriptor of a fresh network namespace, which lives as long as somebody holds it."""

    def make() -> int:
        _called(_libc.unshare(CLONE_NEWNET), "unshare")
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    return _in_thread(make)


def inside(namespace: int, work: Callable[[], _Result]) -> _Result:
    """What `work` gives inside a namespace: a socket made there stays there."""

    def run() -> _Result:
        _called(_libc.setns(namespace, CLONE_NEWNET), "setns")
        return work()

    return _in_thread(run)


def _ip(namespace: int, commands: list[str], pass_fds: tuple[int, ...] = ()) -> None:
    argv = ["nsenter", f"--net=/proc/self/fd/{namespace}", "ip", "-batch", "-"]
    text = "".join(f"{command}\n" for command in commands)
    subprocess.run(
        argv, input=text, text=True, check=True, capture_output=True, pass_fds=(namespace, *pass_fds)
    )


def _gateway(address: str) -> str:
    """The first address of the subnet, as in a VPC; the last one where the machine has the first."""
    hosts = list(ipaddress.ip_interface(f"{address}/{PREFIX}").network.hosts())
    return str(hosts[0] if str(hosts[0]) != address else hosts[-1])


class Network:
    """Both namespaces of one machine. `machine` is the descriptor to start it in."""

    def __init__(self, address: str, mac: str, *, reachable: bool = True) -> None:
        self.address, self.gateway = address, _gateway(address)
        self._hub = new_namespace()
        self.machine = new_namespace()
        self._endpoint = False
        path = f"/proc/self/fd/{self.machine}"
        cable = f"link add m0 type veth peer name eth0 address {mac} netns {path}"
        addresses = [f"addr add {self.gateway}/{PREFIX} dev m0", f"addr add {METADATA_ADDRESS}/32 dev lo"]
        _ip(self._hub, ["link set lo up", cable, *addresses, "link set m0 up"], (self.machine,))
        _ip(self.machine, ["link set lo up"])
        if reachable:
            self.heal()

    def listen(self, address: str, port: int) -> socket.socket:
        """A listening socket in the hub; `address` may be one that is cut at the moment."""

        def make() -> socket.socket:
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.IPPROTO_IP, getattr(socket, "IP_FREEBIND", 15), 1)
            listener.bind((address, port))
            listener.listen(128)
            return listener

        return inside(self._hub, make)

    def datagrams(self, port: int) -> socket.socket:
        """A broadcast socket on the hub's end of the cable."""

        def make() -> socket.socket:
            box = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            box.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            box.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"m0")
            box.bind(("", port))
            return box

        return inside(self._hub, make)

    def cut(self) -> None:
        """Lose, without a word, every packet to the API. Metadata stays: it is the hypervisor's."""
        if self._endpoint:
            _ip(self._hub, [f"addr del {ENDPOINT_ADDRESS}/32 dev lo"])
            self._endpoint = False

    def heal(self) -> None:
        """Let packets through again; what was connected goes on where it was."""
        if not self._endpoint:
            _ip(self._hub, [f"addr add {ENDPOINT_ADDRESS}/32 dev lo"])
            self._endpoint = True

    def unplug(self) -> None:
        """Pull the cable, as a host that dies does: nobody on the other side is told anything."""
        _ip(self._hub, ["link set m0 down"])

    def close(self) -> None:
        """Let go of both namespaces."""
        os.close(self._hub)
        os.close(self.machine)
