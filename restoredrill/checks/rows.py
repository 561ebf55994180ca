"""`rows`: a table has at least `min` and at most `max` rows.

Options: table, min, max (either may be None), timeout_s.
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
    return passed(spec, f"{count} rows in {table}", measured=count)
