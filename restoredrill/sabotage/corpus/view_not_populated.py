"""A materialized view was never filled."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage, without


def make(bench: Bench) -> Planted:
    return Planted(bench.copy_with(without(bench.entries("MATERIALIZED VIEW DATA")[:1])))


SABOTAGE = Sabotage("view not populated", ("VIEW_NOT_POPULATED", "OBJECT_DIFFERS"), make)
