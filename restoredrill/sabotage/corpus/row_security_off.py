"""Row security is off where it was on: everybody sees everything."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage, without


def make(bench: Bench) -> Planted:
    return Planted(bench.copy_with(without(bench.entries("ROW SECURITY")[:1])))


SABOTAGE = Sabotage("row security off", ("OBJECT_DIFFERS",), make)
