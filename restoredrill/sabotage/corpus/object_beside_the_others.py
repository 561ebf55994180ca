"""Among the backup's objects lies one more, which its manifest does not name."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage


def make(bench: Bench) -> Planted:
    backup = bench.copy()
    key = bench.key(backup, bench.tables[0][1])
    bench.scratch.put(f"{key}.1", bench.scratch.fetch(key))
    return Planted(backup)


SABOTAGE = Sabotage("object beside the others", ("FILE_EXTRA",), make)
