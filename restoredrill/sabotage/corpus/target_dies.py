"""The server dies while it is asked."""

from restoredrill.model import CheckSpec
from restoredrill.sabotage.bench import Bench, Planted, Sabotage


def make(bench: Bench) -> Planted:
    kill = ("sh", "-c", 'kill -9 "$(head -n 1 "$PGHOST/.s.PGSQL.$PGPORT.lock")"')
    ends = CheckSpec(name="ends the server", kind="command", options={"argv": kill, "timeout_s": 30.0})
    asks = CheckSpec(
        name="asks it", kind="sql", options={"sql": "SELECT 1", "expect": "== 1", "timeout_s": 30.0}
    )
    return Planted(bench.copy(), checks=(ends, asks))


SABOTAGE = Sabotage("target dies", (), make)
