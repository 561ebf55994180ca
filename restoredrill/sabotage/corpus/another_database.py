"""Another database was dumped than the one before, faithfully."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage


def make(bench: Bench) -> Planted:
    before = bench.before.model_copy(update={"database": f"{bench.before.database}_of_yesterday"})
    return Planted(bench.copy(), before=before)


SABOTAGE = Sabotage("another database", ("OTHER_DATABASE",), make)
