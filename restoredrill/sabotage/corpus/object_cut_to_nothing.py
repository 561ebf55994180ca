"""A table's object is there and empty."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage


def make(bench: Bench) -> Planted:
    backup = bench.copy()
    bench.spoil(backup, bench.tables[0][1], lambda body: b"")
    return Planted(backup)


SABOTAGE = Sabotage("object cut to nothing", ("OBJECT_CORRUPT",), make)
