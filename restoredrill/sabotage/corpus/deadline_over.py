"""The deadline passes before the drill is done."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage


def make(bench: Bench) -> Planted:
    return Planted(bench.copy(), deadline_s=0.2)


SABOTAGE = Sabotage("deadline over", ("DEADLINE_OVER",), make)
