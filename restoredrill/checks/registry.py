"""The kinds of check that a file in `schedules/` may ask for."""

from collections.abc import Mapping
from typing import Final

from restoredrill.checks.command import command
from restoredrill.checks.freshness import freshness
from restoredrill.checks.rows import rows
from restoredrill.checks.sql import sql
from restoredrill.protocols import Check

CHECKS: Final[Mapping[str, Check]] = {
    "rows": rows,
    "freshness": freshness,
    "sql": sql,
    "command": command,
}
