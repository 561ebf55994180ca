"""A table was dropped before the dump, which is faithful."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage


def make(bench: Bench) -> Planted:
    tables = {**bench.before.tables, "public.restoredrill_of_yesterday": 7}
    return Planted(bench.copy(), before=bench.before.model_copy(update={"tables": tables}))


SABOTAGE = Sabotage("table gone", ("TABLE_GONE",), make)
