"""A partition is not part of its table."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage, without


def make(bench: Bench) -> Planted:
    return Planted(bench.copy_with(without(bench.entries("TABLE ATTACH")[:1])))


SABOTAGE = Sabotage("partition detached", ("OBJECT_DIFFERS", "ROWS_MISSING"), make)
