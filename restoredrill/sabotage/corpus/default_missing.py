"""A column has lost its default."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage, without


def make(bench: Bench) -> Planted:
    return Planted(bench.copy_with(without(bench.entries("DEFAULT")[:1])))


SABOTAGE = Sabotage("default missing", ("OBJECT_DIFFERS",), make)
