"""Somebody may no longer do what they might."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage, without


def make(bench: Bench) -> Planted:
    return Planted(bench.copy_with(without(bench.entries("ACL")[:1])))


SABOTAGE = Sabotage("grant lost", ("GRANT_MISSING", "GRANT_DIFFERS", "GRANT_EXTRA"), make)
