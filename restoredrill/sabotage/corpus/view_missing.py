"""A view is not in the dump."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage, without


def make(bench: Bench) -> Planted:
    return Planted(bench.copy_with(without(bench.entries("VIEW")[-1:])))


SABOTAGE = Sabotage("view missing", ("OBJECT_MISSING",), make)
