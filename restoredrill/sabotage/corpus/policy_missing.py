"""A row security policy is not in the dump."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage, without


def make(bench: Bench) -> Planted:
    return Planted(bench.copy_with(without(bench.entries("POLICY")[:1])))


SABOTAGE = Sabotage("policy missing", ("OBJECT_MISSING",), make)
