"""`freshness`: the newest value of a column is at most `max_age_s` old, seen from the drill's start.

Options: table, column, max_age_s, timeout_s. The column holds dates, timestamps (without a zone: in the
database's own, or UTC) or seconds since 1970.
"""

import math
from datetime import datetime

from restoredrill.checks.answer import check, failed, passed
from restoredrill.checks.naming import column
from restoredrill.checks.rules import finding
from restoredrill.model import CheckResult, CheckSpec
from restoredrill.protocols import Database

# The clocks of whoever wrote the row and of this machine may differ by so much.
_SKEW_S = 300.0

_DAY_S = 86400.0

# Seconds since 1970 by the column's type; of a domain, by the type it is made of.
_NEWEST = {
    "timestamp with time zone": "extract(epoch FROM max({column}))",
    "timestamp without time zone": "extract(epoch FROM max({column})::timestamptz)",
    "date": "extract(epoch FROM max({column})::timestamptz)",
    "bigint": "max({column})",
    "integer": "max({column})",
    "numeric": "max({column})",
    "double precision": "max({column})",
}


@check
def freshness(spec: CheckSpec, database: Database, now: datetime) -> CheckResult:
    """`measured` is the age in seconds. No value at all is a failure, and so is one from the future."""
    table = database.table(spec.options["table"])
    name, timeout_s = str(spec.options["column"]), float(spec.options["timeout_s"])
    spelt, kind = column(database, table, name, timeout_s)
    if kind not in _NEWEST:
        message = f"column {name} of {table} is of type {kind}, which is no time"
        return failed(spec, finding("NOT_A_TIME", table, message))
    seconds = _NEWEST[kind].format(column=spelt)
    newest = database.query(f"SELECT {seconds} FROM {table}", timeout_s).rows[0][0]
    if newest is None or not math.isfinite(newest):
        why = "has no value" if newest is None else "has infinity or NaN as its newest"
        return failed(spec, finding("NOTHING_FRESH", table, f"column {name} of {table} {why}"))
    age_s = now.timestamp() - float(newest)
    # A date stands for its whole day: the newest row may be as new as the day's end.
    return _judged(spec, table, max(0.0, age_s - _DAY_S) if kind == "date" and age_s >= 0 else age_s)


def _judged(spec: CheckSpec, table: str, age_s: float) -> CheckResult:
    most_s = float(spec.options["max_age_s"])
    if age_s < -_SKEW_S:
        message = f"the newest value in {table} lies {_told(-age_s)} in the future"
        return failed(spec, finding("FROM_THE_FUTURE", table, message))
    age_s = max(0.0, age_s)
    if age_s > most_s:
        message = f"the newest value in {table} is {_told(age_s)} old, at most {_told(most_s)} is wanted"
        return failed(spec, finding("NOT_FRESH", table, message), measured=age_s)
    return passed(spec, f"the newest value in {table} is {_told(age_s)} old", measured=age_s)


def _told(seconds: float) -> str:
    """A length of time to two units.

    >>> _told(93784)
    '1d 2h'
    """
    parts = []
    left = round(seconds)
    for unit, unit_s in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        if left >= unit_s:
            parts.append(f"{left // unit_s}{unit}")
            left %= unit_s
    return " ".join(parts[:2]) or "0s"
