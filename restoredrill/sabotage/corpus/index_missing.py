"""An index is not in the dump."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage, without


def make(bench: Bench) -> Planted:
    return Planted(bench.copy_with(without(bench.entries("INDEX")[:1])))


SABOTAGE = Sabotage("index missing", ("OBJECT_MISSING",), make)
