"""One look for many eyes: whoever asks for his machine within a second gets what the last look found."""

import threading

from restoredrill import clock
from restoredrill.machines.ec2.account import Account, Found

FRESH_S = 1.0
_FORGOTTEN_S = 120.0  # who has not asked for so long is looked for no more


class Watch:
    """Machines of the errands that are asked for, kept for `fresh_s`. Fifty drills cost one call and not
    fifty; a single one asks for itself alone. Any thread may ask.
    """

    def __init__(self, account: Account, fresh_s: float = FRESH_S) -> None:
        self._account = account
        self._fresh_s = fresh_s
        self._lock = threading.Lock()
        self._wanted: dict[str, float] = {}  # errand -> when it was last asked for
        self._errands: dict[str, str] = {}  # machine -> its errand
        self._covered: frozenset[str] = frozenset()
        self._seen: tuple[Found, ...] = ()
        self._at_s = 0.0

    def know(self, machine: str, errand: str) -> None:
        """A machine was started; what was seen before is out of date."""
        with self._lock:
            self._errands[machine] = errand
            self._covered = frozenset()

    def errand_of(self, machine: str) -> str | None:
        """The errand of a machine's id, or the errand that `machine` is already; None: nothing of ours."""
        if not machine.startswith("i-"):
            return machine
        with self._lock:
            if machine in self._errands:
                return self._errands[machine]
        found = self._account.instance(machine)
        if found is None or not found.errand:
            return None
        with self._lock:
            return self._errands.setdefault(machine, found.errand)

    def machines(self, machine: str) -> tuple[Found, ...]:
        """What there is of it: one instance for an instance's id, every attempt's for an errand's."""
        errand = self.errand_of(machine)
        if errand is None:
            return ()
        with self._lock:
            now_s = clock.monotonic_s()
            self._wanted[errand] = now_s
            if errand not in self._covered or now_s - self._at_s >= self._fresh_s:
                self._look(now_s)
            seen = tuple(one for one in self._seen if one.errand == errand)
        return tuple(one for one in seen if machine in (one.id, errand))

    def _look(self, now_s: float) -> None:
        self._wanted = {errand: at_s for errand, at_s in self._wanted.items() if now_s - at_s < _FORGOTTEN_S}
        errands = tuple(self._wanted)
        home, *elsewhere = self._account.regions
        here = self._account.instances(errands, (home,))
        missing = tuple(set(errands) - {one.errand for one in here}) if elsewhere else ()
        self._seen = here + (self._account.instances(missing, elsewhere) if missing else ())
        self._covered, self._at_s = frozenset(errands), clock.monotonic_s()
