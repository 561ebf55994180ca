"""What was restored against what the last passed drill had restored. Pure.

A backup can be faithful to a source that somebody has emptied, or that is another one altogether: its own
fingerprint can't tell. Rows may come; that many go, or a whole table, is worth a look before it is believed.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from restoredrill.checks.compare import LARGE_OBJECTS, LISTED_AT_MOST, limited
from restoredrill.checks.results import judged
from restoredrill.checks.rules import finding
from restoredrill.known import Measured
from restoredrill.model import CheckResult, Finding, Fingerprint, Manifest

MAX_FALL: Final = 0.5  # where a file says nothing else
# A table of fewer rows halves every other day; that it is emptied is told all the same.
_FEW_ROWS: Final = 100

NAME: Final = "change"


def measure(drill: str, backup: Manifest, restored: Fingerprint) -> Measured:
    """What the next drill will be compared with. A partitioned table counts as one, as partitions come and
    go.
    """
    tables: defaultdict[str, int] = defaultdict(int)
    for table in restored.tables:
        tables[restored.partition_of.get(table.table, table.table)] += table.rows
    return Measured(
        drill=drill,
        backup=backup.id,
        taken_at=backup.taken_at,
        database=backup.server.database,
        tables=dict(tables),
    )


def change(last: Measured, now: Measured, max_fall: float = MAX_FALL) -> CheckResult:
    """The check `change`: no table that had rows is gone or empty, none fell by more than `max_fall` (0 to
    1).
    """
    found = limited(_findings(last, now, max_fall), LISTED_AT_MOST)
    rows, before = sum(now.tables.values()), sum(last.tables.values())
    well = f"{rows} rows, {rows - before:+d} since drill {last.drill} passed"
    return judged(NAME, found, well, measured=rows)


def _findings(last: Measured, now: Measured, max_fall: float) -> Iterator[Finding]:
    had = {name: rows for name, rows in last.tables.items() if rows}
    if last.database != now.database:
        message = f"it is of database {now.database}, the last that passed was of {last.database}"
        yield finding("OTHER_DATABASE", now.database, message)
    elif had.keys() - {LARGE_OBJECTS} and had.keys().isdisjoint(now.tables.keys() - {LARGE_OBJECTS}):
        message = f"none of the {len(had)} tables is there that had rows when drill {last.drill} passed"
        yield finding("OTHER_DATABASE", now.database, message)
        return
    for name, rows in had.items():
        yield from _fall(name, rows, now.tables, max_fall, last.drill)


def _fall(name: str, had: int, now: Mapping[str, int], max_fall: float, drill: str) -> Iterator[Finding]:
    then = f"when drill {drill} passed"
    if name not in now:
        yield finding("TABLE_GONE", name, f"table {name} is gone; it had {had} rows {then}")
    elif not now[name]:
        yield finding("TABLE_EMPTIED", name, f"table {name} is empty; it had {had} rows {then}")
    elif had >= _FEW_ROWS and now[name] < had * (1 - max_fall):
        fallen = f"{1 - now[name] / had:.0%}"
        yield finding("ROWS_FELL", name, f"table {name} has {now[name]} rows, {fallen} fewer than {then}")
