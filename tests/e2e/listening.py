"""Looks, while something runs, at what anybody on the host could see of it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOOK_EVERY_S = 0.1


class Watcher:
    """Collects command lines of all processes, and what stands in files that are there for a while only."""

    def __init__(self, folder: Path, patterns: tuple[str, ...]) -> None:
        self._folder = folder
        self._patterns = patterns
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.seen: dict[str, set[bytes]] = {}

    def __enter__(self) -> "Watcher":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def named(self, part: str) -> list[bytes]:
        """What was seen under names that hold `part`."""
        return [body for name, bodies in self.seen.items() if part in name for body in bodies]

    def _look(self) -> None:
        while not self._stop.wait(LOOK_EVERY_S):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                self._note("cmdline", path)
            for pattern in self._patterns:
                for path in self._folder.glob(pattern):
                    self._note(path.name, path)

    def _note(self, name: str, path: Path) -> None:
        try:
            body = path.read_bytes()
        except OSError:  # gone meanwhile
            return
        self.seen.setdefault(name, set()).add(body)


class Listener:
    """A port on loopback that counts who calls."""

    def __init__(self, server: socket.socket) -> None:
        self._server = server
        self._calls = 0
        self._own = 0
        self.port: int = server.getsockname()[1]

    @property
    def calls(self) -> int:
        """So many so far, all of them: callers are taken in turn, and the last one is we."""
        with socket.create_connection(("127.0.0.1", self.port)) as own:
            own.recv(1)
        self._own += 1
        return self._calls - self._own

    def accept(self) -> None:
        while True:
            try:
                caller, _ = self._server.accept()
            except OSError:
                return
            self._calls += 1
            caller.close()


@contextmanager
def listener() -> Iterator[Listener]:
    """Somebody who listens; in the end he does not."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        made = Listener(server)
        thread = threading.Thread(target=made.accept, daemon=True)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
