"""What has to be true in the account before a machine can be started there. Looks only; changes nothing.

What nobody here may look at is a note and never stands in the way: rights that planning lacks are no fault of
the machine's.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from restoredrill.aws.errors import code_of, translated
from restoredrill.errors import CapacityMissing, CloudDenied, CloudError, CloudMissing, CloudUnreachable
from restoredrill.machines.ec2 import images, network
from restoredrill.machines.ec2.ask import REFUSED, Ask, Looked, Outcome, failed, note, ok, unknown
from restoredrill.machines.ec2.clients import Clients
from restoredrill.machines.ec2.images import Image
from restoredrill.machines.ec2.network import Subnet
from restoredrill.machines.ec2.request import run_request
from restoredrill.model import BackupJob, Errand, Job, VaultSpec, make_id
from restoredrill.plan import MachinePlan, Market, Need, Rung

# Service Quotas, Amazon EC2: vCPUs of the families A, C, D, H, I, M, R, T and Z.
QUOTAS: dict[Market, tuple[str, str]] = {
    "on-demand": ("L-1216C47A", "Running On-Demand Standard instances"),
    "spot": ("L-34B43A08", "All Standard Spot Instance Requests"),
}
_ATTEMPTS = 2  # of looks that can be done without; from an isolated network none of them answers


@dataclass(frozen=True)
class Seen:
    """What the looks found; `image` and `subnets` are what a plan is made of."""

    image: Image | None
    subnets: tuple[Subnet, ...]
    looked: tuple[Looked, ...]


def look(ask: Ask, clients: Clients, need: Need) -> Seen:
    """Everything that does not depend on the type of the machine. Raises nothing of the cloud's."""
    image, looked = _image(ask, clients)
    if image is not None:
        looked += [
            *images.look(ask, image),
            *images.look_at_bundles(ask, image),
            *images.look_at_postgres(ask, image, need.major, need.extensions),
        ]
    surroundings = network.survey(ask, clients)
    looked += surroundings.looked
    for name, way in _LOOKS.items():
        looked += _tried(name, way, ask, clients)
    return Seen(image, surroundings.subnets, tuple(looked))


def problems(looked: Iterable[Looked]) -> tuple[str, ...]:
    """What stands in the way, each once, with what to do."""
    return _lines(looked, Outcome.FAILED)


def notes(looked: Iterable[Looked]) -> tuple[str, ...]:
    """What is worth a look, or could not be looked at."""
    return _lines(looked, Outcome.NOTE, Outcome.UNKNOWN)


def _lines(looked: Iterable[Looked], *outcomes: Outcome) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.line for one in looked if one.outcome in outcomes))


def _image(ask: Ask, clients: Clients) -> tuple[Image | None, list[Looked]]:
    try:
        return images.find(ask.image, clients), []
    except CloudMissing as error:
        return None, [failed("image", f"image {ask.image}: {error.reason}", "correct machines.ec2.image")]
    except REFUSED as error:
        # Without the image nothing is known of its disk: there is no plan without this one right.
        return None, [failed("image", f"image {ask.image}: {error.reason}", error.hint)]


def _tried(
    name: str, look: Callable[[Ask, Clients], Iterator[Looked]], ask: Ask, clients: Clients
) -> Sequence[Looked]:
    try:
        return list(look(ask, clients))
    except REFUSED as error:
        return [unknown(name, error)]


# The role, the key, the template ----------------------------------------------------------------------------


def _look_at_profile(ask: Ask, clients: Clients) -> Iterator[Looked]:
    name = ask.instance_profile.rpartition("/")[2]
    try:
        with translated("look at instance profile", name):
            api = clients.get("iam", attempts=_ATTEMPTS)
            profile = api.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
    except CloudMissing:
        yield failed(
            "instance profile", f"no instance profile {name}", "make one with terraform/modules/roles"
        )
        return
    roles = [role["RoleName"] for role in profile["Roles"]]
    if roles:
        yield ok("instance profile", f"{name}: role {roles[0]}")
    else:
        yield failed(
            "instance profile", f"instance profile {name} has no role", "add the drill machine's role"
        )


def _look_at_key(ask: Ask, clients: Clients) -> Iterator[Looked]:
    if ask.kms_key_id is None:
        yield ok("kms key", "the account's own for EBS")
        return
    key = ask.kms_key_id
    try:
        with translated("look at KMS key", key):
            found = clients.get("kms", attempts=_ATTEMPTS).describe_key(KeyId=key)["KeyMetadata"]
    except CloudMissing:
        yield failed("kms key", f"no KMS key {key} in {ask.region}", "correct machines.ec2.kms_key_id")
        return
    state, usage = found.get("KeyState", "Enabled"), found.get("KeyUsage", "ENCRYPT_DECRYPT")
    if state != "Enabled":
        fix = "enable it" if state == "Disabled" else "cancel its deletion, or name another key"
        yield failed(
            "kms key", f"KMS key {key} is {_spaced(state)}, so no volume can be encrypted with it", fix
        )
    elif usage != "ENCRYPT_DECRYPT" or found.get("KeySpec", "SYMMETRIC_DEFAULT") != "SYMMETRIC_DEFAULT":
        yield failed("kms key", f"KMS key {key} is not for encrypting volumes", "name a symmetric key")
    else:
        yield ok("kms key", f"{key} is enabled")


def _look_at_template(ask: Ask, clients: Clients) -> Iterator[Looked]:
    if ask.launch_template is None:
        return
    name = ask.launch_template
    by = "LaunchTemplateIds" if name.startswith("lt-") else "LaunchTemplateNames"
    try:
        with translated("look at launch template", name):
            found = clients.get("ec2").describe_launch_templates(**{by: [name]})["LaunchTemplates"]
    except CloudMissing:
        found = []
    if not found:
        fix = "correct machines.ec2.launch_template"
        yield failed("launch template", f"no launch template {name} in {ask.region}", fix)
        return
    yield ok("launch template", name)


_LOOKS: dict[str, Callable[[Ask, Clients], Iterator[Looked]]] = {
    "instance profile": _look_at_profile,
    "kms key": _look_at_key,
    "launch template": _look_at_template,
}


# What depends on the type -----------------------------------------------------------------------------------


def quotas(markets: Iterable[Market], clients: Clients) -> tuple[dict[Market, int], list[Looked]]:
    """vCPUs that may run at once, by market; what is not known is not in it."""
    known: dict[Market, int] = {}
    looked: list[Looked] = []
    for market in dict.fromkeys(markets):
        code, called = QUOTAS[market]
        try:
            with translated("look at the quota", called):
                api = clients.get("service-quotas", attempts=_ATTEMPTS)
                value = api.get_service_quota(ServiceCode="ec2", QuotaCode=code)["Quota"]["Value"]
        except REFUSED as error:
            looked.append(unknown("quota", error))
            if isinstance(error, CloudUnreachable):
                break  # nor will it answer the next question, and each costs half a minute
            continue
        known[market] = int(value)
        looked.append(ok("quota", f"{int(value)} vCPUs {market} ({called})"))
    return known, looked


def look_at_rights(ask: Ask, clients: Clients, planned: MachinePlan) -> Iterator[Looked]:
    """Ask for the plan's machines with DryRun: may one start them, and pass them their role.

    The first of each market is asked for, with the very words of a launch. Nothing is started.
    """
    firsts: dict[Market, int] = {}
    for number, rung in enumerate(planned.rungs):
        firsts.setdefault(rung.market, number)
    for number in firsts.values():
        asked = run_request(_errand(ask, planned), 1, number, _NO_DATA)
        yield _started(planned.rungs[number], asked, clients)


_NO_DATA = "#cloud-config\n"


def _started(rung: Rung, asked: dict[str, Any], clients: Clients) -> Looked:
    del asked["ClientToken"]  # botocore makes one up: nobody will come back for the answer
    called = f"a {rung.type} {rung.market} in {rung.subnet}"
    try:
        with translated("start", rung.type):
            clients.get("ec2").run_instances(DryRun=True, **asked)
    except CloudError as error:
        if code_of(error.__cause__) == "DryRunOperation":
            return ok("rights", f"{called} may be started")
        if isinstance(error, CloudUnreachable):
            return unknown("rights", error)
        if isinstance(error, CloudDenied):
            return failed("rights", f"{called} may not be started: {error.reason}", error.hint)
        return failed("rights", f"{called} is refused: {error.reason}", error.hint)
    except CapacityMissing as error:
        return note("capacity", f"{called} is refused: {error.reason}", error.hint)
    return ok("rights", f"{called} may be started")


def _errand(ask: Ask, planned: MachinePlan) -> Errand:
    """Stands in the tags of a machine that is only asked about."""
    identity = make_id(ask.at, "0000")
    common: dict[str, Any] = {
        "database": ask.database,
        "vault": VaultSpec(url=f"s3://{ask.bucket or ''}"),
        "provider": "ec2",
        "jobs": max(1, ask.jobs),
        "started_at": ask.at,
        "deadline_at": ask.at,
        "expires_at": ask.at,
        "plan": planned,
    }
    if ask.kind == "backup":
        return BackupJob(backup=identity, source_url="", **common)
    return Job(drill=identity, backup=identity, **common)


def _spaced(state: str) -> str:
    """`PendingDeletion` as people write it."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in state).strip()
