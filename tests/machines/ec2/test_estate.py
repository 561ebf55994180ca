"""What the reaper sees in an account, what it ends and what it never touches. The last line of defence."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from werkzeug.wrappers import Response

from restoredrill.errors import CloudDenied, MachineFailed
from restoredrill.machines.ec2 import tags
from restoredrill.machines.ec2.estate import Ec2Estate
from restoredrill.machines.ec2.machine import Ec2Machine
from restoredrill.machines.reaper import Reaped, overdue, reap
from restoredrill.model import Job, Lease
from tests.cloud.call import Call
from tests.cloud.world import ELSEWHERE, Cloud
from tests.machines.ec2.asked import DRILL, OTHER, QUICK, job, plan, reach, rung


def estate(cloud: Cloud, *regions: str) -> Ec2Estate:
    return Ec2Estate(reach(cloud, *regions), QUICK)


def launched(cloud: Cloud, what: Job, attempt: int = 1) -> str:
    return Ec2Machine(reach(cloud), QUICK, fresh_s=0).launch(what, attempt)


def lives(cloud: Cloud, for_: timedelta, drill: str = DRILL) -> Job:
    """An errand whose lease ends so long from now."""
    until = datetime.now(UTC).replace(microsecond=0) + for_
    return job(plan(cloud), drill).model_copy(update={"expires_at": until})


def retag(cloud: Cloud, what: str, **words: str | None) -> None:
    """Somebody changes tags by hand."""
    ec2 = cloud.client("ec2")
    for word, value in words.items():
        key = f"restoredrill:{word.replace('_', '-')}"
        ec2.delete_tags(Resources=[what], Tags=[{"Key": key}])
        if value is not None:
            ec2.create_tags(Resources=[what], Tags=[{"Key": key, "Value": value}])


def run_by_hand(cloud: Cloud, region: str | None = None, **words: str) -> str:
    """A machine of somebody else's, or with tags of his making."""
    region = region or cloud.region
    image = cloud.image if region == cloud.region else cloud.make_image(region)
    asked: dict[str, Any] = {"ImageId": image.id, "InstanceType": "m7i.large", "MinCount": 1, "MaxCount": 1}
    if words:
        listed = [{"Key": key, "Value": value} for key, value in words.items()]
        asked["TagSpecifications"] = [
            {"ResourceType": kind, "Tags": listed} for kind in ("instance", "volume", "network-interface")
        ]
    identity: str = cloud.client("ec2", region).run_instances(**asked)["Instances"][0]["InstanceId"]
    return identity


def only(leases: tuple[Lease, ...]) -> Lease:
    (lease,) = leases
    return lease


def reaped(what: Ec2Estate) -> tuple[Reaped, ...]:
    return reap(what, datetime.now(UTC), lambda _: None)


def test_a_lease_says_what_lives_until_when_and_at_what_price(account: Cloud) -> None:
    what = lives(account, timedelta(hours=2))
    identity = launched(account, what)
    lease = only(estate(account).leases())
    assert (lease.machine, lease.provider, lease.drill, lease.database) == (identity, "ec2", DRILL, "shop")
    assert lease.expires_at == what.expires_at
    assert (lease.region, lease.type, lease.usd_per_hour, lease.orphan) == (
        account.region,
        "m7i.large",
        0.04,
        False,
    )
    assert "spot" in lease.detail
    assert "owner dba@example.com" in lease.detail


def test_what_is_overdue_ends_and_what_is_not_lives_on(account: Cloud) -> None:
    """No controller, no agent, no timer: tags alone."""
    over = launched(account, lives(account, timedelta(seconds=-1)))
    young = launched(account, lives(account, timedelta(hours=1), OTHER))
    foreign = run_by_hand(account)
    (one,) = reaped(estate(account))
    assert (one.lease.machine, one.problem) == (over, None)
    assert sorted(found.id for found in account.instances(alive=True)) == sorted([young, foreign])
    assert reaped(estate(account)) == ()


def test_a_machine_of_the_same_errand_with_time_left_is_not_ended(account: Cloud) -> None:
    over = launched(account, lives(account, timedelta(seconds=-1)))
    kept = launched(account, lives(account, timedelta(hours=1)), 2)
    (one,) = reaped(estate(account))
    assert (one.lease.machine, one.problem) == (over, None)
    assert [found.id for found in account.instances(alive=True)] == [kept]
    assert account.instance(over).state == "terminated"
    ec2 = account.client("ec2")
    assert len(ec2.describe_network_interfaces()["NetworkInterfaces"]) == 1


def test_attempts_that_are_over_together_are_no_leftovers_of_each_other(account: Cloud) -> None:
    for attempt in (1, 2):
        launched(account, lives(account, timedelta(seconds=-1)), attempt)
    assert [one.problem for one in reaped(estate(account))] == [None, None]
    assert estate(account).leftovers(DRILL) == ()


@pytest.mark.parametrize("expiry", [None, "", "tomorrow", "2026-11-26T03:15:00", "9" * 200])
def test_an_expiry_that_can_not_be_read_is_a_day(account: Cloud, expiry: str | None) -> None:
    identity = launched(account, lives(account, timedelta(seconds=-1)))
    retag(account, identity, expires_at=expiry, usd_per_hour="NaN", attempt="two", database=None)
    lease = only(estate(account).leases())
    assert lease.expires_at == lease.started_at + timedelta(hours=24)
    assert "a day is assumed" in lease.detail
    assert lease.usd_per_hour is None
    assert overdue((lease,), datetime.now(UTC)) == ()


def test_what_carries_no_tag_of_ours_is_never_touched(account: Cloud) -> None:
    """Also where we are told to."""
    foreign = run_by_hand(account)
    alike = run_by_hand(
        account, **{"restoredrill:expires-at": "2020-01-01T00:00:00Z", "Name": "restoredrill"}
    )
    empty = run_by_hand(account, **{tags.ERRAND: "", tags.EXPIRES_AT: "2020-01-01T00:00:00Z"})
    assert estate(account).leases() == ()
    for identity in (foreign, alike, empty):
        with pytest.raises(MachineFailed, match="not ours"):
            estate(account).terminate(identity)
        Ec2Machine(reach(account), QUICK).terminate(identity)
    assert len(account.instances(alive=True)) == 3
    assert account.asked("ec2", "TerminateInstances") == []


def test_a_server_that_ignores_filters_shows_us_nothing_of_others(account: Cloud) -> None:
    """Everything is looked at again on our side: what is not ours, and what is another errand's."""
    ours = launched(account, lives(account, timedelta(seconds=-1)))
    other = launched(account, lives(account, timedelta(hours=1), OTHER))
    foreign = run_by_hand(account)
    ec2 = account.client("ec2")
    volumes = {v["VolumeId"]: v["Attachments"][0]["InstanceId"] for v in ec2.describe_volumes()["Volumes"]}
    handlers = account.gate.handlers
    usual = handlers["ec2", "DescribeInstances"]

    def deaf(call: Call) -> Response | None:
        call.say({name: value for name, value in call.params.items() if name != "Filters"})
        return usual(call) if call.action == "DescribeInstances" else account.gate.moto(call)

    for action in ("DescribeInstances", "DescribeVolumes", "DescribeSnapshots", "DescribeNetworkInterfaces"):
        handlers["ec2", action] = deaf
    assert {lease.machine for lease in estate(account).leases()} == {ours, other}
    (one,) = reaped(estate(account))
    assert (one.lease.machine, one.problem) == (ours, None)
    assert sorted(found.id for found in account.instances(alive=True)) == sorted([other, foreign])
    here = Ec2Machine(reach(account), QUICK, fresh_s=0)
    assert here.leftovers(DRILL) == ()
    here.terminate(OTHER)
    assert [found.id for found in account.instances(alive=True)] == [foreign]
    assert [v["VolumeId"] for v in ec2.describe_volumes()["Volumes"]] == [
        volume for volume, machine in volumes.items() if machine == foreign
    ]


def test_what_is_left_of_a_machine_is_one_lease_and_goes(account: Cloud) -> None:
    account.linger("volume", "network-interface")
    identity = launched(account, lives(account, timedelta(seconds=-1)))
    account.terminated(identity)
    lease = only(estate(account).leases())
    assert (lease.machine, lease.drill, lease.database) == (DRILL, DRILL, "shop")
    assert "no machine, volume vol-" in lease.detail
    assert "network interface eni-" in lease.detail
    (one,) = reaped(estate(account))
    assert one.problem is None
    assert account.client("ec2").describe_volumes()["Volumes"] == []
    assert estate(account).leases() == ()


def test_what_has_just_been_made_is_no_orphan_yet(account: Cloud) -> None:
    """A volume may be in sight before its machine is."""
    account.pace.hidden = 100
    launched(account, lives(account, timedelta(hours=1)))
    lease = only(estate(account).leases())
    assert (lease.machine, lease.orphan) == (DRILL, False)
    assert reaped(estate(account)) == ()


def test_the_volumes_of_a_living_machine_are_no_lease_of_their_own(account: Cloud) -> None:
    identity = launched(account, lives(account, timedelta(hours=1)))
    assert only(estate(account).leases()).machine == identity


def test_every_region_is_looked_at_and_one_that_fails_is_told(account: Cloud) -> None:
    there = run_by_hand(account, ELSEWHERE, **{tags.ERRAND: OTHER, tags.EXPIRES_AT: "2020-01-01T00:00:00Z"})
    here = launched(account, lives(account, timedelta(hours=1)))
    both = estate(account, ELSEWHERE)
    assert {(lease.machine, lease.region) for lease in both.leases()} == {
        (here, account.region),
        (there, ELSEWHERE),
    }
    account.fault("ec2", "DescribeInstances", "UnauthorizedOperation", 403, times=None, region=ELSEWHERE)
    with pytest.raises(CloudDenied, match=f"instances in {ELSEWHERE}"):
        both.leases()
    account.heal()
    (one,) = reaped(both)
    assert (one.lease.machine, one.problem) == (there, None)


def test_a_machine_that_resists_is_told_and_does_not_save_the_others(account: Cloud) -> None:
    for drill in (DRILL, OTHER):
        launched(account, lives(account, timedelta(seconds=-1), drill))
    account.fault("ec2", "TerminateInstances", "UnauthorizedOperation", 403, times=1)
    problems = [one.problem for one in reaped(estate(account))]
    assert len([problem for problem in problems if problem is None]) == 1
    assert len(account.instances(alive=True)) == 1


def test_many_are_ended_at_once(account: Cloud) -> None:
    """Each waits for its own end, so one after another would take all night."""
    account.pace.shutting_down = 30
    for number in range(6):
        what = lives(account, timedelta(seconds=-1), f"20261126T031500Z-{number:04x}")
        launched(account, what.model_copy(update={"plan": plan(account, rung(account))}))
    gone = reap(estate(account), datetime.now(UTC), lambda _: None, at_once=6)
    assert [one.problem for one in gone] == [None] * 6
    assert account.instances(alive=True) == []
