"""Which backups stay. Pure: times and ids go in, a plan comes out that can be printed before anything is
done.
"""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo


@dataclass(frozen=True)
class Keep:
    """How many of each kind stay: the newest backup of each of the last N hours, days … that have one.

    All zero keeps everything.
    """

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0


@dataclass(frozen=True)
class Plan:
    """(id, reason) of what stays and what goes, newest first."""

    keep: tuple[tuple[str, str], ...]
    delete: tuple[tuple[str, str], ...]


# What two backups have in common if one of them is enough. Weeks are ISO weeks, from Monday.
_PERIODS: dict[str, Callable[[datetime], tuple[int, ...]]] = {
    "hourly": lambda at: (at.year, at.month, at.day, at.hour, at.fold),
    "daily": lambda at: (at.year, at.month, at.day),
    "weekly": lambda at: at.isocalendar()[:2],
    "monthly": lambda at: (at.year, at.month),
    "yearly": lambda at: (at.year,),
}


def plan(
    taken: Mapping[str, datetime],
    keep: Keep,
    now: datetime,
    *,
    passed: AbstractSet[str] = frozenset(),
    running: AbstractSet[str] = frozenset(),
    held: AbstractSet[str] = frozenset(),
    timezone: tzinfo = UTC,
) -> Plan:
    """What to do with the backups in `taken` (id -> when).

    Whatever the rules say, these stay: the newest, the newest that a drill has `passed`, those that a
    drill is `running` on, those `held` by an object lock, and those from the future, which a wrong clock
    made and which must not push others out.
    """
    newest_first = sorted(taken, key=lambda backup: (taken[backup], backup), reverse=True)
    past = [backup for backup in newest_first if taken[backup] <= now]
    reasons: dict[str, list[str]] = {backup: [] for backup in newest_first}
    for rule, backups in _by_rule(past, taken, keep, timezone).items():
        for number, backup in enumerate(backups, 1):
            reasons[backup].append(f"{rule} {number}")
    for reason, ids in _whatever_the_rules(newest_first, past, keep, passed, running, held).items():
        for backup in ids:
            # A backup that stays anyway needs no excuse.
            if not reasons[backup]:
                reasons[backup].append(reason)
    stays = tuple((backup, ", ".join(why)) for backup, why in reasons.items() if why)
    return Plan(stays, tuple((backup, "no rule keeps it") for backup, why in reasons.items() if not why))


def _by_rule(
    past: list[str], taken: Mapping[str, datetime], keep: Keep, timezone: tzinfo
) -> dict[str, list[str]]:
    chosen = {"last": past[: keep.last]}
    for rule, period_of in _PERIODS.items():
        newest_of: dict[tuple[int, ...], str] = {}
        for backup in past:
            newest_of.setdefault(period_of(taken[backup].astimezone(timezone)), backup)
        chosen[rule] = list(newest_of.values())[: getattr(keep, rule)]
    return chosen


def _whatever_the_rules(
    newest_first: list[str],
    past: list[str],
    keep: Keep,
    passed: AbstractSet[str],
    running: AbstractSet[str],
    held: AbstractSet[str],
) -> dict[str, list[str]]:
    proven = [backup for backup in newest_first if backup in passed]
    return {
        "no rules, everything stays": newest_first if keep == Keep() else [],
        "its time is in the future": [backup for backup in newest_first if backup not in set(past)],
        "the newest": past[:1],
        "the newest that passed a drill": proven[:1],
        "a drill is running on it": [backup for backup in newest_first if backup in running],
        "under an object lock": [backup for backup in newest_first if backup in held],
    }
