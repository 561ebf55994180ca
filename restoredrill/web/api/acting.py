"""What can be done. Each deed is written into the audit log before it is done: what can't be, is not done."""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

from restoredrill.model import Lease, make_id
from restoredrill.records import ON_DEMAND, Task, TaskState
from restoredrill.web.api.documents import LEASE_LONGEST_S, ExtendLease, RunDrill
from restoredrill.web.api.needs import World
from restoredrill.web.safety.entrance import Visit
from restoredrill.web.safety.refusals import Refusal, nothing


class Acting:
    """Raises `Refusal` where it makes no sense, and errors of the history, the vaults and the cloud."""

    def __init__(self, world: World, now: Callable[[], datetime]) -> None:
        self._world = world
        self._now = now

    def run_drill(self, who: Visit, database: str, asked: RunDrill) -> Task:
        """Queue one, before all that a schedule wants."""
        if asked.backup is not None:
            kept = {row.backup for row in self._world.history.proofs.backups(database)}
            if asked.backup not in kept:
                raise nothing("backup")
        task = self._task(who, database, "drill")
        task = task.model_copy(
            update={"pick": asked.backup, "machine": asked.machine, "keep_s": asked.keep_s}
        )
        words = (asked.backup or "as the file says", f"on {asked.machine}" if asked.machine else "")
        who.note("run drill", database, "; ".join(filter(None, (task.id, *words))))
        self._world.orders.queue(task)
        return task

    def run_backup(self, who: Visit, database: str) -> Task:
        """Queue one."""
        task = self._task(who, database, "backup")
        who.note("run backup", database, task.id)
        self._world.orders.queue(task)
        return task

    def cancel(self, who: Visit, task: Task) -> Task:
        """While it waits. What runs ends by itself, or with its machine."""
        now, name = self._now(), who.caller.name if who.caller else ""
        reason = f"cancelled by {name}"
        changed = task.model_copy(update={"state": TaskState.CANCELLED, "reason": reason, "ended_at": now})
        if task.state is not TaskState.WAITING:
            raise _too_late(task)
        who.note("cancel", task.database, f"{task.kind} {task.id}")
        if not self._world.orders.cancel(changed):
            raise _too_late(self._world.history.tasks.get(task.id) or task)
        return changed

    def extend(self, who: Visit, machine: str, asked: ExtendLease) -> Lease:
        """Later than it is now, never for ever."""
        lease, now = self._lease(machine), self._now()
        latest = now + timedelta(seconds=LEASE_LONGEST_S)
        if not now < asked.expires_at <= latest:
            detail = f"it must be after now and at most {latest:%Y-%m-%dT%H:%M:%SZ}"
            raise Refusal(409, "A lease can't end then", detail)
        who.note("extend lease", lease.database, f"{machine} until {asked.expires_at.isoformat()}")
        self._world.estate.extend(lease, asked.expires_at)
        return lease.model_copy(update={"expires_at": asked.expires_at})

    def end(self, who: Visit, machine: str) -> None:
        """Now."""
        lease = self._lease(machine)
        who.note("end machine", lease.database, machine)
        self._world.estate.end(lease)

    def _lease(self, machine: str) -> Lease:
        for lease in self._world.estate.leases():
            if lease.machine == machine:
                return lease
        raise nothing("machine")

    def _task(self, who: Visit, database: str, kind: Literal["backup", "drill"]) -> Task:
        now = self._now()
        return Task(
            id=make_id(now, secrets.token_hex(4)),
            database=database,
            kind=kind,
            due_at=now,
            not_before=now,
            asked_by="person",
            asker=who.caller.name if who.caller else "",
            priority=ON_DEMAND,
        )


def _too_late(task: Task) -> Refusal:
    detail = f"it is {task.state}"
    return Refusal(409, "Only what waits can be cancelled", detail, "end its machine to stop what runs")
