"""What is wrong right now, from what the history holds and the files want: silence above all. Pure.

An alarm stands as long as what it is about does; `ledger.Alarms.stand` knows which are new, and which over.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from restoredrill.configuration import Loaded
from restoredrill.cron import longest_gap_s
from restoredrill.durations import format_duration
from restoredrill.model import Lease, Severity, Verdict
from restoredrill.records import Alarm, Delivery, Kind, Task, TaskState
from restoredrill.settings import DatabaseConfig
from restoredrill.standing import Standing

OVERDUE = timedelta(hours=1)  # past its deadline, or past the time it was due and its jitter
GAPS = 2.0  # so many of the longest pauses that a cron line leaves
LEASE_GRACE = timedelta(minutes=30)  # a reaper that comes every ten minutes has been there by then


@dataclass(frozen=True)
class Seen:
    """All that alarms are made of. `since`: when each database's file was written, which starts the clock of
    one that has nothing yet; `queued`: the last time of its schedule that became a task, by kind.
    """

    loaded: Loaded
    standings: Mapping[str, Standing]
    since: Mapping[str, datetime]
    open_tasks: Sequence[Task] = ()
    undelivered: Sequence[Delivery] = ()
    leases: Sequence[Lease] = ()
    spent_usd: float = 0.0
    queued: Mapping[tuple[str, Kind], datetime] = field(default_factory=dict)


def alarms(seen: Seen, now: datetime) -> tuple[Alarm, ...]:
    """Everything that is wrong at `now`, the service's own troubles first."""
    found = [*_service(seen, now)]
    running: dict[str, list[Task]] = {}
    for task in seen.open_tasks:
        running.setdefault(task.database, []).append(task)
    for name, database in seen.loaded.databases.items():
        found += _database(database, seen, running.get(name, []), now)
    return tuple(found)


# The service ------------------------------------------------------------------------------------------------


def _service(seen: Seen, now: datetime) -> Iterator[Alarm]:
    problem = seen.loaded.problem
    if problem is not None:
        words = f"the files are no good, so the last good ones are in force: {problem}"
        yield _alarm("config", "", Severity.HIGH, words, "`restoredrill validate` names every problem", now)
    if seen.undelivered:
        places = sorted({one.address for one in seen.undelivered})
        words = f"{len(seen.undelivered)} messages could not be delivered, to {', '.join(places[:5])}"
        hint = "`restoredrill notify test` tries every address"
        yield _alarm("undelivered", "", Severity.HIGH, words, hint, now)
    budget = seen.loaded.service.limits.usd_per_month
    if budget is not None and seen.spent_usd >= budget:
        words = f"this month's budget is used up: {seen.spent_usd:.2f} of {budget:.2f} USD"
        hint = "runs on machines of the cloud wait; raise limits.usd_per_month, or wait for the next month"
        yield _alarm("budget", "", Severity.MEDIUM, words, hint, now)
    for lease in seen.leases:
        if lease.expires_at + LEASE_GRACE < now:
            over_at = f"{lease.expires_at:%Y-%m-%d %H:%M} UTC"
            words = f"{lease.machine} lives on, though its lease was over at {over_at}"
            hint = "`restoredrill reap` ends it and says what resists"
            yield _alarm(f"leak:{lease.machine}", lease.database, Severity.CRITICAL, words, hint, now)


# One database -----------------------------------------------------------------------------------------------


def _database(database: DatabaseConfig, seen: Seen, tasks: Sequence[Task], now: datetime) -> Iterator[Alarm]:
    name = database.name
    stands = seen.standings.get(name) or Standing(name)
    since = seen.since.get(name, now)
    yield from _no_backup(database, stands, since, now)
    yield from _no_pass(database, stands, since, now)
    yield from _not_covered(database, stands, now)
    yield from _last_drill(stands)
    for task in tasks:
        yield from _never_ended(database, task, now)
    for kind in ("backup", "drill"):
        yield from _never_fired(database, kind, seen, now)


def allowed_s(named_s: float | None, cron: str | None) -> float | None:
    """How long silence may last: as the file says, else by the longest pause of its cron line; None: for
    ever, of what is done by hand only. Pure.
    """
    return named_s or (None if cron is None else GAPS * longest_gap_s(cron))


def _no_backup(database: DatabaseConfig, stands: Standing, since: datetime, now: datetime) -> Iterator[Alarm]:
    newest, name = stands.newest_backup, database.name
    allowed = allowed_s(database.alarms.no_backup_for_s, _cron(database, "backup"))
    last_at = since if newest is None else newest.taken_at
    what = "there is no backup yet" if newest is None else "there is no newer backup"
    hint = f"`restoredrill backup {name}` takes one and says what is in the way"
    yield from _silence(f"no_backup:{name}", name, allowed, last_at, what, hint, now)


def _no_pass(database: DatabaseConfig, stands: Standing, since: datetime, now: datetime) -> Iterator[Alarm]:
    passed, name = stands.last_pass, database.name
    allowed = allowed_s(database.alarms.no_pass_for_s, _cron(database, "drill"))
    last_at = since if passed is None else passed.finished_at
    what = "no drill has passed yet" if passed is None else "no drill has passed"
    hint = f"`restoredrill report {name}` says why"
    yield from _silence(f"no_pass:{name}", name, allowed, last_at, what, hint, now)


def _not_covered(database: DatabaseConfig, stands: Standing, now: datetime) -> Iterator[Alarm]:
    """A backup that was never drilled in the time that the file promises."""
    within_s = None if database.drill is None else database.drill.coverage_s
    oldest, name = stands.oldest_unverified, database.name
    if within_s is None or oldest is None or (now - oldest.taken_at).total_seconds() <= within_s:
        return
    words = f"backup {oldest.backup} was never drilled; {format_duration(within_s)} was promised"
    hint = "`restoredrill validate` says whether the drills suffice for what is kept"
    yield _alarm(f"coverage:{name}", name, Severity.HIGH, words, hint, oldest.taken_at)


def _silence(
    key: str, name: str, allowed: float | None, last_at: datetime, what: str, hint: str, now: datetime
) -> Iterator[Alarm]:
    if allowed is not None and (now - last_at).total_seconds() > allowed:
        words = f"{what} for {format_duration(_whole_hours(now - last_at))}"
        yield _alarm(key, name, Severity.CRITICAL, words, hint, last_at)


def _cron(database: DatabaseConfig, kind: Kind) -> str | None:
    section = database.section(kind)
    return None if section is None else section.cron


def _last_drill(stands: Standing) -> Iterator[Alarm]:
    """A word that stands until the next drill: failed is worse than not found out."""
    drill = stands.last_drill
    if drill is None:
        return
    name, why = stands.database, "; ".join(drill.reasons[:2])
    hint = f"`restoredrill report {name} {drill.drill}` has all of it"
    if drill.verdict is Verdict.FAILED:
        words = f"drill {drill.drill} failed: {why}"
        yield _alarm(f"failed:{name}", name, Severity.CRITICAL, words, hint, drill.finished_at)
    elif drill.verdict is Verdict.INCONCLUSIVE:
        words = f"drill {drill.drill} could not find out: {why}"
        yield _alarm(f"inconclusive:{name}", name, Severity.MEDIUM, words, hint, drill.finished_at)
    if drill.leftovers:
        words = f"drill {drill.drill} has left {', '.join(drill.leftovers[:5])}"
        hint = "`restoredrill reap` ends it, `restoredrill leases` shows what lives"
        yield _alarm(f"leftovers:{name}", name, Severity.HIGH, words, hint, drill.finished_at)


def _never_ended(database: DatabaseConfig, task: Task, now: datetime) -> Iterator[Alarm]:
    section = database.section(task.kind)
    if task.state is not TaskState.RUNNING or task.started_at is None or section is None:
        return
    end_at = task.started_at + timedelta(seconds=section.deadline_s)
    if now > end_at + OVERDUE:
        until = f"{end_at:%Y-%m-%d %H:%M} UTC"
        words = f"{task.kind} {task.id} has begun and not ended; it had time until {until}"
        hint = "`restoredrill leases` shows what lives of it; the log of `serve` says what it waits for"
        yield _alarm(f"endless:{task.id}", database.name, Severity.HIGH, words, hint, end_at)


def _never_fired(database: DatabaseConfig, kind: Kind, seen: Seen, now: datetime) -> Iterator[Alarm]:
    """Nothing was queued for longer than its line ever pauses."""
    cron = _cron(database, kind)
    if cron is None:
        return
    since = seen.since.get(database.name, now)
    queued_at = max(seen.queued.get((database.name, kind), since), since)
    late = timedelta(seconds=seen.loaded.service.jitter_s) + OVERDUE
    if now > queued_at + timedelta(seconds=longest_gap_s(cron)) + late:
        words = f"no {kind} was queued since {queued_at:%Y-%m-%d %H:%M} UTC, though its cron line has come"
        hint = "is the host's clock right, and can the schedule be stored? the log of `serve` says"
        yield _alarm(f"unfired:{kind}:{database.name}", database.name, Severity.HIGH, words, hint, queued_at)


def _alarm(key: str, database: str, severity: Severity, message: str, hint: str, since: datetime) -> Alarm:
    return Alarm(key=key, database=database, severity=severity, message=message, hint=hint, since=since)


def _whole_hours(time: timedelta) -> float:
    """So that what is said of it does not change with each look."""
    return max(1, time.total_seconds() // 3600) * 3600.0
