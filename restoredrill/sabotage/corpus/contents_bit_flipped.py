"""One bit of the table of contents is another."""

from restoredrill.sabotage.bench import TOC, Bench, Planted, Sabotage
from restoredrill.sabotage.planting import flipped


def make(bench: Bench) -> Planted:
    backup = bench.copy()
    bench.spoil(backup, TOC, flipped)
    return Planted(backup)


SABOTAGE = Sabotage("contents bit flipped", ("OBJECT_CORRUPT",), make)
