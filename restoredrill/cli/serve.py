"""`restoredrill serve`: backups and drills by their cron lines, until SIGTERM."""

import signal
import threading
from collections.abc import Callable
from types import FrameType

from restoredrill import clock
from restoredrill.cli import reap
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.cli.output import complain
from restoredrill.controller import Rounds
from restoredrill.errors import Exit, ToolMissing
from restoredrill.interruptions import postponed

REAP_EVERY_S = 600.0
ADOPT_EVERY_S = 180.0
SYNC_EVERY_S = 900.0  # what was done by hand elsewhere is known after so long
PRUNE_EVERY_S = 86400.0
LEASES_EVERY_S = 300.0
WATCH_EVERY_S = 60.0


@new_command
def command(context: Context) -> Answer:
    """Run the backups and drills of every file by their cron lines."""
    try:
        from restoredrill.cli.serving import voices
        from restoredrill.cli.serving.rounds import Adopting, Reaping, Syncing, prune_history
        from restoredrill.cli.serving.service import Service
        from restoredrill.cli.serving.watch import Watch
    except ModuleNotFoundError as error:
        hint = "pip install 'restoredrill[serve]'"
        raise ToolMissing("import", str(error.name), "it is not installed", hint=hint) from error
    service = Service(context.schedules, _log)
    messenger = voices.messenger(service, _log)
    watch = Watch(context, service, messenger.alarms, _log)
    rounds = Rounds(
        _log,
        {
            "reap": (REAP_EVERY_S, Reaping(context, _log)),
            "adopt": (ADOPT_EVERY_S, Adopting(service, _log)),
            "sync": (SYNC_EVERY_S, Syncing(service, _log)),
            "prune history": (PRUNE_EVERY_S, lambda: prune_history(service)),
            "leases": (LEASES_EVERY_S, watch.look_around),
            "alarms": (WATCH_EVERY_S, watch.look),
            **voices.rounds(service, messenger),
        },
    )
    hangup = _on_hangup(service.wake)
    try:
        reap.end_overdue(context, _log)
        messenger.started()
        service.step()
        rounds.start()
        while True:
            service.pause()
            reread = hangup.is_set()
            hangup.clear()
            service.step(reread=reread)
    except KeyboardInterrupt:
        _log("stopping")
    except BaseException as error:
        voices.farewell(messenger, error)
        raise
    finally:
        with postponed():
            rounds.stop()
            service.stop()
            service.close()
    return Answer({"stopped": True}, "stopped", Exit.PASSED)


def _on_hangup(wake: Callable[[], None]) -> threading.Event:
    """SIGHUP: the files are read again."""
    wanted = threading.Event()

    def note(_signal: int, _frame: FrameType | None) -> None:
        wanted.set()
        wake()

    signal.signal(signal.SIGHUP, note)
    return wanted


def _log(event: str, **facts: object) -> None:
    rest = "".join(f"; {fact}" if name == "why" else "" for name, fact in facts.items())
    name = f" [{facts['id']}]" if "id" in facts else ""
    complain(f"{clock.utcnow():%Y-%m-%dT%H:%M:%SZ} {event}{rest}{name}")
