"""What a tick of the service costs: `python -m tests.benchmarks.ticks [--databases N] [--under-way N]`.

The same controller beside few databases and beside many, each with as many tasks under way as wait, on SQLite
and, where HISTORY names one, on PostgreSQL: medians, and the ratio. Then one look at the emulated EC2 for as
many drills as are under way: how many calls that takes.
"""

import argparse
import os
import resource
import statistics
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from restoredrill import clock, config
from restoredrill.admission import Asked, Room
from restoredrill.alarms import Seen, alarms
from restoredrill.aws.session import Reach
from restoredrill.configuration import Loaded
from restoredrill.controller import Controller, Orders, Result
from restoredrill.history.database import DatabaseHistory
from restoredrill.history.opening import open_history
from restoredrill.machines.ec2.machine import Ec2Machine
from restoredrill.metrics.prometheus import Look, render
from restoredrill.model import make_id
from restoredrill.records import Task
from restoredrill.service_settings import LimitSettings, ServiceSettings
from tests.cloud.server import Server
from tests.cloud.world import Cloud
from tests.history.samples import a_backup, a_drill

FILE = """
source: {url: "${S}"}
vault: {url: "file:///v"}
backup: {cron: "7 * * * *"}
drill: {cron: "0 3 * * *"}
"""
TICKS = 41
NOW = datetime(2026, 9, 23, 12, tzinfo=UTC)


class Crew:
    """Work that takes as long as the measurement."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def carry_out(self, task: Task) -> Result | None:
        self.over.wait()
        return None

    take_up = carry_out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--databases", type=int, default=10_000)
    parser.add_argument("--under-way", type=int, default=500)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        places = {"SQLite": f"sqlite:///{folder}/history-NUMBER.sqlite"}
        if url := os.environ.get("HISTORY"):
            places["PostgreSQL"] = url
        for name, place in places.items():
            few, many = (
                _history(place.replace("NUMBER", str(count)), count, asked.under_way)
                for count in (max(1, asked.databases // 100), asked.databases)
            )
            for row in (few, many):
                _tell(name, row, asked.under_way)
            print(f"{name}: a tick beside many costs {many['tick_s'] / few['tick_s']:.2f} of one beside few")
    print(f"EC2: one look for {asked.under_way} drills: {_cloud(asked.under_way)} calls")
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"memory at most: {memory_mb:.0f} MB, the emulated cloud in it")


def _tell(name: str, row: dict[str, float], under_way: int) -> None:
    ticks = f"{row['tick_s'] * 1000:.1f} ms a tick ({1 / row['tick_s']:.0f} a second)"
    looks = f"alarms {row['alarms_s']:.2f} s, metrics {row['metrics_s']:.2f} s a look"
    print(f"{name}: {row['databases']:,.0f} databases, {under_way} under way: {ticks}; {looks}")


def _history(url: str, databases: int, under_way: int) -> dict[str, float]:
    names = [f"d{number:05}" for number in range(databases)]
    parsed = config.parse(FILE, "d", "d.yaml")
    loaded = Loaded(
        {name: parsed.model_copy(update={"name": name}) for name in names}, ServiceSettings(), NOW
    )
    limits = LimitSettings(drills=under_way, backups=under_way, local_drills=under_way)
    crew = Crew()
    with open_history(url) as history:
        history.proofs.note_drills([a_drill(-1, database=name) for name in names])
        history.proofs.note_backups([a_backup(-2, database=name) for name in names])
        orders = Orders(
            lambda task: Asked("local") if task.database in loaded.databases else None,
            lambda now: Room(limits),
        )
        books: Any = None
        controller = Controller(history, crew, books, lambda: orders, lambda event, **facts: None)
        for number in range(under_way * 2):
            history.tasks.add(_task(number, f"d{number % max(databases, under_way * 2):05}"))
        for name in {f"d{number:05}" for number in range(under_way * 2)} - set(names):
            loaded.databases[name] = parsed  # type: ignore[index]
        controller.tick()
        seconds = [_seconds(controller.tick) for _ in range(TICKS)]
        found = {
            "databases": float(databases),
            "tick_s": statistics.median(seconds),
            "alarms_s": _seconds(lambda: _alarms(history, loaded, names)),
            "metrics_s": _seconds(lambda: render(_look(history, loaded))),
        }
        controller.halt()
    crew.over.set()
    return found


def _alarms(history: DatabaseHistory, loaded: Loaded, names: list[str]) -> None:
    seen = Seen(loaded, history.proofs.standings(NOW), dict.fromkeys(names, NOW), history.tasks.open())
    alarms(seen, NOW)


def _look(history: DatabaseHistory, loaded: Loaded) -> Look:
    return Look(loaded, NOW, history.proofs.standings(NOW), history.proofs.verdicts(), history.tasks.open())


def _task(number: int, database: str) -> Task:
    at = NOW - timedelta(seconds=number)
    return Task(id=make_id(at, f"{number:08x}"), database=database, kind="drill", due_at=at, not_before=at)


def _seconds(deed: Any) -> float:
    began_s = time.perf_counter()
    deed()
    return time.perf_counter() - began_s


def _cloud(drills: int) -> int:
    """Everybody who follows one asks once, at the same time."""
    server = Server()
    try:
        cloud = Cloud(server)
        os.environ |= cloud.environment
        ids = [make_id(NOW, f"{number:08x}") for number in range(drills)]
        for number, one in enumerate(ids):
            tags = [
                {"Key": "restoredrill:errand", "Value": one},
                {"Key": "restoredrill:expires-at", "Value": "2036-01-01T00:00:00Z"},
            ]
            cloud.client("ec2").run_instances(
                ImageId=cloud.image.id,
                InstanceType="m7i.large",
                SubnetId=cloud.network.subnets[number % 2],  # of 251 addresses each
                MinCount=1,
                MaxCount=1,
                TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
            )
        machine = Ec2Machine(Reach(cloud.region, endpoint_url=cloud.endpoint_url), fresh_s=3600.0)
        # Each has asked before, not long ago, and what was seen then is old.
        machine._watch._wanted = dict.fromkeys(ids, clock.monotonic_s())
        before = len(cloud.requests)
        threads = [threading.Thread(target=machine.state, args=(one,)) for one in ids]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len(cloud.requests) - before
    finally:
        server.close()


if __name__ == "__main__":
    main()
