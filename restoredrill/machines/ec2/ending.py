"""The end of machines, and of what belongs to them: terminate, wait, delete what stayed, wait again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from restoredrill import clock
from restoredrill.aws.errors import RAISED, as_cloud_error
from restoredrill.errors import CloudDenied, CloudMissing, CloudUnreachable, MachineFailed, RestoredrillError
from restoredrill.machines.ec2.account import Account, Found, Kind


@dataclass(frozen=True)
class Waits:
    """How long to wait for what, in seconds."""

    look_every_s: float = 2.0
    ended_s: float = 600.0  # a machine of many disks shuts down for minutes
    deleted_s: float = 180.0
    visible_s: float = 60.0  # after RunInstances, until every look finds the machine


WAITS = Waits()


def end(
    account: Account,
    errand: str,
    waits: Waits,
    *,
    only: str | None = None,
    awaited: Callable[[Sequence[Found]], bool] = lambda _: False,
) -> None:
    """End the machines of `errand` (or `only` the one of this id) and what belongs to them.

    `awaited`, told what a look found: is a machine still to appear? Raises `MachineFailed` if
    something stays, `CloudError`.
    """
    _end_machines(account, errand, waits, only, awaited)
    if all(one.gone for one in account.instances((errand,))):
        _delete_belongings(account, errand, waits)


def remains(account: Account, errand: str) -> tuple[str, ...]:
    """What a look finds of an errand, as `instance i-0abc (running) in eu-central-1`."""
    machines = (one for one in account.instances((errand,)) if not one.gone)
    return tuple(map(str, (*machines, *account.belongings(errand))))


def _end_machines(
    account: Account, errand: str, waits: Waits, only: str | None, awaited: Callable[[Sequence[Found]], bool]
) -> None:
    until_s = clock.monotonic_s() + waits.ended_s
    while True:
        seen = _patiently(until_s, waits, lambda: account.instances((errand,)))
        living = [one for one in seen if not one.gone and only in (None, one.id)]
        why = _all(living, lambda one: _terminate(account, one))
        if not living and not awaited(seen):
            return
        if clock.monotonic_s() >= until_s:
            raise _stays(errand, living, waits.ended_s, why)
        clock.sleep(waits.look_every_s)


def _delete_belongings(account: Account, errand: str, waits: Waits) -> None:
    until_s = clock.monotonic_s() + waits.deleted_s
    asked, why = False, None
    while left := _patiently(until_s, waits, lambda: account.belongings(errand)):
        if asked and clock.monotonic_s() >= until_s:
            raise _stays(errand, left, waits.deleted_s, why)
        asked, why = True, _all(left, lambda one: _delete(account, one))
        clock.sleep(waits.look_every_s)


def _patiently(until_s: float, waits: Waits, look: Callable[[], tuple[Found, ...]]) -> tuple[Found, ...]:
    """A look; while nobody answers, another one until then. A dead network must not save a machine."""
    while True:
        try:
            return look()
        except CloudUnreachable:
            if clock.monotonic_s() >= until_s:
                raise
        clock.sleep(waits.look_every_s)


def _terminate(account: Account, one: Found) -> None:
    if one.state == "shutting-down":
        return
    ec2 = account.ec2(one.region)
    try:
        account.ask("end", str(one), lambda: ec2.terminate_instances(InstanceIds=[one.id]))
    except CloudMissing:
        return  # gone by itself in the meantime


def _delete(account: Account, one: Found) -> None:
    """Ask for its end, once; what is in use yet is asked again after the next look."""
    if one.state in ("in-use", "detaching"):
        return
    try:
        _DELETE[one.kind](account.ec2(one.region), one.id)
    except RAISED as error:
        known = as_cloud_error(error, "delete", str(one))
        if not isinstance(known, CloudMissing):
            raise known from error


_DELETE: Mapping[Kind, Callable[[Any, str], Any]] = {
    "volume": lambda ec2, name: ec2.delete_volume(VolumeId=name),
    "snapshot": lambda ec2, name: ec2.delete_snapshot(SnapshotId=name),
    "network interface": lambda ec2, name: ec2.delete_network_interface(NetworkInterfaceId=name),
    "address": lambda ec2, name: ec2.release_address(AllocationId=name),
    "spot request": lambda ec2, name: ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[name]),
}


def _all(found: Sequence[Found], deed: Callable[[Found], None]) -> RestoredrillError | None:
    """Do it to each: one that resists does not save the others. Raises `CloudDenied`, since asking again
    does not help; returns any other first error.
    """
    errors: list[RestoredrillError] = []
    for one in found:
        try:
            deed(one)
        except RestoredrillError as error:
            errors.append(error)
    for denied in errors:
        if isinstance(denied, CloudDenied):
            raise denied
    return errors[0] if errors else None


def _stays(
    errand: str,
    left: Sequence[Found],
    seconds: float,
    why: RestoredrillError | None = None,
) -> MachineFailed:
    names = ", ".join(map(str, left)) or "a machine that was asked for was never seen"
    reason = f"after {seconds:.0f} s there is still: {names}" + (f" ({why.reason})" if why else "")
    return MachineFailed("end", errand, reason, hint="`restoredrill reap` tries again")
