"""There is no key."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage


def make(bench: Bench) -> Planted:
    bench.require_sealed()
    return Planted(bench.copy(), decrypt_with="")


SABOTAGE = Sabotage("no key", ("KEY_MISSING",), make)
