"""What the files in force want of the controller."""

import hashlib
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta

from restoredrill import clock
from restoredrill.admission import Asked, Room
from restoredrill.configuration import Configuration, Loaded
from restoredrill.controller import Orders, Run
from restoredrill.ledger import History
from restoredrill.records import Task
from restoredrill.scheduler import closed
from restoredrill.settings import DatabaseConfig
from restoredrill.standing import month_of

FRESH_S = 600.0  # how long what the last drill of a database has cost is not looked up again


def planned(databases: Mapping[str, DatabaseConfig]) -> tuple[Run, ...]:
    """Every cron line of every file."""
    found = []
    for name, database in databases.items():
        if database.backup is not None and database.backup.cron is not None:
            found.append(Run(name, "backup", database.backup.cron, database.backup.timezone))
        if database.drill is not None and database.drill.cron is not None:
            found.append(Run(name, "drill", database.drill.cron, database.drill.timezone))
    return tuple(found)


class FileOrders:
    """Makes `Orders` of the files as they are in force."""

    def __init__(self, configuration: Configuration, history: History) -> None:
        self._configuration = configuration
        self._history = history
        self._prices: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def __call__(self) -> Orders:
        loaded = self._configuration.current
        return Orders(
            asked=lambda task: self._asked(loaded, task),
            room=lambda now: self._room(loaded, now),
            retries=loaded.service.retry_inconclusive,
            jitter=lambda name: jitter(name, loaded.service.jitter_s),
        )

    def _asked(self, loaded: Loaded, task: Task) -> Asked | None:
        database = loaded.databases.get(task.database)
        section = None if database is None else database.section(task.kind)
        if section is None:
            return None
        provider = task.machine or section.machine
        return Asked(provider, 0.0 if provider == "local" else self._usd(task.database))

    def _usd(self, database: str) -> float:
        """What its last drill on such a machine has cost; nothing is known before there was one."""
        with self._lock:
            usd, looked_s = self._prices.get(database, (0.0, float("-inf")))
        if clock.monotonic_s() - looked_s < FRESH_S:
            return usd
        drills = self._history.proofs.drills(database, limit=10)
        usd = next((one.usd for one in drills if one.provider != "local"), 0.0)
        with self._lock:
            self._prices[database] = (usd, clock.monotonic_s())
        return usd

    def _room(self, loaded: Loaded, now: datetime) -> Room:
        limits = loaded.service.limits
        spent = 0.0 if limits.usd_per_month is None else self._history.proofs.spent_usd(month_of(now))
        return Room(limits, spent, closed(loaded.service.blackouts, now))


def jitter(database: str, longest_s: float) -> timedelta:
    """How much later than its cron line a database's runs begin: always the same, up to `longest_s`. Pure."""
    share = int.from_bytes(hashlib.sha256(database.encode()).digest()[:4]) / 2**32
    return timedelta(seconds=round(share * longest_s))
