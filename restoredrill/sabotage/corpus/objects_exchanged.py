"""Two tables' objects lie in each other's place."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage


def make(bench: Bench) -> Planted:
    backup, (one, other) = bench.copy(), bench.two_tables()
    bodies = {name: bench.stored(backup, name) for name in (one, other)}
    bench.spoil(backup, one, lambda body: bodies[other])
    bench.spoil(backup, other, lambda body: bodies[one])
    return Planted(backup)


SABOTAGE = Sabotage("objects exchanged", ("OBJECT_CORRUPT",), make)
