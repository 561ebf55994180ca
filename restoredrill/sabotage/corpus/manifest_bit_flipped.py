"""One bit of the manifest is another."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage
from restoredrill.sabotage.planting import flipped


def make(bench: Bench) -> Planted:
    backup = bench.copy()
    bench.spoil_manifest(backup, flipped)
    return Planted(backup)


SABOTAGE = Sabotage("manifest bit flipped", ("OBJECT_CORRUPT", "MANIFEST_UNREADABLE"), make)
