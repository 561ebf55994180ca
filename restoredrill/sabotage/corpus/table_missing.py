"""A table is not in the dump at all."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage, without


def make(bench: Bench) -> Planted:
    data, file = bench.tables[0]
    return Planted(bench.copy_with(without(bench.with_what_needs_it(data)), without=[file]))


SABOTAGE = Sabotage("table missing", ("TABLE_MISSING",), make)
