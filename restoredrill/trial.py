"""The story of a trial: one small machine is started for its first word only, and ended again.

What a look at the account can't tell, this tells: that a machine boots there, reaches the vault, finds its
agent and is gone when it is told to go.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

from restoredrill import clock
from restoredrill.doctor import Outcome, Probe
from restoredrill.errors import RestoredrillError
from restoredrill.interruptions import postponed
from restoredrill.model import Event, Job
from restoredrill.protocols import Machine

_CONSOLE_LETTERS = 400


@dataclass(frozen=True)
class Trial:
    """A job that no backup fits, and the ways to send it, to hear of it and to forget it.

    `forget`: takes what was written out of the vault again, or sees to it that nobody goes on with it;
    returns what it did.
    """

    job: Job
    machine: Machine
    submit: Callable[[Job], None]
    events: Callable[[str, int], tuple[tuple[int, Event], ...]]
    forget: Callable[[], str]
    first_word_s: float
    look_every_s: float = 2.0


def attempt(trial: Trial) -> Generator[Probe]:
    """Each step as it is done. No way out of here leaves a machine; one that resists is said."""
    submitted = _asked("trial: job", lambda: _submitted(trial), "allow the controller to write drills/*")
    yield submitted
    if submitted.outcome is Outcome.FAILED:
        return
    ended = False
    try:
        started = _asked("trial: start", lambda: _started(trial), "see the reason; `leases` shows what lives")
        yield started
        if started.outcome is Outcome.OK:
            yield _first_word(trial)
        ended = True
        yield from _end(trial)
    finally:
        if not ended:  # interrupted midway
            with postponed():
                list(_end(trial))


def _submitted(trial: Trial) -> str:
    trial.submit(trial.job)
    return f"{trial.job.id} is in the vault"


def _started(trial: Trial) -> str:
    return f"{trial.machine.launch(trial.job, 1)} was started"


def _first_word(trial: Trial) -> Probe:
    begun = clock.monotonic_s()
    while (waited_s := clock.monotonic_s() - begun) < trial.first_word_s:
        try:
            said = trial.events(trial.job.id, 0)
            if said:
                word = f"{said[0][1].phase} {said[0][1].kind} {said[0][1].message}".strip()
                return Probe("trial: first word", Outcome.OK, f"after {waited_s:.0f} s: {word}")
            state = trial.machine.state(trial.job.id)
        except RestoredrillError as error:
            return Probe("trial: first word", Outcome.FAILED, str(error), error.hint)
        if not state.running:
            return _silent(trial, f"the machine ended without a word ({state.detail or 'no reason told'})")
        clock.sleep(trial.look_every_s)
    return _silent(trial, f"nothing for {trial.first_word_s:.0f} s")


def _silent(trial: Trial, what: str) -> Probe:
    fix = (
        "has its subnet a route to the bucket, does its role read the vault, is the image one with cloud-init"
    )
    try:
        console = " ".join(trial.machine.last_words(trial.job.id).split())[-_CONSOLE_LETTERS:]
    except RestoredrillError as error:
        console = f"not readable: {error}"
    return Probe("trial: first word", Outcome.FAILED, f"{what}; its console: {console or 'empty'}", fix)


def _end(trial: Trial) -> Iterator[Probe]:
    yield _asked("trial: end", lambda: _ended(trial), "allow the controller to end what carries our tag")
    yield _asked(
        "trial: leftovers", lambda: _nothing_left(trial), "`restoredrill reap` ends it when its lease is over"
    )
    yield _asked("trial: vault", trial.forget, "")


def _ended(trial: Trial) -> str:
    trial.machine.terminate(trial.job.id)
    return "the machine was ended"


def _nothing_left(trial: Trial) -> str:
    left = trial.machine.leftovers(trial.job.id)
    if left:
        raise RestoredrillError("end", "the trial's machine", f"still there: {', '.join(left)}")
    return "no instance, volume, snapshot, interface or address carries its tag"


def _asked(name: str, question: Callable[[], str], fix: str) -> Probe:
    try:
        return Probe(name, Outcome.OK, question())
    except RestoredrillError as error:
        return Probe(name, Outcome.FAILED, str(error), error.hint or fix)
