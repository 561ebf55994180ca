"""The newest backup is old: there should have been another since."""

from datetime import timedelta

from restoredrill.sabotage.bench import Bench, Planted, Sabotage


def make(bench: Bench) -> Planted:
    aged = bench.copy(manifest=lambda m: m.model_copy(update={"taken_at": m.taken_at - timedelta(days=400)}))
    return Planted(aged, stale_after_s=86400.0)


SABOTAGE = Sabotage("stale", ("BACKUP_STALE",), make)
