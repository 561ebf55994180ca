"""A table's object ends at a block's boundary, as after a disk that was full."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage


def make(bench: Bench) -> Planted:
    backup = bench.copy()
    bench.spoil(backup, bench.tables[0][1], lambda body: body[: (len(body) - 1) // 4096 * 4096])
    return Planted(backup)


SABOTAGE = Sabotage("object cut at a block", ("OBJECT_CORRUPT",), make)
