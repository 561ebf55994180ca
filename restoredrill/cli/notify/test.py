"""`restoredrill notify test [NAME]`: a test message to every address, and which of them it did not reach."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import click

from restoredrill import clock, config, wiring
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.configuration import Loaded
from restoredrill.errors import Exit, RestoredrillError, ToolMissing, UsageError

PATIENCE_S = 60.0


@dataclass(frozen=True)
class Tried:
    """One address. `problem`: why the message did not arrive; None: it did."""

    address: str
    problem: str | None


@new_command
@click.argument("name", required=False)
def command(context: Context, name: str | None) -> Answer:
    """Send a test message to every address of NAME and of the service (without NAME: of the service alone).
    Exit status 1 if one was not reached. Tickets and pings are not tried.
    """
    databases = {} if name is None else {name: context.database(name)}
    loaded = Loaded(databases, config.service(context.schedules), clock.utcnow())
    tried = _tried(loaded, name or "")
    if not tried:
        raise UsageError(
            "tell", name or "the service", "nobody is to be told", hint="add `notify` to the file"
        )
    lines = [f"{one.address}: {'reached' if one.problem is None else one.problem}" for one in tried]
    reached = all(one.problem is None for one in tried)
    return Answer({"addresses": tried}, "\n".join(lines), Exit.PASSED if reached else Exit.FAILED)


def _tried(loaded: Loaded, name: str) -> Sequence[Tried]:
    """All at once, as one that does not answer is no reason to wait for the others."""
    try:
        from restoredrill.messages import addresses, channels, notices
        from restoredrill.messages.lanes import Lanes
    except ModuleNotFoundError as error:
        hint = "pip install 'restoredrill[serve]'"
        raise ToolMissing("import", str(error.name), "it is not installed", hint=hint) from error
    notice = notices.of_test(name, clock.utcnow())
    own = [
        f"{name}.notify[{number}]"
        for database in loaded.databases.values()
        for number, _ in enumerate(database.notify)
    ]
    wanted = (*own, *addresses.of_service(loaded.service))
    problems: dict[str, str | None] = dict.fromkeys(wanted, f"no answer within {PATIENCE_S:.0f} s")
    lock = threading.Lock()

    def send(address: str) -> None:
        reference = addresses.reference(address, loaded)
        problem: str | None = None
        try:
            assert reference is not None
            channels.by_apprise(wiring.reveal(reference, address), address, notice)
        except RestoredrillError as error:
            problem = error.reason
        with lock:
            problems[address] = problem

    Lanes().run({one: partial(send, one) for one in wanted}, PATIENCE_S)
    with lock:
        return [Tried(address, problem) for address, problem in problems.items()]
