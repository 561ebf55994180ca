"""`references`: every row that refers to another table finds what it refers to.

Options: table, columns, to, to_columns, timeout_s. A row with a NULL among its columns refers to nothing.
"""

from datetime import datetime

from restoredrill.checks.answer import check, failed, passed
from restoredrill.checks.naming import columns
from restoredrill.checks.rules import finding
from restoredrill.model import CheckResult, CheckSpec
from restoredrill.protocols import Database


@check
def references(spec: CheckSpec, database: Database, now: datetime) -> CheckResult:
    """`measured` is the number of orphans; none of them is told."""
    options, timeout_s = spec.options, float(spec.options["timeout_s"])
    table, other = database.table(options["table"]), database.table(options["to"])
    near = columns(database, table, options["columns"], timeout_s)
    far = columns(database, other, options["to_columns"], timeout_s)
    refers = " AND ".join(f"f.{name} IS NOT NULL" for name in near)
    joined = " AND ".join(f"p.{there} = f.{here}" for here, there in zip(near, far, strict=True))
    query = (
        f"SELECT count(*) FROM {table} f WHERE {refers} AND NOT EXISTS (SELECT FROM {other} p WHERE {joined})"
    )
    count = int(database.query(query, timeout_s).rows[0][0])
    if count:
        message = f"{count} rows of {table} refer to rows that {other} does not have"
        return failed(spec, finding("ORPHANS", table, message), measured=count)
    return passed(spec, f"every row of {table} finds its row of {other}", measured=0)
