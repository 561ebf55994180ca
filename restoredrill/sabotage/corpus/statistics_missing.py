"""An object for extended statistics is not in the dump."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage, without


def make(bench: Bench) -> Planted:
    return Planted(bench.copy_with(without(bench.entries("STATISTICS")[:1])))


SABOTAGE = Sabotage("statistics missing", ("OBJECT_MISSING",), make)
