"""The kinds of check that a file in `schedules/` may ask for."""

from collections.abc import Mapping
from typing import Final

from restoredrill.checks.command import command
from restoredrill.checks.freshness import freshness
from restoredrill.checks.query_time import query_time
from restoredrill.checks.references import references
from restoredrill.checks.rows import rows
from restoredrill.checks.schema import schema
from restoredrill.checks.sql import sql
from restoredrill.checks.unique import unique
from restoredrill.protocols import Check

CHECKS: Final[Mapping[str, Check]] = {
    "rows": rows,
    "freshness": freshness,
    "unique": unique,
    "references": references,
    "query_time": query_time,
    "schema": schema,
    "sql": sql,
    "command": command,
}
