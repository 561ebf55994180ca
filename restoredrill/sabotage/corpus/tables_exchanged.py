"""Two tables' rows lie in each other's file, and every checksum agrees."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage


def make(bench: Bench) -> Planted:
    one, other = bench.two_tables()
    first, second = bench.read(one), bench.read(other)
    return Planted(bench.copy({one: lambda _: second, other: lambda _: first}))


SABOTAGE = Sabotage(
    "tables exchanged",
    ("DATA_REJECTED", "CONTENT_DIFFERS", "ROWS_MISSING", "ROWS_EXTRA", "CONSTRAINT_FAILED"),
    make,
)
