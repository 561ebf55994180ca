"""A table's object is that of another backup, a row older."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage, packed, rows


def make(bench: Bench) -> Planted:
    backup, name = bench.copy(), bench.tables[0][1]
    older = bench.copy({name: lambda body: packed(rows(body)[:-1])})
    body = bench.stored(older, name)
    bench.spoil(backup, name, lambda _: body)
    return Planted(backup)


SABOTAGE = Sabotage("object of another backup", ("OBJECT_CORRUPT",), make)
