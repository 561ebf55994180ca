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
from restoredrill.records import Alarm, DrillRow, Kind, Notice, Task, TaskState

# Of these the postman tells, or whoever noticed; an alarm that stands for them would tell it twice.
_TOLD_ALREADY = ("undelivered", "config")
# Of a task without a result: a drill could not find out anything, a backup was not taken.
_FAILURES: dict[Kind, tuple[Callable[[Task, str | None], Notice], Verdict]] = {
    "backup": (notices.of_backup, Verdict.FAILED),
    "drill": (notices.of_lost, Verdict.INCONCLUSIVE),
}


class Messenger:
    """What happened -> whom to tell. Every method raises `HistoryError` and may be called again."""

    def __init__(
        self,
        outbox: Outbox,
        loaded: Callable[[], Loaded],
        reveal: Reveal,
        say: Callable[[str], None],
        *,
        past: Callable[[str], Sequence[DrillRow]],
        rid: str,
        channel: Channel = by_apprise,
    ) -> None:
        """`past`: a database's drills as the history has them, newest first. `rid`: a UUID of this process,
        for its pings.
        """
        self._outbox = outbox
        self._loaded = loaded
        self._say = say
        self._past = past
        self._postman = Postman(outbox, reveal, say, channel, tickets.desk(reveal))
        self._aside = Lanes()
        self._pings = Pings(lambda: loaded().service, reveal, rid)

    def began(self, task: Task) -> None:
        """Never raises: it is only a line at the dead man's switch."""
        if task.kind == "drill":
            self._log(f"drill {task.id} of {task.database} begins", task.id)

    def ended(self, task: Task, report: Report | None) -> None:
        """Of a task that is final; `report` where a drill came to one. Who took a backup, was skipped or
        cancelled, or was stopped by us and is tried again, tells nobody.
        """
        if report is not None:
            self.drill_ended(report)
        elif task.state is TaskState.DONE and task.outcome != "taken" and not _comes_again(task):
            loaded = self._loaded()
            make, verdict = _FAILURES[task.kind]
            wanted = addresses.of_verdict(loaded.databases.get(task.database), verdict)
            self._outbox.post(make(task, loaded.service.web.url), wanted)

    def drill_ended(self, report: Report) -> None:
        """Also of one that no task asked for."""
        loaded = self._loaded()
        told = notices.of_drill(report, self._past(report.database), loaded.service.web.url)
        wanted = addresses.of_verdict(loaded.databases.get(report.database), report.verdict)
        self._outbox.post(told, wanted)
        if loaded.service.ticket is not None:
            self._outbox.post(tickets.of_drill(report, told), (addresses.TICKET,))
        left = notices.of_leftovers(report, loaded.service.web.url)
        if left is not None:
            self._outbox.post(left, self._troubles(report.database, loaded))
        self._log(f"drill {report.drill} of {report.database}: {report.verdict}", report.drill)

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


def _comes_again(task: Task) -> bool:
    """Stopped by the service's own end: the controller makes one more attempt of it."""
    return task.outcome == "interrupted" and task.attempt == 1
