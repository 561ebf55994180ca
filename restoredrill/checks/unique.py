"""`unique`: no two rows of a table have the same values in some columns.

Options: table, columns, nulls_equal (are two NULLs the same value), timeout_s.
"""

from datetime import datetime

from restoredrill.checks.answer import check, failed, passed
from restoredrill.checks.naming import columns
from restoredrill.checks.rules import finding
from restoredrill.model import CheckResult, CheckSpec
from restoredrill.protocols import Database


@check
def unique(spec: CheckSpec, database: Database, now: datetime) -> CheckResult:
    """`measured` is the number of keys that stand more than once; none of them is told."""
    timeout_s = float(spec.options["timeout_s"])
    table = database.table(spec.options["table"])
    names = columns(database, table, spec.options["columns"], timeout_s)
    there = "" if spec.options["nulls_equal"] else f"WHERE {' AND '.join(f'{n} IS NOT NULL' for n in names)}"
    groups = f"SELECT 1 FROM {table} {there} GROUP BY {', '.join(names)} HAVING count(*) > 1"
    count = int(database.query(f"SELECT count(*) FROM ({groups}) g", timeout_s).rows[0][0])
    key = ", ".join(names)
    if count:
        found = finding("NOT_UNIQUE", table, f"{count} values of ({key}) in {table} stand more than once")
        return failed(spec, found, measured=count)
    return passed(spec, f"no two rows of {table} have the same ({key})", measured=0)
