"""A rule is not in the dump."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage, without


def make(bench: Bench) -> Planted:
    return Planted(bench.copy_with(without(bench.entries("RULE")[:1])))


SABOTAGE = Sabotage("rule missing", ("OBJECT_MISSING", "OBJECT_DIFFERS"), make)
