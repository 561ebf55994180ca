"""The story of a drill, as the controller tells it: pick, plan, launch, follow, tear down, look again,
report.

The agent on the machine does the work (agent.py); the two talk through the vault only. So this side may die
at any line: the agent writes its report by itself, and whoever comes next finds the machine by looking.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from restoredrill import clock
from restoredrill.errors import (
    CloudUnreachable,
    Interrupted,
    MachineFailed,
    MachineReclaimed,
    RestoredrillError,
    VaultError,
)
from restoredrill.following import Following, Line, left_at_work, lost
from restoredrill.interruptions import postponed
from restoredrill.model import (
    Cost,
    Event,
    Finding,
    Job,
    MachineFacts,
    Manifest,
    Report,
    Severity,
    Verdict,
)
from restoredrill.protocols import Bill, Journal, Machine
from restoredrill.undecided import inconclusive

Render = Callable[[Report], Mapping[str, str]]
"""Every form of a report besides report.json, by file name."""


@dataclass(frozen=True)
class Hands:
    """What a controller works with; wiring makes it."""

    machine: Machine
    journal: Journal
    render: Render
    watch: Callable[[Event], None]
    bill: Bill | None = None
    facts: Callable[[str], MachineFacts] | None = None  # what the provider knows of an errand's machine
    leaves: bool = False  # told to stop, it leaves a machine of the cloud at work: somebody goes on with it


def conduct(job: Job, backup: Manifest, hands: Hands) -> Report:
    """Carry out a drill and prove that nothing is left of it.

    The report comes back whatever happened on the machine. Raises `Interrupted` after cleaning up (the report
    says so too), `VaultError` if not even the job could be put out. No way out of here leaves a machine,
    except an interruption where `hands.leaves` says so.
    """
    hands.journal.submit(job)
    return _carry_out(job, backup, hands, lambda following: following.start(1))


def resume(job: Job, backup: Manifest | None, hands: Hands) -> Report:
    """Go on with a drill whose controller died, wherever that was; see `conduct`.

    Nothing is done where somebody has come to its end already. Raises `VaultError` or `CloudUnreachable`, and
    leaves everything as it is, while vault or cloud does not say how far it is.
    """
    found = _found(job, hands.journal)
    if found is not None and (found.machine.swept_at is not None or found.machine.url is not None):
        return found
    finished = 0 if found is None else found.machine.attempts
    return _carry_out(job, backup, hands, lambda following: following.take_up(finished), resumed=True)


def _carry_out(
    job: Job,
    backup: Manifest | None,
    hands: Hands,
    begin: Callable[[Following], None],
    *,
    resumed: bool = False,
) -> Report:
    following = _following(job, hands)
    interruption: Interrupted | None = None
    try:
        begin(following)
        report = _work(job, following, hands.journal)
    except KeyboardInterrupt:
        if hands.leaves and job.plan is not None:
            raise left_at_work("drill", job) from None
        interruption = Interrupted("drill", job.database, "interrupted; its machine has been ended")
        report = inconclusive(job, backup, interruption)
    except (VaultError, CloudUnreachable) as error:
        if resumed and not following.attempts:
            raise  # a machine may be well at work: somebody comes again
        report = inconclusive(job, backup, error)
    except RestoredrillError as error:
        report = inconclusive(job, backup, error)
    except BaseException:  # a mistake of ours: no reason to leave a machine behind
        with postponed():
            hands.machine.terminate(job.drill)
        raise
    with postponed():
        final = _finish(job, _with_course(job, report, following, hands), following, hands)
    if interruption is not None:
        raise interruption if not final.machine.leftovers else _interrupted_but(final)
    return final


def _following(job: Job, hands: Hands) -> Following:
    line = Line(
        events=lambda after: hands.journal.events(job.drill, after),
        done=lambda attempt: _found(job, hands.journal, attempt) is not None,
        watch=hands.watch,
        stays=job.keep_s is not None,
    )
    return Following(job, hands.machine, line, job.limits_s)


def _work(job: Job, following: Following, journal: Journal) -> Report:
    """Until there is a report. An agent that can't come to an end may have found out everything before that;
    a machine that is taken away makes room for the next one, unless it had found out something.
    """
    while True:
        try:
            words = following.follow()
            found = _found(job, journal, following.attempts)
            if found is None:
                raise lost(job, words)
            return found
        except MachineReclaimed as error:
            found = _found_if_any(job, journal, following.attempts)
            if found is not None and found.verdict is not Verdict.INCONCLUSIVE:
                return found
            if not following.again():
                tries = "its only attempt" if following.attempts == 1 else f"attempt {following.attempts}"
                raise MachineReclaimed(
                    error.operation, error.thing, f"{error.reason}; that was {tries}"
                ) from error
        except MachineFailed:
            found = _found_if_any(job, journal, following.attempts)
            if found is None:
                raise
            return found


def _found(job: Job, journal: Journal, attempt: int = 1) -> Report | None:
    """The report of this attempt's agent, or of a controller."""
    found = next(iter(journal.reports(job.drill)), None)
    return found if found is not None and found.machine.attempts >= attempt else None


def _found_if_any(job: Job, journal: Journal, attempt: int) -> Report | None:
    try:
        return _found(job, journal, attempt)
    except VaultError:
        return None


def _with_course(job: Job, report: Report, following: Following, hands: Hands) -> Report:
    """What only the controller knows of the machines; of one that said nothing, what its provider knows."""
    machine = report.machine
    if not machine.type and following.attempts and hands.facts is not None:
        with suppress(RestoredrillError):
            machine = hands.facts(job.drill)
    course = {"attempts": max(report.machine.attempts, following.attempts), "boot_s": following.boot_s}
    return report.model_copy(update={"machine": machine.model_copy(update=course)})


def _finish(job: Job, report: Report, following: Following, hands: Hands) -> Report:
    """Tear down, look, bill, write it all down."""
    looked = _tear_down(job, report, hands.machine)
    billed = _billed(job, looked, hands.bill)
    return _store(hands.journal, billed, lambda final: {**hands.render(final), **following.consoles})


def _billed(job: Job, report: Report, bill: Bill | None) -> Report:
    """With what it has cost. That this is not known says nothing about the backup."""
    if bill is None:
        return report
    if report.machine.url is not None:
        return report.model_copy(update={"cost": _expected(job)})
    try:
        return report.model_copy(update={"cost": bill(job, report)})
    except RestoredrillError as error:
        finding = Finding(
            rule="COST_UNKNOWN",
            severity=Severity.INFO,
            object=job.drill,
            message=f"what it has cost could not be found out: {error}",
            hint=error.hint,
        )
        estimate = 0.0 if job.plan is None else job.plan.usd_estimate
        known = Cost(estimate=estimate, prices_from="" if job.plan is None else job.plan.prices_from)
        return report.model_copy(update={"cost": known, "findings": (*report.findings, finding)})


def _expected(job: Job) -> Cost:
    """Of a machine that is kept and goes on costing: nobody looks at it again when it has ended."""
    if job.plan is None:
        return Cost()
    usd = job.plan.usd_estimate
    words = f"{job.plan.prices_from}; as estimated, since the server is kept"
    return Cost(amount=usd, estimate=usd, prices_from=words)


def _interrupted_but(report: Report) -> Interrupted:
    left = ", ".join(report.machine.leftovers)
    hint = "`restoredrill reap` ends what is left"
    return Interrupted("drill", report.database, f"interrupted; still there: {left}", hint=hint)


def _tear_down(job: Job, report: Report, machine: Machine) -> Report:
    """End the machine (unless it is kept on purpose), then look what is left of it."""
    if report.machine.url is not None:
        return report
    resisted: tuple[str, ...] = ()
    try:
        machine.terminate(job.drill)
    except RestoredrillError as error:
        resisted = (f"unknown: {error}",)
    try:
        leftovers = machine.leftovers(job.drill) or resisted
    except RestoredrillError as error:
        leftovers = (f"unknown: {error}",)
    facts = report.machine.model_copy(update={"leftovers": leftovers, "swept_at": clock.utcnow()})
    return report.model_copy(update={"machine": facts})


def _store(journal: Journal, report: Report, render: Render) -> Report:
    """Write the final report. One that can't be stored is no proof, but it must not be lost on the way
    either.
    """
    try:
        journal.save(report, render(report))
    except VaultError as error:
        finding = Finding(
            rule="REPORT_NOT_STORED",
            severity=Severity.HIGH,
            object=report.drill,
            message=str(error),
            hint=error.hint or "keep this output: the vault does not have it",
        )
        verdict = Verdict.INCONCLUSIVE if report.verdict is Verdict.PASSED else report.verdict
        return report.model_copy(
            update={
                "verdict": verdict,
                "reasons": (*report.reasons, f"the report could not be stored: {error}"),
                "findings": (*report.findings, finding),
            }
        )
    return report
