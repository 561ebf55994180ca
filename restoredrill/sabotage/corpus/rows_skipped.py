"""A table's rows were left out, as by --exclude-table-data or by a role that may not read them."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage, without


def make(bench: Bench) -> Planted:
    entry, file = bench.tables[0]
    return Planted(bench.copy_with(without([entry]), without=[file]))


SABOTAGE = Sabotage("rows skipped", ("ROWS_MISSING",), make)
