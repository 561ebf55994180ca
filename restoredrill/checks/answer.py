"""What the checks of the user's own have in common: how a question that went wrong becomes a result."""

import functools
from collections.abc import Callable
from datetime import datetime

from restoredrill import clock
from restoredrill.checks.rules import finding
from restoredrill.errors import DiskFull, QueryFailed, QueryTimeout, ServerFailed, ToolMissing
from restoredrill.model import CheckResult, CheckSpec, Finding, Outcome
from restoredrill.protocols import Check, Database

# Of a query that failed, by what was asked for.
_RULES = {"find": "TABLE_NOT_FOUND", "find column": "COLUMN_NOT_FOUND"}

Question = Callable[[CheckSpec, Database, datetime], CheckResult]


def passed(spec: CheckSpec, detail: str, *, measured: float | None = None) -> CheckResult:
    """The answer is as wanted."""
    return CheckResult(
        name=spec.name, kind=spec.kind, outcome=Outcome.PASSED, detail=detail, measured=measured
    )


def failed(spec: CheckSpec, found: Finding, *, measured: float | None = None) -> CheckResult:
    """The answer is not as wanted, or there is none because the database is not what it should be."""
    return CheckResult(
        name=spec.name,
        kind=spec.kind,
        outcome=Outcome.FAILED,
        detail=found.message,
        measured=measured,
        findings=(found,),
    )


def not_run(spec: CheckSpec, why: str) -> CheckResult:
    """Nothing was learned about the database."""
    return CheckResult(name=spec.name, kind=spec.kind, outcome=Outcome.NOT_RUN, detail=why)


def check(question: Question) -> Check:
    """A `Check` out of a function that may raise: errors become results, and the time is taken.

    A query that fails is the database's fault, a server that is gone or a program that is missing is not.
    """

    def ask(spec: CheckSpec, database: Database, now: datetime) -> CheckResult:
        began_s = clock.monotonic_s()
        try:
            result = question(spec, database, now)
        except QueryTimeout as error:
            result = failed(spec, finding("QUERY_TIMEOUT", spec.name, str(error), hint=error.hint))
        except QueryFailed as error:
            rule = _RULES.get(error.operation, "QUERY_FAILED")
            result = failed(spec, finding(rule, spec.name, str(error), hint=error.hint))
        except (ServerFailed, DiskFull, ToolMissing) as error:
            result = not_run(spec, str(error))
        return result.model_copy(update={"seconds": clock.monotonic_s() - began_s})

    functools.update_wrapper(ask, question)
    return ask
