"""`rows`: a table has at least `min` and at most `max` rows, and not far fewer or more than when a drill last
passed.

Options: table, min, max, max_fall, max_growth (shares of what there was; any may be None), last_rows (what
the last pass counted; None: there was none), timeout_s.
"""

from datetime import datetime

from restoredrill.checks.answer import check, failed, passed
from restoredrill.checks.rules import finding
from restoredrill.model import CheckResult, CheckSpec
from restoredrill.protocols import Database


@check
def rows(spec: CheckSpec, database: Database, now: datetime) -> CheckResult:
    """Counts exactly. `measured` is the number of rows."""
    table = database.table(spec.options["table"])
    answer = database.query(f"SELECT count(*) FROM {table}", spec.options["timeout_s"])
    count = int(answer.rows[0][0])
    least, most = spec.options.get("min"), spec.options.get("max")
    if least is not None and count < least:
        found = finding("ROWS_TOO_FEW", table, f"{table} has {count} rows, at least {least} are wanted")
        return failed(spec, found, measured=count)
    if most is not None and count > most:
        found = finding("ROWS_TOO_MANY", table, f"{table} has {count} rows, at most {most} are wanted")
        return failed(spec, found, measured=count)
    return _since(spec, table, count)


def _since(spec: CheckSpec, table: str, count: int) -> CheckResult:
    """Against the last pass, where something is asked of that."""
    fall, growth, last = (spec.options.get(name) for name in ("max_fall", "max_growth", "last_rows"))
    said = f"{count} rows in {table}"
    if last is None:
        gap = fall is not None or growth is not None
        return passed(spec, f"{said}; no pass before to compare with" if gap else said, measured=count)
    change = f"{table} has {count} rows, {last:.0f} when a drill last passed"
    if fall is not None and count < last * (1 - fall):
        found = finding("ROWS_FELL", table, f"{change}: at most {fall:.0%} may go")
        return failed(spec, found, measured=count)
    if growth is not None and count > last * (1 + growth):
        found = finding("ROWS_GREW", table, f"{change}: at most {growth:.0%} may come")
        return failed(spec, found, measured=count)
    return passed(spec, f"{said}, {count - last:+.0f} since a drill last passed", measured=count)
