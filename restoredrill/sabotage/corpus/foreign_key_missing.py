"""A foreign key is not in the dump."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage, without


def make(bench: Bench) -> Planted:
    return Planted(bench.copy_with(without(bench.entries("FK CONSTRAINT")[:1])))


SABOTAGE = Sabotage("foreign key missing", ("OBJECT_MISSING",), make)
