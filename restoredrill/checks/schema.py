"""`schema`: every object is as a reference file says, which `restoredrill reference NAME` wrote and people
have read.

Options: reference (the file's text), timeout_s.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from restoredrill.checks.answer import check, failed, passed
from restoredrill.checks.compare import LISTED_AT_MOST, limited
from restoredrill.checks.rules import finding
from restoredrill.model import CheckResult, CheckSpec, Finding
from restoredrill.protocols import Database

SEPARATOR = " = "


@check
def schema(spec: CheckSpec, database: Database, now: datetime) -> CheckResult:
    """`measured` is the number of objects that differ. Lines that begin with # are nobody's."""
    wanted, there = parsed(spec.options["reference"]), parsed(database.describe())
    found = list(_differences(wanted, there))
    if not found:
        return passed(spec, f"{len(there)} objects, as in the reference", measured=0)
    result = failed(spec, found[0], measured=len(found))
    return result.model_copy(update={"findings": limited(found, LISTED_AT_MOST)})


def parsed(text: str) -> Mapping[str, str]:
    """Object to definition."""
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return {name: definition for name, _, definition in (line.partition(SEPARATOR) for line in lines)}


def _differences(wanted: Mapping[str, str], there: Mapping[str, str]) -> Iterator[Finding]:
    for name in sorted(wanted.keys() | there.keys()):
        if name not in there:
            yield finding("SCHEMA_CHANGED", name, f"{name} is in the reference and not there")
        elif name not in wanted:
            yield finding("SCHEMA_CHANGED", name, f"{name} is there and not in the reference")
        elif wanted[name] != there[name]:
            yield finding("SCHEMA_CHANGED", name, f"{name} is not what it is in the reference")
