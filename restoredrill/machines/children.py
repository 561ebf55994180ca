"""Runs of the service, each a process of its own: `restoredrill backup NAME --json` and the like."""

import fcntl
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from restoredrill import process
from restoredrill.process import Finished, Proc

PROGRAM = (*process.MODULE, "restoredrill")


class Children:
    """Starts programs of ours under a lock that they themselves hold.

    The lock file is open in the child, so it is free when the child is gone, however it and we went: a
    service that was killed and started again finds its old runs still under way and starts none beside them.
    """

    def __init__(self, locks: Path, environment: Mapping[str, str], program: Sequence[str] = PROGRAM) -> None:
        self._program = program
        self._locks = locks
        self._environment = environment
        self._running: dict[str, Proc] = {}
        self._guard = threading.Lock()
        self._stopping = False

    def run(self, key: str, words: Sequence[str]) -> Finished | None:
        """Run the program with `words` to its end; None if `key` is running already or everything is being
        stopped.
        """
        with self._lock(key) as held:
            child = None if held is None else self._start(key, words, held)
            if child is None:
                return None
            out, err = child.communicate()
            with self._guard:
                del self._running[key]
            return Finished(child.returncode, out.decode(errors="replace"), err.decode(errors="replace"))

    def at_work(self, key: str) -> bool:
        """Does a program run under this key, whoever started it?"""
        with self._lock(key) as held:
            return held is None

    def _start(self, key: str, words: Sequence[str], held: int) -> process.Child | None:
        with self._guard:  # so that `stop` either sees this child or is seen here
            if self._stopping:
                return None
            child = process.start(
                [*self._program, *words],
                extra_env=self._environment,
                stdout=process.PIPE,
                stderr=process.PIPE,
                held=(held,),
            )
            self._running[key] = process.identify(child.pid) or Proc(child.pid, 0.0)
            return child

    def stop(self, patience_s: float) -> None:
        """SIGTERM to all at once, SIGKILL to those that are still there after `patience_s`."""
        with self._guard:
            self._stopping = True
            running = tuple(self._running.values())
        enders = [
            threading.Thread(
                target=process.end, args=(proc,), kwargs={"patience_s": patience_s, "first": signal.SIGTERM}
            )
            for proc in running
        ]
        for ender in enders:
            ender.start()
        for ender in enders:
            ender.join()

    def _lock(self, key: str) -> AbstractContextManager[int | None]:
        # The child has its own copy of the open file: the lock lives on in it.
        return lock(self._locks / f"{key.replace('/', '_')}.lock")


@contextmanager
def lock(path: Path) -> Iterator[int | None]:
    """The open file that holds the lock, None if somebody else has it. Raises `OSError`."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    held = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield held if _taken(held) else None
    finally:
        os.close(held)


def _taken(held: int) -> bool:
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
