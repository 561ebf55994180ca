"""There is a manifest, and nothing that it names."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage


def make(bench: Bench) -> Planted:
    backup = bench.copy()
    bench.scratch.delete([bench.key(backup, file.name) for file in bench.manifest.files])
    return Planted(backup)


SABOTAGE = Sabotage("manifest without data", ("OBJECT_NOT_THERE", "OBJECT_CORRUPT"), make)
