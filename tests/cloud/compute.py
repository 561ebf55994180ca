"""EC2 as the gate answers it: running, looking, ending."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from moto.core.utils import utcnow
from moto.ec2.models import ec2_backends
from werkzeug.wrappers import Response

from tests.cloud import in_use, launch, permissions_ec2, wire
from tests.cloud.call import Call
from tests.cloud.catalog import Catalog
from tests.cloud.gate import Gate, Handler
from tests.cloud.lifecycle import BAD_KEY, NO_RIGHT_TO_KEY, Lifecycle
from tests.cloud.need import Need
from tests.cloud.pages import PAGED, Pages
from tests.cloud.permissions import find_key, key_need
from tests.cloud.tokens import Tokens
from tests.cloud.wire import Refused


def backend(region: str) -> Any:
    """moto's EC2 in a region."""
    return ec2_backends[launch.ACCOUNT][region]


def find(identity: str) -> Any:
    """moto's instance, in whatever region; None: there is none."""
    for ec2 in ec2_backends[launch.ACCOUNT].values():
        if (instance := ec2.get_instance_by_id(identity)) is not None:
            return instance
    return None


@dataclass
class Compute:
    """The handlers, and what they remember."""

    gate: Gate
    may: Callable[[Call, Need], bool]  # for what is judged after the call: keys of volumes
    catalog: Catalog = field(default_factory=Catalog)
    pages: Pages = field(default_factory=Pages)
    tokens: Tokens = field(default_factory=Tokens)
    lifecycle: Lifecycle = field(default_factory=lambda: Lifecycle(find))
    on_run: list[Callable[[str], None]] = field(default_factory=list)
    on_terminate: list[Callable[[str], None]] = field(default_factory=list)

    def handlers(self) -> dict[tuple[str, str], Handler]:
        looks: dict[tuple[str, str], Handler] = {("ec2", action): self.gate.moto for action in PAGED}
        looks |= {
            ("ec2", "DescribeInstances"): self.describe,
            ("ec2", "DescribeInstanceStatus"): self.look,
            ("ec2", "DescribeVolumes"): self._counted("volume"),
            ("ec2", "DescribeNetworkInterfaces"): self._counted("network-interface"),
            ("ec2", "DescribeSpotPriceHistory"): self.catalog.spot_prices,
        }
        return {
            **{name: self.pages.paged(answer) for name, answer in looks.items()},
            **self.catalog.handlers(),
            ("ec2", "RunInstances"): self.run,
            ("ec2", "TerminateInstances"): self.terminate,
            ("ec2", "GetConsoleOutput"): self.console,
            ("ec2", "DeleteNetworkInterface"): in_use.delete_interface,
            ("ec2", "DeleteSecurityGroup"): in_use.delete_group,
            ("ec2", "DeleteSubnet"): in_use.delete_subnet,
        }

    # Running ----------------------------------------------------------------------------------------------

    def run(self, call: Call) -> Response:
        ec2, params = backend(call.region), call.params
        asked = launch.effective(ec2, params)
        launch.check(ec2, asked)
        if params.get("DryRun"):
            raise Refused("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)
        token = params.get("ClientToken")
        if token and (used := self.tokens.find(call.region, token, params)):
            return self._again(ec2, used.reservation, used.instances)
        where, market = launch.zone(ec2, asked), launch.market(asked)
        type_ = str(asked.get("InstanceType", "m1.small"))
        if refused := self.gate.trouble.refusal(type_, where, market):
            raise refused
        self.catalog.check(type_, market, self._alive(ec2))
        doom = self._doom(call)
        reservation = self._start(ec2, call, asked, doom)
        ids = tuple(instance.id for instance in reservation.instances)
        if token:
            self.tokens.keep(call.region, token, params, reservation.id, ids)
        self._tell(self.on_run if not doom else [], ids)
        return wire.answer("ec2", "RunInstances", reservation)

    def _alive(self, ec2: Any) -> list[tuple[str, str]]:
        ended = ("terminated", "shutting-down", "stopped")
        alive = [one for one in ec2.all_instances() if one.state not in ended]
        return [(one.instance_type, one.lifecycle or "on-demand") for one in alive]

    def _doom(self, call: Call) -> str:
        """Why the machine will end before it has begun: a key of its volumes that can't be used."""
        for identity in permissions_ec2.keys(call):
            key = find_key(identity, call.region)
            if key is None or key.key_state != "Enabled":
                return BAD_KEY
            for action in ("kms:CreateGrant", "kms:GenerateDataKeyWithoutPlaintext"):
                need = key_need(action, identity, call.region, "ec2", {})
                if not self.may(
                    call, replace(need, known=need.known | {"kms:GrantIsForAWSResource": "true"})
                ):
                    return NO_RIGHT_TO_KEY
        return ""

    def _start(self, ec2: Any, call: Call, asked: dict[str, Any], doom: str) -> Any:
        known = set(ec2.reservations)
        params = call.params
        call.say(launch.for_moto(ec2, asked))
        answer = self.gate.moto(call)
        if answer.status_code != 200:
            raise Refused(*_error(answer))
        reservation = ec2.reservations[next(name for name in ec2.reservations if name not in known)]
        for instance in reservation.instances:
            launch.finish(ec2, instance, params, asked)
            instance.client_token = params.get("ClientToken") or ""
            self.lifecycle.born(instance, call.region, doom)
        return reservation

    def _again(self, ec2: Any, reservation: str, ids: tuple[str, ...]) -> Response:
        instances = [find(identity) for identity in ids]
        if any(one is None or one.state in ("terminated", "shutting-down") for one in instances):
            said = "The client token has been used for an instance that is terminated."
            raise Refused("IdempotentInstanceTerminated", said)
        return wire.answer("ec2", "RunInstances", ec2.reservations[reservation])

    def _tell(self, hooks: list[Callable[[str], None]], ids: tuple[str, ...]) -> None:
        for hook in hooks:
            for identity in ids:
                self.gate.after.append(lambda hook=hook, identity=identity: hook(identity))  # type: ignore[misc]

    # Ending -----------------------------------------------------------------------------------------------

    def terminate(self, call: Call) -> Response:
        instances = [self._known(call.region, identity) for identity in call.params.get("InstanceIds", ())]
        if not instances:
            raise Refused("MissingParameter", "The request must contain the parameter InstanceId")
        for instance in instances:
            if instance.disable_api_termination is True:
                said = (
                    f"The instance '{instance.id}' may not be terminated: its 'disableApiTermination' is set."
                )
                raise Refused("OperationNotPermitted", said)
        if call.params.get("DryRun"):
            raise Refused("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)
        changes = []
        for instance in instances:
            before = SimpleNamespace(code=instance.state_code, name=instance.state)
            alive = instance.state not in ("terminated", "shutting-down")
            self.lifecycle.phases[instance.id].held = bool(self.on_terminate)
            self.lifecycle.end(instance)
            now = SimpleNamespace(code=instance.state_code, name=instance.state)
            changes.append({"InstanceId": instance.id, "CurrentState": now, "PreviousState": before})
            if alive:
                self._tell(self.on_terminate, (instance.id,))
        return wire.answer("ec2", "TerminateInstances", {"TerminatingInstances": changes})

    def _known(self, region: str, identity: str) -> Any:
        _well_formed(identity)
        instance = backend(region).get_instance_by_id(identity)
        if instance is None or self.lifecycle.hidden(identity):
            raise Refused("InvalidInstanceID.NotFound", f"The instance ID '{identity}' does not exist")
        return instance

    # Looking ----------------------------------------------------------------------------------------------

    def describe(self, call: Call) -> Response:
        """moto's answer, less what is hidden; the look moves the states on afterwards."""
        ec2, params = backend(call.region), dict(call.params)
        for identity in params.get("InstanceIds", ()):
            _well_formed(identity)
        try:
            for identity in params.get("InstanceIds", ()):
                self._known(call.region, identity)
            with _Hidden(ec2, self.lifecycle):
                params["Filters"] = _filters(ec2, params.get("Filters", ()))
                call.say(params)
                return self.gate.moto(call)
        finally:
            self.lifecycle.looked(call.region)

    def look(self, call: Call) -> Response:
        for identity in call.params.get("InstanceIds", ()):
            _well_formed(identity)
        try:
            with _Hidden(backend(call.region), self.lifecycle):
                return self.gate.moto(call)
        finally:
            self.lifecycle.looked(call.region)

    def _counted(self, kind: str) -> Handler:
        def counted(call: Call) -> Response:
            answer = self.gate.moto(call)
            self.lifecycle.looked_at(kind, backend(call.region))
            return answer

        return counted

    def console(self, call: Call) -> Response:
        instance = self._known(call.region, call.params.get("InstanceId", ""))
        text = self.lifecycle.phases[instance.id].console
        result: dict[str, Any] = {"InstanceId": instance.id, "Timestamp": utcnow()}
        if text is not None:
            result["Output"] = base64.b64encode(text.encode()[-64 * 1024 :]).decode()
        return wire.answer("ec2", "GetConsoleOutput", result)


class _Hidden:
    """While it is open, moto does not know the reservations that are hidden still."""

    def __init__(self, ec2: Any, lifecycle: Lifecycle) -> None:
        self._ec2, self._lifecycle = ec2, lifecycle
        self._kept: Any = None

    def __enter__(self) -> None:
        self._kept = self._ec2.reservations
        hidden = self._lifecycle.hidden
        self._ec2.reservations = {
            name: value
            for name, value in self._kept.items()
            if not any(hidden(one.id) for one in value.instances)
        }

    def __exit__(self, *_: object) -> None:
        self._ec2.reservations = self._kept


# Filters of DescribeInstances that moto does not know, and what they look at.
_MORE: dict[str, Callable[[Any], str]] = {
    "client-token": lambda instance: str(instance.client_token or ""),
    "instance-lifecycle": lambda instance: str(instance.lifecycle or ""),
    "spot-instance-request-id": lambda instance: str(getattr(instance, "spot_instance_request_id", "")),
    "iam-instance-profile.arn": lambda instance: str((instance.iam_instance_profile or {}).get("Arn", "")),
    "metadata-options.http-tokens": lambda instance: str(instance.metadata_options.http_tokens),
}


def _filters(ec2: Any, asked: Any) -> list[dict[str, Any]]:
    """The filters with those that moto lacks turned into one by id."""
    known = [entry for entry in asked if entry["Name"] not in _MORE]
    more = [entry for entry in asked if entry["Name"] in _MORE]
    if not more:
        return known
    fitting = [
        instance.id
        for instance in ec2.all_instances()
        if all(_MORE[entry["Name"]](instance) in entry["Values"] for entry in more)
    ]
    return [*known, {"Name": "instance-id", "Values": fitting or ["i-00000000000000000"]}]


def _well_formed(identity: str) -> None:
    digits = identity.removeprefix("i-")
    if not identity.startswith("i-") or not digits or set(digits) - set("0123456789abcdef"):
        raise Refused("InvalidInstanceID.Malformed", f'Invalid id: "{identity}"')


def _error(answer: Response) -> tuple[str, str, int]:
    text = answer.get_data(as_text=True)
    code = text.partition("<Code>")[2].partition("</Code>")[0]
    said = text.partition("<Message>")[2].partition("</Message>")[0]
    return code or "InternalError", said or text[:200], answer.status_code
