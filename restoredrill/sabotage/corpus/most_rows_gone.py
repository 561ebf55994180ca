"""Most rows of a table were deleted before the dump, which is faithful."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage


def make(bench: Bench) -> Planted:
    name, count = max(bench.before.tables.items(), key=lambda table: table[1])
    tables = {**bench.before.tables, name: 100 + count * 3}
    return Planted(bench.copy(), before=bench.before.model_copy(update={"tables": tables}))


SABOTAGE = Sabotage("most rows gone", ("ROWS_FELL",), make)
