"""How a machine is seen to live and to end, and that nothing of it stays."""

from typing import Any

import pytest

from restoredrill import secret
from restoredrill.errors import CloudDenied, MachineFailed
from restoredrill.machines.ec2 import tags
from restoredrill.machines.ec2.ending import Waits
from restoredrill.machines.ec2.machine import LAST_WORDS_BYTES, Ec2Machine
from tests.cloud.world import ELSEWHERE, Cloud
from tests.machines.ec2.asked import DRILL, OTHER, QUICK, job, plan, reach, rung


def machine(cloud: Cloud, *regions: str, waits: Waits = QUICK, fresh_s: float = 0) -> Ec2Machine:
    return Ec2Machine(reach(cloud, *regions), waits, fresh_s)


def tagged(kind: str, errand: str = DRILL) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": [{"Key": tags.ERRAND, "Value": errand}]}]


# Alive ------------------------------------------------------------------------------------------------------


def test_a_machine_runs_until_it_ends_by_itself(account: Cloud) -> None:
    here = machine(account)
    identity = here.launch(job(plan(account)))
    assert [here.state(identity).running, here.state(DRILL).running] == [True, True]
    account.terminated(identity)
    for word in (identity, DRILL):
        state = here.state(word)
        assert (state.running, state.reclaimed) == (False, False)
        assert "it powered itself off" in state.detail


@pytest.mark.parametrize(
    ("reason", "reclaimed"),
    [
        ("Server.InsufficientInstanceCapacity", True),
        ("Server.InternalError", True),
        ("Client.InternalError", False),
    ],
)
def test_whose_fault_an_end_was_decides_on_another_try(account: Cloud, reason: str, reclaimed: bool) -> None:
    here = machine(account)
    identity = here.launch(job(plan(account)))
    account.terminated(identity, reason)
    state = here.state(identity)
    assert (state.running, state.reclaimed) == (False, reclaimed)
    assert reason in state.detail


def test_a_spot_machine_that_was_taken_back_is_worth_another_try(account: Cloud) -> None:
    here = machine(account)
    identity = here.launch(job(plan(account)))
    account.reclaim(identity)
    state = here.state(identity)
    assert (state.running, state.reclaimed) == (False, True)
    assert "Server.SpotInstanceTermination" in state.detail


def test_a_machine_that_nobody_sees_yet_is_not_ended(account: Cloud) -> None:
    account.pace.hidden = 3
    here = machine(account)
    identity = here.launch(job(plan(account)))
    states = [here.state(identity) for _ in range(4)]
    assert all(state.running for state in states)
    assert "not visible yet" in states[0].detail
    assert states[-1].detail in ("pending", "running")
    account.forget(identity)  # once it was seen, what is not there is gone
    assert not here.state(identity).running


def test_a_machine_that_never_comes_into_sight_ends(account: Cloud) -> None:
    account.pace.hidden = 1000
    here = machine(account, waits=Waits(look_every_s=0.01, visible_s=0.0))
    identity = here.launch(job(plan(account)))
    assert not here.state(identity).running


def test_an_unknown_machine_has_ended(account: Cloud) -> None:
    here = machine(account)
    for word in ("i-0123456789abcdef0", DRILL):
        assert not here.state(word).running
        assert here.last_words(word) == ""
        here.terminate(word)


def test_many_eyes_share_a_look(account: Cloud) -> None:
    here = machine(account, fresh_s=600)
    names = [f"20261126T031500Z-{number:04x}" for number in range(4)]
    ids = [here.launch(job(plan(account), name)) for name in names]
    before = len(account.asked("ec2", "DescribeInstances"))
    assert all(here.state(word).running for word in (*ids, *names) * 3)
    first = len(account.asked("ec2", "DescribeInstances")) - before
    assert all(here.state(word).running for word in (*ids, *names) * 3)
    assert first <= len(names)  # each makes itself known once
    assert len(account.asked("ec2", "DescribeInstances")) - before == first


def test_facts_are_those_of_the_machine(account: Cloud) -> None:
    here = machine(account)
    identity = here.launch(job(plan(account, rung(account, "m7i.xlarge", "on-demand", 1))), 3)
    facts = here.facts(DRILL)
    assert (facts.id, facts.type, facts.market, facts.zone, facts.region, facts.attempts) == (
        identity,
        "m7i.xlarge",
        "on-demand",
        account.zones[1],
        account.region,
        3,
    )
    assert here.facts(OTHER).id == OTHER


def test_last_words_are_the_end_of_the_console_without_secrets(account: Cloud) -> None:
    here = machine(account)
    identity = here.launch(job(plan(account)))
    secret.remember("swordfish-of-the-test")
    account.console(
        identity, "first\n" + "é" * LAST_WORDS_BYTES + "\x1b[2J\nkey swordfish-of-the-test, last\n"
    )
    said = here.last_words(DRILL)
    assert said.endswith(f"key {secret.REDACTED}, last\n")
    assert "first" not in said
    assert "\x1b" not in said
    assert len(said.encode()) <= LAST_WORDS_BYTES
    account.fault("ec2", "GetConsoleOutput", "UnauthorizedOperation", 403, times=None)
    assert "grant" in here.last_words(identity) or "UnauthorizedOperation" in here.last_words(identity)


# Gone -------------------------------------------------------------------------------------------------------


def test_the_end_waits_until_it_is_over_and_looks(account: Cloud) -> None:
    account.pace.shutting_down = 4
    here = machine(account)
    identity = here.launch(job(plan(account)))
    assert any(f"instance {identity} (" in left for left in here.leftovers(DRILL))
    here.terminate(identity)
    assert account.instance(identity).state == "terminated"
    assert here.leftovers(DRILL) == ()
    here.terminate(identity)  # may be repeated


def test_a_network_that_is_down_for_a_while_does_not_save_a_machine(account: Cloud) -> None:
    here = Ec2Machine(reach(account), QUICK, fresh_s=0, pause=lambda _: None)
    here.launch(job(plan(account)))
    account.fault("ec2", "DescribeInstances", "cut", times=25)
    account.fault("ec2", "TerminateInstances", "cut", times=15)
    account.fault("ec2", "DescribeVolumes", "RequestLimitExceeded", 503, times=15)
    here.terminate(DRILL)
    assert account.instances(alive=True) == []


def test_every_attempt_ends(account: Cloud) -> None:
    here = machine(account)
    ids = [here.launch(job(plan(account)), attempt) for attempt in (1, 2)]
    other = here.launch(job(plan(account), OTHER))
    here.terminate(ids[1])
    assert [found.id for found in account.instances(alive=True)] == [other]
    assert here.leftovers(OTHER) != ()


def test_what_stayed_of_a_machine_goes_with_it(account: Cloud) -> None:
    account.linger("volume", "network-interface")
    here = machine(account)
    here.launch(job(plan(account)))
    ec2 = account.client("ec2")
    volume = ec2.create_volume(AvailabilityZone=account.zones[0], Size=1, TagSpecifications=tagged("volume"))
    ec2.create_snapshot(VolumeId=volume["VolumeId"], TagSpecifications=tagged("snapshot"))
    ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip"))
    foreign = ec2.create_volume(AvailabilityZone=account.zones[0], Size=1)["VolumeId"]
    theirs = ec2.create_volume(
        AvailabilityZone=account.zones[0], Size=1, TagSpecifications=tagged("volume", OTHER)
    )["VolumeId"]
    kinds = [left.split(" i-")[0].split(" (")[0].rsplit(" ", 1)[0] for left in here.leftovers(DRILL)]
    assert {"volume", "snapshot", "address", "network interface"} <= set(kinds)
    here.terminate(DRILL)
    assert here.leftovers(DRILL) == ()
    assert {v["VolumeId"] for v in ec2.describe_volumes()["Volumes"]} == {foreign, theirs}


def test_an_open_spot_request_is_cancelled(account: Cloud) -> None:
    ec2 = account.client("ec2")
    for errand in (DRILL, OTHER):
        ec2.request_spot_instances(
            LaunchSpecification={"ImageId": account.image.id, "SubnetId": account.network.subnets[0]},
            TagSpecifications=tagged("spot-instances-request", errand),
        )
    here = machine(account)
    (left,) = here.leftovers(DRILL)
    assert left.startswith("spot request sir-")
    here.terminate(DRILL)
    assert here.leftovers(DRILL) == ()
    assert here.leftovers(OTHER) != ()


def test_what_can_not_be_deleted_is_named(account: Cloud) -> None:
    account.linger("volume")
    here = machine(account, waits=Waits(look_every_s=0.01, deleted_s=0.1, visible_s=0))
    here.launch(job(plan(account)))
    account.fault("ec2", "DeleteVolume", "VolumeInUse", 400, times=None)
    with pytest.raises(MachineFailed, match=r"there is still: volume vol-\w+ \(available\) in .*VolumeInUse"):
        here.terminate(DRILL)
    (left,) = here.leftovers(DRILL)
    assert left.startswith("volume vol-")
    account.heal()
    machine(account).terminate(DRILL)
    assert here.leftovers(DRILL) == ()


def test_a_machine_that_does_not_end_is_named(account: Cloud) -> None:
    account.pace.shutting_down = 10**6
    here = machine(account, waits=Waits(look_every_s=0.01, ended_s=0.1))
    identity = here.launch(job(plan(account)))
    with pytest.raises(
        MachineFailed, match=rf"there is still: instance {identity} \((pending|shutting-down)\)"
    ):
        here.terminate(DRILL)


def test_why_a_machine_could_not_be_told_to_end_is_said(account: Cloud) -> None:
    here = machine(account, waits=Waits(look_every_s=0.01, ended_s=0.1))
    here.launch(job(plan(account)))
    account.fault("ec2", "TerminateInstances", "IncorrectInstanceState", 400, times=None)
    with pytest.raises(MachineFailed, match=r"there is still: instance .*IncorrectInstanceState"):
        here.terminate(DRILL)


def test_one_that_may_not_be_ended_does_not_save_the_other(account: Cloud) -> None:
    here = machine(account)
    for attempt in (1, 2):
        here.launch(job(plan(account)), attempt)
    account.fault("ec2", "TerminateInstances", "UnauthorizedOperation", 403, times=1)
    with pytest.raises(CloudDenied):
        here.terminate(DRILL)
    assert len(account.instances(alive=True)) == 1


def test_a_look_that_fails_is_not_an_empty_look(account: Cloud) -> None:
    here = machine(account)
    for action in ("DescribeInstances", "DescribeVolumes", "DescribeSnapshots", "DescribeNetworkInterfaces"):
        account.fault("ec2", action, "UnauthorizedOperation", 403, times=1)
        with pytest.raises(CloudDenied):
            here.leftovers(DRILL)
    for action in ("DescribeAddresses", "DescribeSpotInstanceRequests"):
        account.fault("ec2", action, "UnauthorizedOperation", 403, times=1)
        with pytest.raises(CloudDenied):
            here.leftovers(DRILL)
    assert here.leftovers(DRILL) == ()


def test_other_regions_are_looked_at_too(account: Cloud) -> None:
    there = account.client("ec2", ELSEWHERE)
    there.create_volume(AvailabilityZone=f"{ELSEWHERE}a", Size=1, TagSpecifications=tagged("volume"))
    assert machine(account).leftovers(DRILL) == ()
    here = machine(account, ELSEWHERE)
    (left,) = here.leftovers(DRILL)
    assert left.endswith(f"in {ELSEWHERE}")
    here.terminate(DRILL)
    assert here.leftovers(DRILL) == ()
