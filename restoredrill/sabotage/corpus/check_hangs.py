"""A check does not come to an end."""

from restoredrill.model import CheckSpec
from restoredrill.sabotage.bench import Bench, Planted, Sabotage


def make(bench: Bench) -> Planted:
    options = {"sql": "SELECT pg_sleep(600)", "expect": "== null", "timeout_s": 0.5}
    return Planted(bench.copy(), checks=(CheckSpec(name="hangs", kind="sql", options=options),))


SABOTAGE = Sabotage("check hangs", ("QUERY_TIMEOUT",), make)
