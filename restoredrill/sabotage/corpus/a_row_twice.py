"""A table has one of its rows twice."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage, packed, rows


def make(bench: Bench) -> Planted:
    return Planted(bench.copy({bench.tables[0][1]: lambda body: packed([*rows(body), rows(body)[0]])}))


SABOTAGE = Sabotage("a row twice", ("ROWS_EXTRA", "CONSTRAINT_FAILED", "DATA_REJECTED"), make)
