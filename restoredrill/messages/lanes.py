"""Work for several addresses at once, so that a slow one holds up nobody but itself."""

import threading
from collections.abc import Callable, Mapping

from restoredrill import clock

AT_ONCE = 16


class Lanes:
    """At most one piece of work of a name goes on at a time. The threads hold up no end of the process."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._busy: set[str] = set()
        self._changed = threading.Condition()

    def busy(self) -> frozenset[str]:
        """Names of what goes on. Only `run` begins anything: what is not among them stays so until then."""
        with self._changed:
            return frozenset(self._busy)

    def run(self, work: Mapping[str, Callable[[], None]], patience_s: float) -> bool:
        """Do each in a thread of its own, but for those whose name is busy since an earlier call; return when
        all that began are done, or patience is over. What goes on then, goes on. True if nothing does.

        What could not begin in time is left out: it comes again with the next call.
        """
        until_s = clock.monotonic_s() + patience_s
        begun = set()
        for name, deed in work.items():
            if self._begin(name, deed, until_s):
                begun.add(name)
        with self._changed:
            return self._changed.wait_for(
                lambda: not (begun & self._busy), timeout=max(0.0, until_s - clock.monotonic_s())
            ) and begun == set(work)

    def _begin(self, name: str, deed: Callable[[], None], until_s: float) -> bool:
        with self._changed:
            left_s = max(0.0, until_s - clock.monotonic_s())
            free = self._changed.wait_for(
                lambda: name in self._busy or len(self._busy) < self._at_once, timeout=left_s
            )
            if not free or name in self._busy:
                return False
            self._busy.add(name)
        threading.Thread(target=self._do, args=(name, deed), name=f"to {name}", daemon=True).start()
        return True

    def _do(self, name: str, deed: Callable[[], None]) -> None:
        try:
            deed()
        finally:
            with self._changed:
                self._busy.discard(name)
                self._changed.notify_all()
