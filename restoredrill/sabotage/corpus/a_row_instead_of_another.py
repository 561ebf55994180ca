"""A table has one row twice and lacks another: as many as there were."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage, packed, rows


def make(bench: Bench) -> Planted:
    return Planted(bench.copy({bench.tables[0][1]: _twice}))


def _twice(body: bytes) -> bytes:
    lines = rows(body)
    number = next(number for number, line in enumerate(lines) if line != lines[0])
    return packed([*lines[:number], lines[0], *lines[number + 1 :]])


SABOTAGE = Sabotage(
    "a row instead of another",
    ("CONTENT_DIFFERS", "CONSTRAINT_FAILED", "DATA_REJECTED", "ROWS_MISSING"),
    make,
)
