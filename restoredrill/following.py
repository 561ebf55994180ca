"""Follows the machines of one errand, by what they say and by what their provider says of them.

Whoever follows may die and another one go on: which machine lives, and how far it is, is found by looking.
Silence is counted only over looks that worked: a vault that does not answer is no machine that says nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from restoredrill import clock, secret
from restoredrill.durations import format_duration
from restoredrill.errors import (
    BootTimeout,
    CloudUnreachable,
    DeadlineOver,
    Interrupted,
    MachineFailed,
    MachineReclaimed,
    MachineSilent,
    PhaseTimeout,
    RestoredrillError,
    VaultError,
)
from restoredrill.model import Errand, Event, Job
from restoredrill.plan import MachinePlan
from restoredrill.protocols import Machine, MachineState
from restoredrill.telling import attempt_of, first_number, is_watchers

ATTEMPTS_AT_MOST = 3
LEAST_LEFT = timedelta(minutes=2)  # of the deadline, for another attempt to be worth its start
REPORT_GRACE = timedelta(seconds=30)  # past the deadline: time for the agent's own word on it
END_GRACE_S = 30.0  # past its result: time for a machine to put its log away and end by itself
LOOK_S = (0.25, 5.0)  # between two looks at the vault: more as time goes on, since each costs requests
_TAIL = 300  # letters of a console that a reason quotes

Heard = tuple[tuple[int, Event], ...]


@dataclass(frozen=True)
class Line:
    """How an errand is heard of: its events after a number, and whether this attempt's result is there."""

    events: Callable[[int], Heard]  # raises `VaultError`
    done: Callable[[int], bool]  # raises `VaultError`
    watch: Callable[[Event], None]
    stays: bool = False  # the machine lives on after its result, so its end can't be waited for


class Following:
    """One errand's machines, one after another. `attempts` of them were started, the first one `boot_s`
    before its first word; `consoles` are the last words of those that ended badly, by file name.
    """

    def __init__(
        self,
        job: Errand,
        machine: Machine,
        line: Line,
        limits_s: dict[str, float],
        end_grace_s: float = END_GRACE_S,
    ) -> None:
        self.attempts = 0
        self.boot_s: float | None = None
        self.consoles: dict[str, str] = {}
        self._job = job
        self._machine = machine
        self._line = line
        self._limits_s = limits_s
        self._end_grace_s = end_grace_s
        self._name = job.id
        self._ears = _Ears(1)

    # Starting ---------------------------------------------------------------------------------------------

    def start(self, attempt: int) -> None:
        """Start the machine of an attempt. May be repeated: there is never a second one of it."""
        ears = _Ears(attempt)
        self._name = self._machine.launch(_for_attempt(self._job, attempt), attempt)
        self.attempts, self._ears = attempt, ears
        ears.deaf()  # to find one may have taken long; silence begins now

    def take_up(self, finished: int) -> None:
        """Go on where somebody else stopped: with the machine that lives, the next one if that was taken
        away, the first one if there was none. `finished`: the attempt whose result is there, and nothing is
        started then; 0: there is none.

        Raises `VaultError` if the events can't be read, and what `start` raises.
        """
        heard = self._line.events(0)
        attempt = max(1, finished, *(attempt_of(number) for number, _ in heard))
        ours = [event for number, event in heard if attempt_of(number) == attempt]
        gone = any(event.kind == "interrupted" for event in ours)
        alive = not finished and (bool(ours) or self._machine.state(self._job.id).running)
        if finished or (alive and not gone) or clock.utcnow() > self._job.deadline_at:
            self.attempts, self._name = attempt, self._job.id
            self._ears = _Ears(attempt, taken_up=True)
        else:
            self.start(attempt + 1 if gone else attempt)

    def again(self) -> bool:
        """Start the next attempt, if it is worth one: the last machine was taken away."""
        late = self._job.deadline_at - clock.utcnow() < LEAST_LEFT
        if late or self.attempts >= ATTEMPTS_AT_MOST:
            return False
        # Gone before the next begins: there is one writer at a time. Where it is gone, somebody else who
        # follows may have begun the next one, which must not be ended in its place.
        if self._state().running:
            self._machine.terminate(self._name)
        self.start(self.attempts + 1)
        return True

    # Following --------------------------------------------------------------------------------------------

    def follow(self) -> str:
        """Look until the machine has ended, or its result is there; returns what is known of its end.

        Raises `MachineReclaimed`, `BootTimeout`, `MachineSilent`, `PhaseTimeout` and `DeadlineOver`; there
        may be a result all the same. A control plane that does not answer for a while changes nothing.
        """
        began_s = clock.monotonic_s()
        done_s: float | None = None
        while True:
            state = self._state()  # before the events: what it said last is then read too
            self._hear()
            if self._ears.interrupted or (state.reclaimed and not state.running):
                raise MachineReclaimed("run", self._name, state.detail or self._ears.words or "taken away")
            if not state.running:
                return self._ended(state)
            if done_s is None and self._done():
                done_s = clock.monotonic_s()
            if done_s is not None and (self._line.stays or clock.monotonic_s() - done_s > self._end_grace_s):
                return ""
            if done_s is None:
                self._require_time_left()
            clock.sleep(pause_s(clock.monotonic_s() - began_s))

    def _state(self) -> MachineState:
        try:
            return self._machine.state(self._name)
        except CloudUnreachable:
            return MachineState(running=True)  # as far as anybody knows

    def _hear(self) -> None:
        ears = self._ears
        try:
            heard = [one for one in self._line.events(ears.after) if ears.is_new(one[0])]
        except VaultError:
            ears.deaf()  # said again by the next look, or by the report
            return
        for number, event in heard:
            self._line.watch(event)
            ears.hear(number, event)
        self.attempts = max(self.attempts, ears.attempt)
        if self._job.plan is not None and self.boot_s is None and ears.boot_s is not None:
            self.boot_s = ears.boot_s
        ears.looked()

    def _done(self) -> bool:
        """A machine that somebody owns ends by itself; of others it is asked, as they cost while they do."""
        if self._job.plan is None and not self._line.stays:
            return False
        try:
            return self._line.done(self.attempts)
        except VaultError:
            return False

    def _ended(self, state: MachineState) -> str:
        if self._job.plan is None:
            return state.detail
        try:
            well = self._line.done(self.attempts)
        except VaultError:
            well = False
        if well:
            return state.detail
        words = "; ".join(filter(None, (self._ears.words, state.detail)))
        return words + self._console()

    def _require_time_left(self) -> None:
        if clock.utcnow() > self._job.deadline_at + REPORT_GRACE:
            self._console()
            reason = "the deadline passed before the agent was done"
            raise DeadlineOver("wait for", self._job.database, reason)
        phase, limit_s = self._ears.phase, self._limits_s.get(self._ears.phase)
        if limit_s is not None and self._ears.phase_s > limit_s:
            reason = f"it took longer than its limit of {format_duration(limit_s)}{self._console()}"
            raise PhaseTimeout("wait for", f"phase {phase} of {self._job.database}", reason)
        self._require_words()

    def _require_words(self) -> None:
        plan = self._job.plan
        if plan is None:
            return
        if not self._ears.spoken:
            patience_s = (
                plan.first_word_s if self._ears.from_start else max(plan.first_word_s, plan.silence_s)
            )
            if self._ears.quiet_s > patience_s:
                reason = f"the machine said nothing in the {_whole(patience_s)} since it was started"
                hint = "is there a route to the vault, and may its role read it? its console is kept"
                raise BootTimeout("hear", self._name, reason + self._console(), hint=hint)
        elif self._ears.quiet_s > plan.silence_s:
            reason = f"the machine said nothing for {_whole(plan.silence_s)}"
            raise MachineSilent("hear", self._name, reason + self._console(), hint="its console is kept")

    def _console(self) -> str:
        """Keep what the machine wrote where nobody is needed to read it; its end, for a reason."""
        if self._job.plan is None:
            return ""
        try:
            words = secret.redact(self._machine.last_words(self._name))
        except RestoredrillError as error:
            return f"; its console could not be read: {error}"
        if not words.strip():
            return "; its console is empty"
        self.consoles[f"console-{self.attempts}.txt"] = words
        return f"; its console ended with: {' '.join(words.split())[-_TAIL:]}"


class _Ears:
    """What was heard of one attempt, and for how long nothing was."""

    def __init__(self, attempt: int, *, taken_up: bool = False) -> None:
        self.attempt = attempt
        self.from_start = not taken_up
        self.spoken = False  # since we listen
        self.interrupted = False
        self.words = ""  # the last that was said in words
        self.phase = ""
        self.boot_s: float | None = None
        self._began_at = clock.utcnow()
        self._last = first_number(attempt) - 1
        self._watchers: set[int] = set()
        self._quiet_since_s = clock.monotonic_s()
        self._phase_since_s = clock.monotonic_s()
        self._looks = 0

    @property
    def after(self) -> int:
        return self._last

    @property
    def quiet_s(self) -> float:
        return clock.monotonic_s() - self._quiet_since_s

    @property
    def phase_s(self) -> float:
        return clock.monotonic_s() - self._phase_since_s

    def is_new(self, number: int) -> bool:
        return number > self._last and number not in self._watchers

    def deaf(self) -> None:
        self._quiet_since_s = clock.monotonic_s()

    def looked(self) -> None:
        self._looks += 1

    def hear(self, number: int, event: Event) -> None:
        if attempt_of(number) > self.attempt:  # somebody else has started the next one
            self.attempt, self.interrupted = attempt_of(number), False
        if is_watchers(number):
            self._watchers.add(number)
        else:
            self._last = number
        old = not self.from_start and self._looks == 0  # said before we began to listen
        if not old:
            self._speak(event)
        if event.kind == "interrupted":
            self.interrupted = True
        if event.message and event.kind in ("note", "interrupted"):
            self.words = event.message
        self._follow_phase(event, age_s=self._age_s(event) if old else 0.0)

    def _speak(self, event: Event) -> None:
        self._quiet_since_s = clock.monotonic_s()
        if not self.spoken and self.from_start:
            self.boot_s = max(0.0, (event.at - self._began_at).total_seconds())
        self.spoken = True

    def _follow_phase(self, event: Event, age_s: float) -> None:
        ends = (event.kind == "done" and event.phase == self.phase) or event.kind == "note"
        begins = event.kind == "started" or (event.kind == "progress" and event.phase != self.phase)
        if ends:
            self.phase = ""
        elif begins:
            self.phase, self._phase_since_s = event.phase, clock.monotonic_s() - age_s

    def _age_s(self, event: Event) -> float:
        return max(0.0, (clock.utcnow() - event.at).total_seconds())


def pause_s(elapsed_s: float) -> float:
    """How long to wait for the next look. Pure: a twentieth of what has passed, within `LOOK_S`."""
    return min(max(LOOK_S[0], elapsed_s / 20), LOOK_S[1])


def on_demand_first(plan: MachinePlan) -> MachinePlan:
    """After a machine was taken away: what nobody takes away is asked for first. Pure."""
    rungs = sorted(plan.rungs, key=lambda rung: rung.market != "on-demand")
    return plan.model_copy(update={"rungs": tuple(rungs)})


def _for_attempt(job: Errand, attempt: int) -> Errand:
    """The same for everybody who starts this attempt."""
    if attempt == 1 or job.plan is None:
        return job
    return job.model_copy(update={"plan": on_demand_first(job.plan)})


def _whole(seconds: float) -> str:
    return format_duration(round(seconds, 1))


def lost(job: Errand, words: str) -> MachineFailed:
    """The agent is gone and has left no result."""
    hint = "run it again; if it happens again, look at memory and disk of the machine"
    left, did = ("report", "drill") if isinstance(job, Job) else ("backup", "back up")
    reason = f"the agent ended without a {left}; it said last: {words or 'nothing'}"
    return MachineFailed(did, job.database, reason, hint=hint)


def left_at_work(did: str, job: Errand) -> Interrupted:
    """Whoever follows was told to stop, and the machine was not (DESIGN section 3: it needs nobody)."""
    hint = "its machine ends by itself; `restoredrill leases` shows it until then"
    return Interrupted(did, job.database, f"interrupted; {job.id} goes on by itself", hint=hint)
