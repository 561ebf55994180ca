"""An event trigger is not in the dump."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage, without


def make(bench: Bench) -> Planted:
    return Planted(bench.copy_with(without(bench.entries("EVENT TRIGGER")[:1])))


SABOTAGE = Sabotage("event trigger missing", ("OBJECT_MISSING",), make)
