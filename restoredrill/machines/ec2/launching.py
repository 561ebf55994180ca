"""One attempt to get a machine: rung by rung, with a token that makes each request safe to repeat."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from restoredrill.aws.errors import code_of
from restoredrill.errors import CapacityMissing, CloudError, CloudUnreachable, RestoredrillError
from restoredrill.machines.ec2 import tags
from restoredrill.machines.ec2.account import Account, Found
from restoredrill.machines.ec2.boot import user_data
from restoredrill.machines.ec2.refusals import Refusal, told
from restoredrill.machines.ec2.request import plan_of, run_request
from restoredrill.machines.ec2.sight import Sight
from restoredrill.model import Errand
from restoredrill.plan import Rung

# So many tries last for some minutes: EC2 lets two machines a second be started, and hundreds of drills may
# be due at the same hour ("Request throttling", Amazon EC2 API reference).
PATIENCE = 30
_TERMINATED, _MISMATCH = "IdempotentInstanceTerminated", "IdempotentParameterMismatch"


def launch(account: Account, sight: Sight, job: Errand, attempt: int, earlier: Sequence[Found]) -> str:
    """Start the first rung that can be had; `earlier` are the machines of other attempts, whose rungs are
    asked for last. Returns the machine's id, or the errand's where this attempt had a machine that is gone.

    Raises `CapacityMissing` with every refusal, `CloudError`. `sight` knows afterwards if there may be one.
    """
    sight.asked(job.id, attempt)
    try:
        machine = _first_to_be_had(account, job, attempt, earlier)
    except RestoredrillError as error:
        # Without an answer there may be one all the same; with another one's token there is.
        if not isinstance(error, CloudUnreachable) and code_of(error.__cause__) != _MISMATCH:
            sight.refused(job.id, attempt)
        raise
    if machine is None:
        sight.refused(job.id, attempt)
        return job.id
    sight.asked(job.id, attempt, machine)
    return machine


def _first_to_be_had(account: Account, job: Errand, attempt: int, earlier: Sequence[Found]) -> str | None:
    data = user_data(job, attempt)
    refusals: list[Refusal] = []
    said: list[str] = []
    hints: dict[str, None] = {}
    for number, rung in _in_order(plan_of(job).rungs, earlier):
        known = next((refusal for refusal in refusals if refusal.covers(rung)), None)
        if known is not None:
            said.append(f"{told(rung)}: not asked after {told(known.rung)}")
            continue
        try:
            return _run(account, job, attempt, run_request(job, attempt, number, data), rung)
        except CapacityMissing as error:
            refusals.append(Refusal(rung, code_of(error.__cause__)))
            said.append(f"{told(rung)}: {error.reason}")
            hints[error.hint] = None
    raise CapacityMissing("launch", f"a machine for {job.id}", "; ".join(said), hint="; ".join(hints))


def _run(account: Account, job: Errand, attempt: int, asked: dict[str, Any], rung: Rung) -> str | None:
    """The machine's id; None: it existed and has ended. Asked again, the answer is the same machine."""
    region = plan_of(job).region
    ec2 = account.ec2(region)
    try:
        answer = account.ask("launch", told(rung), lambda: ec2.run_instances(**asked), PATIENCE)
    except CloudError as error:
        code = code_of(error.__cause__)
        if code not in (_TERMINATED, _MISMATCH):
            raise
        # There is, or was, one of this attempt: never start a second.
        found = best(of_attempt(account.instances((job.id,), (region,)), attempt))
        if found is None and code == _MISMATCH:
            raise
        return None if found is None else found.id
    return answer["Instances"][0]["InstanceId"]


def of_attempt(found: Iterable[Found], attempt: int) -> list[Found]:
    """Those of one attempt."""
    return [one for one in found if tags.attempt(one.tags) == attempt]


def best(found: Iterable[Found]) -> Found | None:
    """Of several machines the one that lives, of the latest attempt."""
    return max(found, key=lambda one: (_LIVELINESS.get(one.state, 0), tags.attempt(one.tags)), default=None)


_LIVELINESS = {"running": 2, "pending": 2, "shutting-down": 1, "stopping": 1, "stopped": 1}


def _in_order(rungs: Sequence[Rung], earlier: Sequence[Found]) -> Iterator[tuple[int, Rung]]:
    """Rungs with their numbers; where an earlier machine was lost, come last."""
    lost = {(one.type, one.zone, one.spot) for one in earlier}
    numbered = list(enumerate(rungs))
    numbered.sort(key=lambda pair: (pair[1].type, pair[1].zone, pair[1].market == "spot") in lost)
    return iter(numbered)
