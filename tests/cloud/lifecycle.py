"""What becomes of an instance, look by look: hidden, pending, running, shutting down, terminated, gone.

Looks and not seconds: each DescribeInstances or DescribeInstanceStatus is one look at every instance of its
region, so that a test sees the same states in the same order on a slow machine.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from moto.ec2.models.instances import StateReason

STATES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
USER = "Client.UserInitiatedShutdown"
SELF = "Client.InstanceInitiatedShutdown"
SPOT = "Server.SpotInstanceTermination"
BAD_KEY = "Client.InvalidKMSKey.InvalidState"
NO_RIGHT_TO_KEY = "Client.InternalError"
REASONS = {
    USER: "Client.UserInitiatedShutdown: User initiated shutdown",
    SELF: "Client.InstanceInitiatedShutdown: Instance initiated shutdown",
    SPOT: "Server.SpotInstanceTermination: Spot instance termination",
    BAD_KEY: "Client.InvalidKMSKey.InvalidState: The KMS key provided is in an incorrect state",
    NO_RIGHT_TO_KEY: "Client.InternalError: Client error on launch",
}


@dataclass
class Pace:
    """How many looks a state lasts. `hidden`: after RunInstances nobody finds the instance yet."""

    hidden: int = 0
    pending: int = 1
    shutting_down: int = 1


@dataclass
class Phase:
    """Where one instance stands: looks left in this state, and whether a real machine is behind it."""

    region: str
    hidden: int = 0
    left: int = 0
    held: bool = False  # a real machine: only its own end ends `shutting-down`
    reason: str = USER
    console: str | None = None
    notice: dict[str, str] | None = None
    doom: str = ""  # it will not get further than pending, and why


@dataclass
class Left:
    """What an instance left behind, and for how many looks."""

    kind: str
    id: str
    ec2: Any
    looks: int


@dataclass
class Lifecycle:
    """The states of every instance that was run through the gate."""

    find: Callable[[str], Any]  # moto's instance by id
    pace: Pace = field(default_factory=Pace)
    phases: dict[str, Phase] = field(default_factory=dict)
    linger: set[str] = field(default_factory=set)  # "volume", "network-interface"
    linger_looks: int | None = None  # for so many looks; None: for good
    left_behind: list[Left] = field(default_factory=list)

    def born(self, instance: Any, region: str, doom: str = "") -> None:
        """It was run; with `doom` it ends of that before it has begun."""
        self.phases[instance.id] = Phase(region, hidden=self.pace.hidden, left=self.pace.pending, doom=doom)
        _put(instance, "pending" if self.pace.pending or doom else "running")

    def hidden(self, identity: str) -> bool:
        """Whether eventual consistency still hides it."""
        phase = self.phases.get(identity)
        return bool(phase and phase.hidden > 0)

    def looked(self, region: str) -> None:
        """Somebody has looked at the instances of `region`: states move on for the next look."""
        for identity, phase in self.phases.items():
            if phase.region != region:
                continue
            if phase.hidden > 0:
                phase.hidden -= 1
                continue
            if (instance := self.find(identity)) is not None:  # forgotten, a while after its end
                self._step(instance, phase)

    def _step(self, instance: Any, phase: Phase) -> None:
        if instance.state not in ("pending", "shutting-down", "stopping"):
            return
        phase.left -= 1
        if phase.left > 0:
            return
        if phase.doom:
            self.over(instance, phase.doom)
        elif instance.state == "pending":
            _put(instance, "running")
        elif not phase.held:
            self.over(instance)

    def end(self, instance: Any, reason: str = USER) -> None:
        """It was told to end: shutting down, then (after some looks, or its machine's end) terminated."""
        phase = self.phases[instance.id]
        if instance.state in ("terminated", "shutting-down"):
            return
        phase.reason, phase.left = reason, self.pace.shutting_down
        _put(instance, "shutting-down")
        instance.state_reason = StateReason(REASONS.get(reason, reason), reason)
        if not self.pace.shutting_down and not phase.held:
            self.over(instance)

    def over(self, instance: Any, reason: str | None = None) -> None:
        """It has ended: what goes with it goes, unless it was asked to linger."""
        if instance.state == "terminated":
            return
        phase = self.phases[instance.id]
        phase.reason = reason or phase.reason
        self._leave_behind(instance)
        instance.terminate()
        instance.state_reason = StateReason(REASONS.get(phase.reason, phase.reason), phase.reason)

    def stopped(self, instance: Any) -> None:
        """It powered itself off and its shutdown behaviour is `stop`."""
        instance.stop()
        instance.state_reason = StateReason(REASONS[SELF], SELF)

    def _leave_behind(self, instance: Any) -> None:
        if "volume" in self.linger:
            for _, attached in instance.get_block_device_mapping:
                attached.delete_on_termination = False
                self._left("volume", attached.volume_id, instance)
        for index, interface in list(instance.nics.items()):
            if "network-interface" in self.linger:
                interface.delete_on_termination = False
                self._left("network-interface", interface.id, instance)
            if not interface.delete_on_termination:
                instance.detach_eni(interface)
                instance.nics[index] = interface

    def _left(self, kind: str, identity: str, instance: Any) -> None:
        if self.linger_looks is not None:
            self.left_behind.append(Left(kind, identity, instance.ec2_backend, self.linger_looks))

    def looked_at(self, kind: str, ec2: Any) -> None:
        """Somebody has looked at volumes or interfaces: what lingers for some looks has one less."""
        for left in list(self.left_behind):
            if left.kind != kind or left.ec2 is not ec2:
                continue
            left.looks -= 1
            if left.looks <= 0:
                (ec2.volumes if kind == "volume" else ec2.enis).pop(left.id, None)
                self.left_behind.remove(left)


def _put(instance: Any, name: str) -> None:
    instance._state.name, instance._state.code = name, STATES[name]
