"""The part of the history that each database's vault holds."""

from typing import TYPE_CHECKING

from restoredrill import clock, wiring
from restoredrill.cli import histories
from restoredrill.cli.frame import Answer, Context
from restoredrill.errors import Exit, HistoryError, RestoredrillError
from restoredrill.settings import DatabaseConfig
from restoredrill.vault.contents import VaultContents

if TYPE_CHECKING:
    from restoredrill.history.database import DatabaseHistory
    from restoredrill.history.sync import Synced


def each(context: Context, name: str | None, *, again: bool) -> Answer:
    """Take up what is new of every database, or of `name`, or all of it again: a vault that does not answer
    stops no other.
    """
    named = histories.settings(context)
    databases = context.databases() if name is None else {name: context.database(name)}
    done: list[Synced] = []
    status = Exit.PASSED
    with histories.opened(named) as history:
        for database in databases.values():
            try:
                told = _one(history, database, named.keep_s, again)
            except HistoryError:
                raise
            except RestoredrillError as error:
                if name is not None:
                    raise
                context.warn(f"{database.name}: left as it was: {error}")
                status = Exit.INCONCLUSIVE
                continue
            for one in told.unreadable:
                context.warn(f"{database.name}: can't be read: {one}")
                status = Exit.INCONCLUSIVE
            done.append(told)
    return Answer({"databases": done}, "\n".join(_line(one) for one in done), status)


def _one(history: "DatabaseHistory", database: DatabaseConfig, keep_s: float, again: bool) -> "Synced":
    from restoredrill.history.sync import rebuild, sync

    contents = VaultContents(wiring.vault(database, "restore"))
    return (rebuild if again else sync)(history, database.name, contents, keep_s=keep_s, now=clock.utcnow())


def _line(one: "Synced") -> str:
    gone = f", {one.gone} backups gone" if one.gone else ""
    return f"{one.database}: {one.backups} backups, {one.drills} drills, {one.tasks} tasks{gone}"
