"""A throwaway machine behind an instance of the emulated EC2: its parts, and what can be done to it."""

import contextlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from urllib.parse import urlsplit

from tests.cloud.container import Container, Hardware, Process
from tests.cloud.dhcp import DhcpServer
from tests.cloud.forwarder import Forwarder
from tests.cloud.imds import Imds
from tests.cloud.model import Instance
from tests.cloud.netbed import METADATA_ADDRESS, PREFIX, Network
from tests.cloud.nvme import LocalDisk
from tests.cloud.rootfs import ENDPOINT_ADDRESS
from tests.cloud.world import Cloud

SOME_ADDRESS = "10.9.0.10"
SOME_MAC = "02:00:00:00:00:0a"
POLL_S = 0.05
SHOWN_LINES = 80
# What systemd says of each of its units.
CHATTER = re.compile(r"\[  OK  \]| {9}(Starting|Stopping|Mounting|Unmounting) |.* cloud-init\[\d+\]: ci-info")


@dataclass(frozen=True)
class Options:
    """How the next machines are made."""

    disk: str = "2g"  # what one may write, as tmpfs counts
    nvme_bytes: int = 0  # the size of a local disk, /dev/nvme1n1; 0: it has none
    reachable: bool = True  # whether there is a way to the API at all
    rate_mb_s: float | None = None  # of its link to the API; None: as fast as it goes
    source: tuple[str, int] | None = None  # a database server that it reaches at the API's address, port 5432


class Machine:
    """One machine, from the moment it is switched on. `instance` is what EC2 said of it then."""

    def __init__(self, cloud: Cloud, instance: Instance, tree: Path, folder: Path, options: Options) -> None:
        self.instance = instance
        self.started_at_s = time.monotonic()
        self._parts = contextlib.ExitStack()
        folder.mkdir()
        with contextlib.ExitStack() as parts:
            self.network = parts.enter_context(
                contextlib.closing(
                    Network(
                        instance.private_ip or SOME_ADDRESS,
                        instance.mac or SOME_MAC,
                        reachable=options.reachable,
                    )
                )
            )
            self.metadata = self._serve_metadata(cloud, parts)
            self._serve_addresses(parts)
            self.link = self._serve_endpoint(cloud, parts, options.rate_mb_s)
            if options.source is not None:
                database = Forwarder(self.network.listen(ENDPOINT_ADDRESS, 5432), options.source)
                parts.enter_context(contextlib.closing(database))
            self._container = self._switch_on(folder, tree, parts, options)
            self._parts = parts.pop_all()

    def _serve_metadata(self, cloud: Cloud, parts: contextlib.ExitStack) -> Imds:
        listener = self.network.listen(METADATA_ADDRESS, 80)
        more = {"local-ipv4": self.network.address, "mac": self.instance.mac or SOME_MAC}
        return parts.enter_context(contextlib.closing(cloud.imds(self.instance.id, listener, more)))

    def _serve_addresses(self, parts: contextlib.ExitStack) -> None:
        net = self.network
        server = DhcpServer(net.datagrams(67), net.address, net.gateway, PREFIX)
        parts.enter_context(contextlib.closing(server))

    def _serve_endpoint(self, cloud: Cloud, parts: contextlib.ExitStack, rate: float | None) -> Forwarder:
        api = urlsplit(cloud.endpoint_url)
        listener = self.network.listen(ENDPOINT_ADDRESS, 80)
        forwarder = Forwarder(listener, (api.hostname or "127.0.0.1", api.port or 80), rate)
        return parts.enter_context(contextlib.closing(forwarder))

    def _switch_on(
        self, folder: Path, tree: Path, parts: contextlib.ExitStack, options: Options
    ) -> Container:
        number = self.instance.id.removeprefix("i-")
        uuid = f"ec2{number[-5:]}-0000-4000-8000-{number[-12:]:0>12}"
        nvme = None
        if options.nvme_bytes:
            nvme = parts.enter_context(contextlib.closing(LocalDisk(options.nvme_bytes))).number
        hardware = Hardware(tree, self.network.machine, self.instance.type, uuid, options.disk, nvme)
        return parts.enter_context(contextlib.closing(Container(folder, number, hardware)))

    @property
    def id(self) -> str:
        """The instance's."""
        return self.instance.id

    @property
    def log(self) -> str:
        """What stands on its console so far."""
        return self._container.log

    @property
    def written(self) -> int:
        """How many bytes were written to its console: whether there is anything new."""
        return self._container.written

    @property
    def ended(self) -> str | None:
        """None while it is on; then `poweroff`, `killed`, `reboot` or `failed`."""
        return self._container.ended

    @property
    def alive(self) -> bool:
        """Whether it is on."""
        return self.ended is None

    def processes(self) -> list[Process]:
        """What runs in it; empty once it is off."""
        return self._container.processes()

    def exec(self, argv: list[str], timeout_s: float = 60.0) -> CompletedProcess[str]:
        """Run a program in it as root, wait, and give what it said."""
        return self._container.exec(argv, timeout_s)

    def path(self, inside: str) -> Path:
        """Where one of its files is for us, while it is on."""
        return self._container.path(inside)

    def kill(self) -> None:
        """Abrupt death: nothing in it or of it is told to anybody. EC2 goes on saying `running`."""
        self.network.unplug()
        self._container.kill()

    def press_power_button(self) -> None:
        """What EC2 does first when an instance is terminated."""
        self._container.press_power_button()

    def freeze(self, pattern: str) -> list[Process]:
        """Let every process hang whose command line matches; those it were."""
        return self._container.freeze(pattern)

    def thaw(self) -> None:
        """Let what was frozen go on."""
        self._container.thaw()

    def cut(self) -> None:
        """No packet reaches the API any more, and none is refused. Metadata stays, as in EC2."""
        self.network.cut()

    def heal(self) -> None:
        """The end of `cut`."""
        self.network.heal()

    def fill(self) -> int:
        """Use up its disk; how many bytes were free."""
        return self._container.fill()

    def empty(self) -> None:
        """Give back what `fill` took."""
        self._container.empty()

    def wait_for(self, text: str, limit_s: float = 60.0) -> None:
        """Until `text` stands on the console. Raises AssertionError with the console after `limit_s`."""
        wait_until(lambda: text in self.log, limit_s, lambda: f"no {text!r} on the console of {self}")

    def wait_off(self, limit_s: float = 60.0) -> str:
        """Until it is off; how it ended. Raises AssertionError with the console after `limit_s`."""
        wait_until(lambda: self.ended is not None, limit_s, lambda: f"still on: {self}")
        return self.ended or ""

    def close(self) -> None:
        """Switch it off and give back everything it was made of. May be called twice."""
        self._parts.close()

    def __str__(self) -> str:
        said = [line for line in self.log.splitlines() if not CHATTER.match(line)]
        return "\n".join([f"{self.id} ({self.ended or 'on'}); its console ends:", *said[-SHOWN_LINES:]])


def wait_until(check: Callable[[], object], limit_s: float, why: Callable[[], str]) -> None:
    """Until `check` holds. Raises AssertionError with `why` after `limit_s`."""
    deadline = time.monotonic() + limit_s
    while not check():
        if time.monotonic() > deadline:
            raise AssertionError(f"after {limit_s:g} s {why()}")
        time.sleep(POLL_S)
