"""A table's object is gone."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage


def make(bench: Bench) -> Planted:
    backup = bench.copy()
    bench.scratch.delete([bench.key(backup, bench.tables[0][1])])
    return Planted(backup)


SABOTAGE = Sabotage("object missing", ("OBJECT_NOT_THERE", "OBJECT_CORRUPT"), make)
