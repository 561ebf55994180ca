"""One line for Nagios, Icinga and whoever else reads the Monitoring Plugins' output.

https://www.monitoring-plugins.org/doc/guidelines.html: a state's word and text, `|`, then performance data as
`'label'=value[unit];warn;crit;min`; exit status 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from restoredrill.reports import units

WORDS_AT_MOST = 5  # databases that the text names; the others are counted


class State(IntEnum):
    """The exit statuses of a plugin."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


# What is known to be bad is worse than what is not known, which is worse than what may become bad.
_WORST_FIRST = (State.CRITICAL, State.UNKNOWN, State.WARNING, State.OK)


@dataclass(frozen=True)
class Limit:
    """An age in seconds and what it may reach; None: not known, or nobody says."""

    age_s: float | None
    warning_s: float | None = None
    critical_s: float | None = None

    @property
    def state(self) -> State:
        """What is missing is as old as can be, where somebody waits for it."""
        if self.critical_s is not None and (self.age_s is None or self.age_s > self.critical_s):
            return State.CRITICAL
        if self.warning_s is not None and (self.age_s is None or self.age_s > self.warning_s):
            return State.WARNING
        return State.OK


@dataclass(frozen=True)
class Service:
    """One database as a plugin sees it. `failed`: why its last drill is no proof; `unknown`: why nothing is
    known.
    """

    name: str
    proof: Limit
    backup: Limit
    failed: str = ""
    unknown: str = ""
    inconclusive: str = ""
    overdue: str = ""  # backups that `coverage` promises a drill, and that had none in time


def check(services: Sequence[Service]) -> tuple[State, str]:
    """The state, and the line. Pure."""
    judged = [(judge(one), one) for one in services]
    state = min((state for state, _ in judged), key=_WORST_FIRST.index, default=State.UNKNOWN)
    words = _words(judged, state) if services else "no database is looked after"
    data = " ".join(piece for one in services for piece in _data(one))
    line = f"RESTOREDRILL {state.name} - {_plain(words)}"
    return state, f"{line} | {data}" if data else line


def judge(one: Service) -> State:
    """The worst that is true of it."""
    if one.unknown:
        return State.UNKNOWN
    found = [one.proof.state, one.backup.state]
    if one.failed:
        found.append(State.CRITICAL)
    if one.inconclusive or one.overdue:
        found.append(State.WARNING)
    return min(found, key=_WORST_FIRST.index)


def _words(judged: Iterable[tuple[State, Service]], state: State) -> str:
    named = [(found, one) for found, one in judged if found is not State.OK]
    if state is State.OK:
        return "every database is proven"
    named.sort(key=lambda pair: _WORST_FIRST.index(pair[0]))
    texts = [f"{one.name}: {_why(one)}" for _, one in named[:WORDS_AT_MOST]]
    more = len(named) - len(texts)
    return "; ".join(texts + ([f"and {more} more"] if more else []))


def _why(one: Service) -> str:
    if one.unknown:
        return one.unknown
    if one.failed:
        return one.failed
    said = [_late("no pass", one.proof), _late("no backup", one.backup), one.inconclusive, one.overdue]
    return ", ".join(word for word in said if word)


def _late(what: str, limit: Limit) -> str:
    if limit.state is State.OK:
        return ""
    return f"{what} yet" if limit.age_s is None else f"{what} for {units.duration(limit.age_s)}"


def _data(one: Service) -> Iterable[str]:
    for what, limit in (("proof_age", one.proof), ("backup_age", one.backup)):
        value = "U" if limit.age_s is None else f"{limit.age_s:.0f}s"
        limits = f"{_number(limit.warning_s)};{_number(limit.critical_s)}"
        yield f"{_label(f'{one.name}_{what}')}={value};{limits};0"


def _number(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.0f}"


def _label(name: str) -> str:
    """In quotes; a quote is doubled, and `=` may not be in it."""
    plain = _plain(name).replace("=", "_").replace("'", "''")
    return f"'{plain}'"


def _plain(text: str) -> str:
    """On one line, and without what would begin the performance data."""
    return " ".join(text.split()).replace("|", "/")
