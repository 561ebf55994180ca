"""A table's file is there and holds no row."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage, packed


def make(bench: Bench) -> Planted:
    return Planted(bench.copy({bench.tables[0][1]: lambda body: packed([])}))


SABOTAGE = Sabotage("rows of a file gone", ("ROWS_MISSING",), make)
