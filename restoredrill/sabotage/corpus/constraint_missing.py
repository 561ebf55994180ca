"""A primary key or unique constraint is not in the dump."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage, without


def make(bench: Bench) -> Planted:
    return Planted(bench.copy_with(without(bench.entries("CONSTRAINT")[:1])))


SABOTAGE = Sabotage("constraint missing", ("OBJECT_MISSING",), make)
