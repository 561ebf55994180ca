"""A controller with many drills under way at once, as a program: `python -m tests.e2e.cloud.many DIR NAME N`.

Each has a thread, as it only waits; all share one account, so that one look at EC2 serves everybody. Prints a
JSON document: every report, the seconds it took, and the most memory that the process ever had.
"""

import json
import re
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from restoredrill import clock, config, drill, picking, wiring, wiring_ec2
from restoredrill.drill import Hands
from restoredrill.machines.ec2.machine import Ec2Machine
from restoredrill.model import Report, make_id
from restoredrill.picking import DrillRequest
from restoredrill.settings import DatabaseConfig
from restoredrill.vault.catalog import VaultBackups
from restoredrill.vault.journal import VaultJournal


class Controller:
    """Of one database."""

    def __init__(self, database: DatabaseConfig) -> None:
        self._database = database
        self._spec = wiring.located(database, "restore")
        self._store = wiring.store(self._spec, database.name)
        self._backup = VaultBackups(self._store).list()[0]
        self._machine = Ec2Machine(wiring.reach(database))

    def drill(self, number: int) -> Report:
        """One drill, from its plan to its report."""
        settings, journal, now = self._database.drill, VaultJournal(self._store), clock.utcnow()
        assert settings is not None
        plan = wiring_ec2.plan_drill(self._database, self._spec, self._backup, journal, self._store, now)
        request = DrillRequest(
            database=self._database.name,
            vault=wiring_ec2.travelling(self._spec),
            pick=self._backup.id,
            provider="ec2",
            jobs=settings.jobs,
            deadline_s=settings.deadline_s,
            decrypt_with=wiring_ec2.decrypt_with(self._database),
            checks=settings.check_specs,
        )
        job = picking.make_job(request, make_id(now, f"{number:08x}"), self._backup, now, plan)
        bill = wiring.bill("ec2", self._database)
        facts = self._machine.facts
        hands = Hands(self._machine, journal, wiring.render, lambda _: None, bill, facts)
        return drill.conduct(job, self._backup, hands)


def main(folder: str, name: str, count: str) -> None:
    began_s = time.monotonic()
    controller = Controller(config.load_one(Path(folder), name))
    with ThreadPoolExecutor(int(count)) as pool:
        reports = list(pool.map(controller.drill, range(int(count))))
    told = {
        "reports": [report.model_dump(mode="json") for report in reports],
        "seconds": time.monotonic() - began_s,
        "memory_mb": _most_memory_mb(),
        "cpu_s": time.process_time(),
        "threads_left": [one.name for one in threading.enumerate() if not one.daemon][1:],
    }
    print(json.dumps(told))


def _most_memory_mb() -> float:
    """Of this program: getrusage() would count whoever started it, too."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
