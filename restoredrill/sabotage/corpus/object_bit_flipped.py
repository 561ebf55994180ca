"""One bit in the middle of a table's object is another."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage
from restoredrill.sabotage.planting import flipped


def make(bench: Bench) -> Planted:
    backup = bench.copy()
    bench.spoil(backup, bench.tables[0][1], flipped)
    return Planted(backup)


SABOTAGE = Sabotage("object bit flipped", ("OBJECT_CORRUPT",), make)
