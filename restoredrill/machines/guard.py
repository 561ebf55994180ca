"""The timer inside a local machine: a process of its own that ends the machine when its lease is over, or
agent and controller are both gone.

Started before the agent and in another session, so that neither a dead controller nor a hanging agent keeps a
server alive. It reads the lease anew each time: `--keep` moves its end.
"""

import sys
from pathlib import Path

from restoredrill import clock
from restoredrill.machines.local import deserted, end_machine, lease_end

LOOK_EVERY_S = 1.0


def watch(home: Path) -> None:
    """Wait until the machine is gone, its lease over or everybody else dead; then make sure of it."""
    ends_at = lease_end(home)
    while home.exists() and ends_at is not None and clock.utcnow() < ends_at and not deserted(home):
        clock.sleep(LOOK_EVERY_S)
        ends_at = lease_end(home) or ends_at  # where it can't be read for a moment, the last one holds
    end_machine(home)


if __name__ == "__main__":
    watch(Path(sys.argv[1]))
