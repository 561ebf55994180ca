"""The story of a backup that a machine takes: the controller starts one, waits, and looks for the proof.

The manifest is the proof, and nothing else (promise 3). A machine that is taken away leaves half a backup, so
the next one takes another, under an id of its own: two machines never write under the same one, not even if
the first was only thought to be gone.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from restoredrill import clock
from restoredrill.errors import Interrupted, MachineReclaimed, RestoredrillError, VaultError
from restoredrill.following import (
    ATTEMPTS_AT_MOST,
    LEAST_LEFT,
    Following,
    Line,
    left_at_work,
    lost,
    on_demand_first,
)
from restoredrill.interruptions import postponed
from restoredrill.model import BackupJob, Cost, Event, MachineFacts, Manifest, Report, Verdict
from restoredrill.protocols import Bill, Errands, Machine


@dataclass(frozen=True)
class Hands:
    """What a controller works with; wiring makes it."""

    machine: Machine
    errands: Errands
    manifest: Callable[[str], Manifest | None]  # of this backup, if it exists; raises `VaultError`
    discard: Callable[[str], None]  # what is left of half a backup
    leave: Callable[[str, str, str], None]  # leave(errand, name, text): beside the job
    reckon: Callable[[str, Cost], None]  # what it has cost: the month's budget counts it
    watch: Callable[[Event], None]
    new_id: Callable[[], str]
    bill: Bill | None = None
    facts: Callable[[str], MachineFacts] | None = None  # what the provider knows of an errand's machine
    leaves: bool = False  # told to stop, it leaves the machine at work, which takes the backup by itself


@dataclass(frozen=True)
class Sent:
    """A backup that a machine has taken, what is left of the machines, and what they have cost."""

    manifest: Manifest
    machine: MachineFacts
    cost: Cost | None = None


def send(job: BackupJob, hands: Hands) -> Sent:
    """Have a backup taken. It exists when this returns.

    Raises what the machine's own error was, `CapacityMissing`, `MachineFailed`, `DeadlineOver`; `Interrupted`
    after cleaning up. No way out of here leaves a machine, except an interruption where `hands.leaves` says
    so; one that resists is named in the error.
    """
    hands.errands.submit(job)
    return _carry_on(job, hands, _from_the_start)


def resume(job: BackupJob, hands: Hands) -> Sent:
    """Go on with a backup whose controller died, wherever that was; see `send`. A machine that is at work, or
    has come to its end, is not started again.
    """
    over = hands.errands.outcome(job.backup) is not None or hands.manifest(job.backup) is not None
    return _carry_on(job, hands, lambda following: following.take_up(1 if over else 0))


def _carry_on(job: BackupJob, hands: Hands, begin: Callable[[Following], None]) -> Sent:
    facts, cost = MachineFacts(provider=job.provider, id=job.backup, attempts=0), Cost()
    while True:
        one = _Sending(job, hands)
        problem = one.carry_out(begin)
        facts, cost = _and(facts, one.facts), _sum(cost, one.cost)
        manifest = hands.manifest(job.backup)
        if manifest is not None:
            return Sent(manifest, facts, cost if hands.bill else None)
        if not one.facts.leftovers:  # a machine that may live may still come to an end with it
            with suppress(RestoredrillError):  # who decides may not be allowed to delete: prune does it then
                hands.discard(job.backup)
        late = job.deadline_at - clock.utcnow() < LEAST_LEFT
        if not isinstance(problem, MachineReclaimed) or late or facts.attempts >= ATTEMPTS_AT_MOST:
            raise _with_leftovers(problem or _why(job, hands, one.words), facts)
        job = _another(job, hands.new_id())
        hands.errands.submit(job)
        begin = _from_the_start


def _from_the_start(following: Following) -> None:
    following.start(1)


class _Sending:
    """One machine for one backup: its end, however it came to it."""

    def __init__(self, job: BackupJob, hands: Hands) -> None:
        self._job = job
        self._hands = hands
        self.words = ""
        self.facts = MachineFacts(provider=job.provider, id=job.backup, attempts=0)
        self.cost = Cost()

    def carry_out(self, begin: Callable[[Following], None]) -> RestoredrillError | None:
        """What went wrong, as far as the controller saw; the machine is gone."""
        job, hands = self._job, self._hands
        line = Line(
            events=lambda after: hands.errands.events(job.backup, after),
            done=lambda _attempt: hands.errands.outcome(job.backup) is not None,
            watch=hands.watch,
        )
        following = Following(job, hands.machine, line, {})
        problem: RestoredrillError | None = None
        try:
            begin(following)
            self.words = following.follow()
        except RestoredrillError as error:
            problem = error
        except KeyboardInterrupt:
            if hands.leaves:
                raise left_at_work("back up", job) from None
            with postponed():
                self._tear_down(following)
            raise _interrupted(job, self.facts) from None
        except BaseException:
            with postponed():
                hands.machine.terminate(job.backup)
            raise
        with postponed():
            self._tear_down(following)
        return problem

    def _tear_down(self, following: Following) -> None:
        """End it, look what is left, reckon, and keep its console where it ended badly."""
        machine, job = self._hands.machine, self._job
        resisted: tuple[str, ...] = ()
        try:
            machine.terminate(job.backup)
        except RestoredrillError as error:
            resisted = (f"unknown: {error}",)
        try:
            left = machine.leftovers(job.backup) or resisted
        except RestoredrillError as error:
            left = (f"unknown: {error}",)
        known = self._known()
        course = {
            "attempts": following.attempts,
            "boot_s": following.boot_s,
            "leftovers": left,
            "swept_at": clock.utcnow(),
        }
        self.facts = known.model_copy(update=course)
        self._leave(following.consoles)
        self._reckon()

    def _known(self) -> MachineFacts:
        with suppress(VaultError):
            outcome = self._hands.errands.outcome(self._job.backup)
            if outcome is not None:
                return outcome.machine
        with suppress(RestoredrillError):
            if self._hands.facts is not None:
                return self._hands.facts(self._job.backup)
        return self.facts

    def _leave(self, consoles: Mapping[str, str]) -> None:
        for name, text in consoles.items():
            with suppress(VaultError):
                self._hands.leave(self._job.backup, name, text)

    def _reckon(self) -> None:
        if self._hands.bill is None:
            return
        with suppress(RestoredrillError):
            self.cost = self._hands.bill(self._job, _as_report(self._job, self.facts))
            self._hands.reckon(self._job.backup, self.cost)


def _interrupted(job: BackupJob, facts: MachineFacts) -> Interrupted:
    if not facts.leftovers:
        return Interrupted("back up", job.database, "interrupted; its machine has been ended")
    reason = f"interrupted; still there: {', '.join(facts.leftovers)}"
    hint = "`restoredrill reap` ends what is left"
    return Interrupted("back up", job.database, reason, hint=hint)


def _why(job: BackupJob, hands: Hands, words: str) -> RestoredrillError:
    """Why there is no backup, by the machine's own account."""
    outcome = hands.errands.outcome(job.backup)
    if outcome is None or outcome.trouble is None:
        return lost(job, words)
    return outcome.trouble.error()


def _another(job: BackupJob, backup: str) -> BackupJob:
    """The same for the next machine, which asks first for what nobody takes away."""
    plan = None if job.plan is None else on_demand_first(job.plan)
    return job.model_copy(update={"backup": backup, "plan": plan})


def _with_leftovers(problem: RestoredrillError, facts: MachineFacts) -> RestoredrillError:
    if facts.leftovers:
        problem.hint = f"still there: {', '.join(facts.leftovers)}; `restoredrill reap` ends what is left"
    return problem


def _and(before: MachineFacts, after: MachineFacts) -> MachineFacts:
    """The last machine's facts, with what is left of any of them."""
    attempts, left = before.attempts + after.attempts, (*before.leftovers, *after.leftovers)
    return after.model_copy(update={"attempts": attempts, "leftovers": left})


def _sum(one: Cost, other: Cost) -> Cost:
    parts = {
        name: one.parts.get(name, 0.0) + other.parts.get(name, 0.0)
        for name in dict.fromkeys([*one.parts, *other.parts])
    }
    sums = {"amount": one.amount + other.amount, "parts": parts}
    return other.model_copy(update=sums)


def _as_report(job: BackupJob, facts: MachineFacts) -> Report:
    """What a bill wants to know of an errand."""
    return Report(
        drill=job.backup,
        database=job.database,
        verdict=Verdict.INCONCLUSIVE,
        machine=facts,
        started_at=job.started_at,
        finished_at=clock.utcnow(),
    )
