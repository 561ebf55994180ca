"""A check could not be asked: its program is not there."""

from restoredrill.model import CheckSpec
from restoredrill.sabotage.bench import Bench, Planted, Sabotage


def make(bench: Bench) -> Planted:
    options = {"argv": ("/nonexistent/restoredrill-check",), "timeout_s": 5.0}
    return Planted(bench.copy(), checks=(CheckSpec(name="is not there", kind="command", options=options),))


SABOTAGE = Sabotage("check skipped", (), make)
