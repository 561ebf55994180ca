"""All of it as the service uses it: what has happened becomes notices in the outbox, which go out in rounds.

To tell the same thing again is nothing: each notice's key names its event. So whoever takes up work after a
crash, or takes in drills of other hosts, tells all of it and need not know what was told already.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from restoredrill.configuration import Loaded
from restoredrill.errors import RestoredrillError
from restoredrill.ledger import Outbox
from restoredrill.messages import addresses, notices, tickets
from restoredrill.messages.channels import Channel, by_apprise
from restoredrill.messages.lanes import Lanes
from restoredrill.messages.pings import Pings
from restoredrill.messages.postman import ROUND_S, Postman, Reveal
from restoredrill.model import Report, Verdict
from restoredrill.records import Alarm, DrillRow, Notice, Task, TaskState

# Of these the postman tells, or whoever noticed; an alarm that stands for them would tell it twice.
_TOLD_ALREADY = ("undelivered", "config")


class Messenger:
    """What happened -> whom to tell. Every method raises `HistoryError` and may be called again."""

    def __init__(
        self,
        outbox: Outbox,
        loaded: Callable[[], Loaded],
        reveal: Reveal,
        say: Callable[[str], None],
        *,
        rid: str,
        channel: Channel = by_apprise,
    ) -> None:
        """`rid`: a UUID of this process, for its pings."""
        self._outbox = outbox
        self._loaded = loaded
        self._say = say
        self._postman = Postman(outbox, reveal, say, channel, tickets.desk(reveal))
        self._aside = Lanes()
        self._pings = Pings(lambda: loaded().service, reveal, rid)

    def drill_ended(self, report: Report, earlier: Sequence[DrillRow]) -> None:
        """`earlier`: the database's drills as the history has them, newest first, maybe with this one."""
        loaded = self._loaded()
        told = notices.of_drill(report, earlier, loaded.service.web.url)
        wanted = addresses.of_verdict(loaded.databases.get(report.database), report.verdict)
        self._outbox.post(told, wanted)
        if loaded.service.ticket is not None:
            self._outbox.post(tickets.of_drill(report, told), (addresses.TICKET,))
        left = notices.of_leftovers(report, loaded.service.web.url)
        if left is not None:
            self._outbox.post(left, self._troubles(report.database, loaded))
        self._log(f"drill {report.drill} of {report.database}: {report.verdict}", report.drill)

    def backup_ended(self, task: Task) -> None:
        """Of a task that is final; one that took a backup, or was skipped or cancelled, tells nobody."""
        if task.state is not TaskState.DONE or task.outcome == "taken":
            return
        loaded = self._loaded()
        wanted = addresses.of_verdict(loaded.databases.get(task.database), Verdict.FAILED)
        self._outbox.post(notices.of_backup(task, loaded.service.web.url), wanted)

    def ended(self, task: Task, report: Report | None, earlier: Sequence[DrillRow]) -> None:
        """Whatever the task was. A drill that ended without a report could not find out anything."""
        if task.kind == "backup":
            self.backup_ended(task)
        elif report is not None:
            self.drill_ended(report, earlier)
        elif task.state is TaskState.DONE:
            loaded = self._loaded()
            wanted = addresses.of_verdict(loaded.databases.get(task.database), Verdict.INCONCLUSIVE)
            self._outbox.post(notices.of_lost(task, loaded.service.web.url), wanted)

    def alarms(self, begun: Sequence[Alarm], over: Sequence[Alarm], now: datetime) -> None:
        """What `ledger.Alarms.stand` returned."""
        loaded = self._loaded()
        url = loaded.service.web.url
        told = [notices.of_alarm(alarm, url) for alarm in begun if _is_news(alarm)]
        told += [notices.of_alarm_over(alarm, now, url) for alarm in over if _is_news(alarm)]
        for notice in told:
            self._outbox.post(notice, self._troubles(notice.database, loaded))

    def waits_for_budget(self, task: Task, now: datetime) -> None:
        """Of a task that waits, and whose reason is money or machines."""
        loaded = self._loaded()
        notice = notices.of_budget(task, now, loaded.service.web.url)
        self._outbox.post(notice, self._troubles(task.database, loaded))

    def configuration(self, now: datetime) -> None:
        """Tell of files that are no good, if there are such."""
        loaded = self._loaded()
        if loaded.problem is not None:
            notice: Notice = notices.of_problem(loaded.problem.reason, now)
            self._outbox.post(notice, addresses.of_service(loaded.service))

    def deliver(self, now: datetime, patience_s: float = ROUND_S) -> bool:
        """A round: try what is due. False if something still goes on when patience is over."""
        return self._postman.deliver(self._loaded(), now, patience_s)

    def started(self) -> None:
        """The service begins. Neither raises nor waits: that nobody could be pinged must not stop it."""
        self._aside.run({"start": lambda: self._quietly(self._pings.start)}, 0.0)

    def ping(self, now: datetime, ticked_at: datetime) -> bool:
        """A round, more often than `ping_every`: see `Pings.ping`. Raises `NotDelivered`, `SecretMissing`,
        `CloudError`.
        """
        return self._pings.ping(now, ticked_at)

    def broken(self, why: str) -> None:
        """The service ends by an error. Never raises."""
        self._quietly(lambda: self._pings.fail(why))

    def drill_started(self, database: str, drill: str) -> None:
        """Never raises: it is only a line at the dead man's switch."""
        self._log(f"drill {drill} of {database} begins", drill)

    def _log(self, words: str, run: str) -> None:
        """Aside, as nobody waits for it."""
        self._aside.run({words: lambda: self._quietly(lambda: self._pings.log(words, run))}, 0.0)

    def _quietly(self, deed: Callable[[], None]) -> None:
        try:
            deed()
        except RestoredrillError as error:
            self._say(f"messages: {error}")

    def _troubles(self, database: str, loaded: Loaded) -> tuple[str, ...]:
        """Whoever hears of a database's failures, and of the service's own troubles."""
        own = addresses.of_verdict(loaded.databases.get(database), Verdict.FAILED)
        return addresses.once((*own, *addresses.of_service(loaded.service)), loaded)


def _is_news(alarm: Alarm) -> bool:
    return alarm.key.partition(":")[0] not in _TOLD_ALREADY
