"""EC2 as a provider of machines: launch, watch, end, and look for what was left."""

import contextlib
import functools
import re
from collections.abc import Sequence

from restoredrill import secret
from restoredrill.aws.patience import Pause, pause_longer
from restoredrill.aws.session import Reach
from restoredrill.errors import CloudError, CloudMissing, MachineFailed, RestoredrillError
from restoredrill.machines.ec2 import tags
from restoredrill.machines.ec2.account import Account, Found
from restoredrill.machines.ec2.ending import WAITS, Waits, end, remains
from restoredrill.machines.ec2.launching import best, launch, of_attempt
from restoredrill.machines.ec2.request import plan_of
from restoredrill.machines.ec2.sight import Sight
from restoredrill.machines.ec2.watch import FRESH_S, Watch
from restoredrill.model import Errand, MachineFacts
from restoredrill.protocols import MachineState

LAST_WORDS_BYTES = 16 * 1024
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")  # colours, cursor
_ALIVE = ("pending", "running")
# What AWS leaves unsaid. Codes: "StateReason", Amazon EC2 API reference.
_MEANT = {
    "Client.InternalError": "often a KMS key that the machine's volumes may not use",
    "Client.VolumeLimitExceeded": "the quota of volumes is used up",
    "Client.InstanceInitiatedShutdown": "it powered itself off",
    "Server.InsufficientInstanceCapacity": "the zone had no room after all",
    "Server.SpotInstanceTermination": "EC2 took the spot machine back",
    "Server.SpotInstanceShutdown": "EC2 took the spot machine back",
}


class Ec2Machine:
    """The `ec2` provider. What it knows of its machines, it sees in the account; notes are for speed only."""

    def __init__(
        self, reach: Reach, waits: Waits = WAITS, fresh_s: float = FRESH_S, pause: Pause = pause_longer
    ) -> None:
        self._account = Account(reach, pause)
        self._waits = waits
        self._watch = Watch(self._account, fresh_s)
        self._sight = Sight(waits.visible_s)

    def launch(self, job: Errand, attempt: int = 1) -> str:
        """Start a machine for `job`: the first of the plan's rungs that can be had.

        A machine that this attempt has already is found and not started again, also after it ended. Raises
        `MachineFailed`, `CapacityMissing` with what was said to each rung, `CloudError`; after a `CloudError`
        there may be a machine, which `terminate` then waits for.
        """
        region = plan_of(job).region
        if region not in self._account.regions:
            hint = "add it to machines.ec2.regions"
            raise MachineFailed("launch", job.id, f"nobody would look for it in {region}", hint=hint)
        earlier = self._account.instances((job.id,), (region,))
        known = best(of_attempt(earlier, attempt))
        machine = known.id if known else launch(self._account, self._sight, job, attempt, earlier)
        self._watch.know(machine, job.id)
        return machine

    def state(self, machine: str) -> MachineState:
        """Running, or how it ended and by whose hand. Just after its launch a machine that nobody sees yet
        is running.
        """
        seen = self._watch.machines(machine)
        self._sight.seen(seen)
        found = best(seen)
        if (found is None or found.state not in _ALIVE) and self._sight.awaits(machine):
            return MachineState(True, "not visible yet")
        if found is None:
            return MachineState(False, "there is no such machine")
        if found.state in _ALIVE:
            return MachineState(True, found.state)
        return MachineState(False, _end_of(found), reclaimed=found.code.startswith("Server."))

    def facts(self, machine: str) -> MachineFacts:
        """The machine as a report names it; with an errand's id, its latest."""
        found = best(self._watch.machines(machine))
        if found is None:
            return MachineFacts(provider="ec2", id=machine, region=self._account.reach.region)
        return MachineFacts(
            provider="ec2",
            id=found.id,
            type=found.type,
            region=found.region,
            zone=found.zone,
            market="spot" if found.spot else "on-demand",
            attempts=max(1, tags.attempt(found.tags)),
        )

    def last_words(self, machine: str) -> str:
        """The end of its console; what keeps one from reading it is told in its place, and raises nothing."""
        try:
            found = best(self._watch.machines(machine))
            return "" if found is None else _tail(self._console(found))
        except CloudMissing:
            return ""
        except RestoredrillError as error:
            return f"(its console could not be read: {error})"

    def terminate(self, machine: str) -> None:
        """End every attempt's machine of the errand, wait until they are gone, delete what stayed of them.

        Silent if nothing is there. Raises `MachineFailed` if something stays, `CloudError`.
        """
        errand = self._watch.errand_of(machine)
        if errand is None:
            return
        try:
            end(self._account, errand, self._waits, awaited=functools.partial(self._awaited, errand))
        finally:
            self._watch.know(machine, errand)

    def leftovers(self, errand: str) -> tuple[str, ...]:
        """Everything of the errand that exists in any region, machines first. Raises `CloudError`."""
        return remains(self._account, errand)

    def _awaited(self, errand: str, seen: Sequence[Found]) -> bool:
        self._sight.seen(seen)
        return self._sight.awaits(errand)

    def _console(self, found: Found) -> str:
        """The newest that can be had: of some types only what was kept at boot or at the end."""
        ec2, what = self._account.ec2(found.region), f"the console of {found.id}"
        newest = functools.partial(ec2.get_console_output, InstanceId=found.id, Latest=True)
        with contextlib.suppress(CloudError):
            if text := self._account.ask("read", what, newest).get("Output"):
                return text
        kept = functools.partial(ec2.get_console_output, InstanceId=found.id)
        return self._account.ask("read", what, kept).get("Output", "")


def _end_of(found: Found) -> str:
    """How it ended, in EC2's words and in ours."""
    said = found.reason if found.code in found.reason else f"{found.code}: {found.reason}"
    meant = _MEANT.get(found.code, "")
    return f"{found.state}: {said or found.transition or 'EC2 does not say why'}" + (
        f" ({meant})" if meant else ""
    )


def _tail(text: str) -> str:
    """The last of it, without secrets and without what would move a terminal's cursor."""
    text = _CONTROL.sub("", secret.redact(text))
    plain = "".join(letter for letter in text if letter.isprintable() or letter in "\n\t")
    return plain.encode()[-LAST_WORDS_BYTES:].decode(errors="ignore")
