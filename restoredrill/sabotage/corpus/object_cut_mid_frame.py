"""A table's object ends in the middle of a compressed frame, as after a broken connection."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage


def make(bench: Bench) -> Planted:
    backup = bench.copy()
    bench.spoil(backup, bench.tables[0][1], lambda body: body[: len(body) * 2 // 3])
    return Planted(backup)


SABOTAGE = Sabotage("object cut mid frame", ("OBJECT_CORRUPT",), make)
