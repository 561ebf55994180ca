"""`query_time`: a query is answered in time: a restored database is useless if its plans are.

Options: sql, max_s, runs, timeout_s. Measured by the server itself (EXPLAIN ANALYZE): planning and execution,
without the way to us. The median of the runs counts.
"""

import statistics
from datetime import datetime

from restoredrill.checks.answer import check, failed, passed
from restoredrill.checks.rules import finding
from restoredrill.model import CheckResult, CheckSpec
from restoredrill.protocols import Database


@check
def query_time(spec: CheckSpec, database: Database, now: datetime) -> CheckResult:
    """`measured` is the median in seconds."""
    options = spec.options
    query = f"EXPLAIN (ANALYZE, TIMING OFF, SUMMARY ON, FORMAT JSON) {options['sql']}"
    taken_s = []
    for _ in range(options["runs"]):
        (plan,) = database.query(query, float(options["timeout_s"])).rows[0][0]
        taken_s.append((plan["Planning Time"] + plan["Execution Time"]) / 1000)
    median_s = statistics.median(taken_s)
    words = f"{median_s:.3f} s (median of {len(taken_s)} runs), at most {options['max_s']:g} s wanted"
    if median_s > options["max_s"]:
        return failed(spec, finding("QUERY_SLOW", spec.name, f"it took {words}"), measured=median_s)
    return passed(spec, words, measured=median_s)
