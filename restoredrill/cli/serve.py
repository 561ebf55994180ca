"""`restoredrill serve`: backups and drills by their cron lines, until SIGTERM."""

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

from restoredrill import config
from restoredrill.cli import reap
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.cli.output import complain
from restoredrill.errors import Exit, ToolMissing
from restoredrill.interruptions import postponed

if TYPE_CHECKING:
    from restoredrill.cli.serving.assembly import Assembly
    from restoredrill.logs import Log


@new_command
def command(context: Context) -> Answer:
    """Run the backups and drills of every file by their cron lines."""
    try:
        from restoredrill.cli.serving import voices
        from restoredrill.cli.serving.assembly import assembled
        from restoredrill.logs import Log, hear_libraries
    except ModuleNotFoundError as error:
        hint = "pip install 'restoredrill[serve]'"
        raise ToolMissing("import", str(error.name), "it is not installed", hint=hint) from error
    say = Log(config.service(context.schedules).log, complain, terminal=sys.stderr.isatty())
    hear_libraries(say)
    whole = assembled(context, say)
    try:
        _run(context, whole, say)
    except KeyboardInterrupt:
        say("stopping")
    except BaseException as error:
        voices.farewell(whole.messenger, error)
        raise
    finally:
        with postponed():
            whole.dashboard.halt()
            whole.rounds.stop()
            whole.service.stop()
            whole.dashboard.stop()
            whole.service.close()
            say.close()
    return Answer({"stopped": True}, "stopped", Exit.PASSED)


def _run(context: Context, whole: "Assembly", say: "Log") -> None:
    """Step by step, until a signal ends it."""
    service, hangup = whole.service, _on_hangup(whole.service.wake)
    reap.end_overdue(context, say)
    whole.messenger.started()
    service.step()
    whole.rounds.start()
    whole.dashboard.start()
    say(f"dashboard at {whole.dashboard.url}")
    while True:
        service.pause()
        reread = hangup.is_set()
        hangup.clear()
        service.step(reread=reread)


def _on_hangup(wake: Callable[[], None]) -> threading.Event:
    """SIGHUP: the files are read again."""
    wanted = threading.Event()

    def note(_signal: int, _frame: FrameType | None) -> None:
        wanted.set()
        wake()

    signal.signal(signal.SIGHUP, note)
    return wanted
