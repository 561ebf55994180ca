"""A table's last row is not there, and every checksum agrees."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage, packed, rows


def make(bench: Bench) -> Planted:
    return Planted(bench.copy({bench.tables[0][1]: lambda body: packed(rows(body)[:-1])}))


SABOTAGE = Sabotage("last row missing", ("ROWS_MISSING",), make)
