"""The key is somebody else's."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage


def make(bench: Bench) -> Planted:
    bench.require_sealed()
    return Planted(bench.copy(), decrypt_with=bench.another_key())


SABOTAGE = Sabotage("wrong key", ("KEY_WRONG",), make)
