"""A clock went wrong: the backup is of tomorrow."""

from datetime import timedelta

from restoredrill import clock
from restoredrill.sabotage.bench import Bench, Planted, Sabotage


def make(bench: Bench) -> Planted:
    tomorrow = clock.utcnow() + timedelta(days=1)
    return Planted(bench.copy(manifest=lambda m: m.model_copy(update={"taken_at": tomorrow})))


SABOTAGE = Sabotage("from the future", ("BACKUP_FROM_THE_FUTURE",), make)
