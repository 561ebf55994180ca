"""Carries a machine's connections to the emulated API, as slowly as a test wants."""

import contextlib
import select
import socket
import threading
import time

CHUNK_BYTES = 1 << 18
STOP_POLL_S = 0.2


class Forwarder:
    """Every connection to `listener` goes on to `target`. Counts what the machine got and sent."""

    def __init__(
        self, listener: socket.socket, target: tuple[str, int], rate_mb_s: float | None = None
    ) -> None:
        self._listener = listener
        self._target = target
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._free_at = 0.0
        self.rate_mb_s = rate_mb_s  # all connections together, each direction counted
        self.bytes_down = 0
        self.bytes_up = 0
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more connections and drop those there are."""
        self._stopped.set()
        self._thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            if select.select([self._listener], [], [], STOP_POLL_S)[0]:
                near, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        with near:
            try:
                far = socket.create_connection(self._target)
            except OSError:
                return
            with far:
                up = threading.Thread(target=self._pump, args=(near, far, False), daemon=True)
                up.start()
                self._pump(far, near, True)
                up.join()

    def _pump(self, source: socket.socket, sink: socket.socket, down: bool) -> None:
        try:
            while chunk := self._received(source):
                self._wait_for_turn(len(chunk))
                sink.sendall(chunk)
                self._count(len(chunk), down)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            # One side is gone: the other must hear of it instead of waiting.
            for end in (source, sink):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _received(self, source: socket.socket) -> bytes:
        while not self._stopped.is_set():
            if select.select([source], [], [], STOP_POLL_S)[0]:
                return source.recv(CHUNK_BYTES if self.rate_mb_s is None else CHUNK_BYTES >> 4)
        raise ConnectionAbortedError

    def _wait_for_turn(self, size: int) -> None:
        if self.rate_mb_s is None:
            return
        with self._lock:
            begin = max(self._free_at, time.monotonic())
            self._free_at = begin + size / (self.rate_mb_s * 1e6)
            until = self._free_at
        self._stopped.wait(max(0.0, until - time.monotonic()))

    def _count(self, size: int, down: bool) -> None:
        with self._lock:
            if down:
                self.bytes_down += size
            else:
                self.bytes_up += size
