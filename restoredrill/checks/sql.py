"""`sql`: the answer to a query is as expected.

Options: sql, expect (see `restoredrill.expect`), timeout_s. The query runs in a read-only transaction.
"""

from datetime import datetime

from restoredrill.checks.answer import check, failed, passed
from restoredrill.checks.rules import finding
from restoredrill.expect import expectation
from restoredrill.model import CheckResult, CheckSpec
from restoredrill.protocols import Database


@check
def sql(spec: CheckSpec, database: Database, now: datetime) -> CheckResult:
    """What is told of the answer holds no text of the database's."""
    wanted = expectation(spec.options["expect"])
    answer = database.query(spec.options["sql"], spec.options["timeout_s"]).rows
    said = wanted.answer(answer)
    if wanted.holds(answer):
        return passed(spec, f"the answer is {said}, as expected")
    message = f"the answer is {said}, expected is {wanted.text}"
    return failed(spec, finding("NOT_AS_EXPECTED", spec.name, message))
