"""Half of the objects are sealed to somebody else's key."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage


def make(bench: Bench) -> Planted:
    bench.require_sealed()
    return Planted(bench.copy(strangers=[file.name for file in bench.manifest.files[::2]]))


SABOTAGE = Sabotage("half sealed to another key", ("KEY_WRONG", "OBJECT_CORRUPT"), make)
