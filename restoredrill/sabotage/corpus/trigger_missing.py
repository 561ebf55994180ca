"""A trigger is not in the dump."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage, without


def make(bench: Bench) -> Planted:
    return Planted(bench.copy_with(without(bench.entries("TRIGGER")[:1])))


SABOTAGE = Sabotage("trigger missing", ("OBJECT_MISSING",), make)
