"""The check `live`: a dump against the live database, as that was when the drill began. Pure.

The live one has moved on, so that only what is missing here fails: an object, or more of a table's rows than
`drill.max_fall` allows. Everything else is told.
"""

from collections.abc import Iterator

from restoredrill.checks.compare import LISTED_AT_MOST, limited, structure
from restoredrill.checks.results import judged
from restoredrill.checks.rules import finding
from restoredrill.model import CheckResult, Finding, Fingerprint, Outcome

NAME = "live"


def live(there: Fingerprint | None, restored: Fingerprint, max_fall: float) -> CheckResult:
    """`there` is the live database; None: it could not be read."""
    if there is None:
        return CheckResult(
            name=NAME, kind=NAME, outcome=Outcome.NOT_RUN, detail="the live database was not read"
        )
    objects = [_of_live(one) for one in structure(there, restored, most=LISTED_AT_MOST)]
    rows = limited(_fallen(there, restored, max_fall), LISTED_AT_MOST)
    found = (*objects, *rows)
    counted = sum(table.rows for table in restored.tables)
    return judged(NAME, found, f"{counted} rows here, no object missing; {len(found)} differences")


def _of_live(one: Finding) -> Finding:
    """A difference between structures, as one between a database that moves on and its dump."""
    missing = one.rule.endswith("_MISSING")
    return finding("LIVE_AHEAD" if missing else "LIVE_DIFFERS", one.object, one.message)


def _fallen(there: Fingerprint, restored: Fingerprint, max_fall: float) -> Iterator[Finding]:
    here = {table.table: table.rows for table in restored.tables}
    for table in there.tables:
        has = here.get(table.table, 0)
        if has < table.rows * (1 - max_fall):
            message = f"{has} rows, and {table.rows} in the live database"
            yield finding("LIVE_AHEAD", table.table, message)
