"""The service put together: what it does step by step, and what it does in rounds beside."""

from dataclasses import dataclass

from restoredrill.cli.frame import Context
from restoredrill.cli.serving import voices
from restoredrill.cli.serving.dashboard import dashboard
from restoredrill.cli.serving.rounds import Adopting, Reaping, Syncing, prune_history
from restoredrill.cli.serving.service import Service
from restoredrill.cli.serving.watch import Watch, write_metrics
from restoredrill.controller import Rounds, Say
from restoredrill.messages.telling import Messenger
from restoredrill.web.serving import Dashboard

REAP_EVERY_S = 600.0
ADOPT_EVERY_S = 180.0
SYNC_EVERY_S = 900.0  # what was done by hand elsewhere is known after so long
PRUNE_EVERY_S = 86400.0
LEASES_EVERY_S = 300.0
WATCH_EVERY_S = 60.0
TEXTFILE_EVERY_S = 60.0


@dataclass(frozen=True)
class Assembly:
    """All of it, made and not begun."""

    service: Service
    rounds: Rounds
    messenger: Messenger
    dashboard: Dashboard


def assembled(context: Context, say: Say) -> Assembly:
    """Raises `ConfigError`, `UsageError`, `HistoryError`; then nothing is left open."""
    service = Service(context.schedules, say)
    messenger = voices.messenger(service, say)
    watch = Watch(context, service, messenger.alarms, say)
    deeds: voices.Deeds = {
        "reap": (REAP_EVERY_S, Reaping(context, say)),
        "adopt": (ADOPT_EVERY_S, Adopting(service, say)),
        "sync": (SYNC_EVERY_S, Syncing(service, say)),
        "prune history": (PRUNE_EVERY_S, lambda: prune_history(service)),
        "leases": (LEASES_EVERY_S, watch.look_around),
        "alarms": (WATCH_EVERY_S, watch.look),
        "textfile": (TEXTFILE_EVERY_S, lambda: write_metrics(service, watch)),
        **voices.rounds(service, messenger),
    }
    try:
        board = dashboard(context, service, watch, say)
    except BaseException:
        service.close()
        raise
    return Assembly(service, Rounds(say, deeds), messenger, board)
