"""Requests, refusals and tags are values: the same errand asks for the same thing, to the letter."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from restoredrill.errors import MachineFailed
from restoredrill.machines.ec2 import tags
from restoredrill.machines.ec2.account import Found
from restoredrill.machines.ec2.refusals import Refusal
from restoredrill.machines.ec2.request import run_request
from restoredrill.machines.ec2.sight import Sight
from restoredrill.model import Job, VaultSpec
from restoredrill.plan import MachinePlan, Market, Need, Rung, Volume

NOW = datetime(2026, 11, 26, 3, 15, tzinfo=UTC)
DRILL = "20261126T031500Z-7f3a"


def rung(type_: str = "m7i.large", market: Market = "spot", zone: str = "a", subnet: str = "") -> Rung:
    return Rung(type=type_, market=market, zone=zone, subnet=subnet or f"subnet-{zone}", usd_per_hour=0.0312)


def job(*, database: str = "shop", drill: str = DRILL, lives_h: float = 1, **planned: Any) -> Job:
    said: dict[str, Any] = {
        "region": "eu-central-1",
        "image": "ami-1",
        "rungs": (rung(), rung(market="on-demand")),
        "volume": Volume(gb=40),
        "bundles": (),
        "security_groups": ("sg-1",),
        "instance_profile": "drill",
        "owner": "dba",
        "need": Need(memory_bytes=1, cores=1, disk_bytes=1, major=17),
        "prices_from": "",
    }
    return Job(
        drill=drill,
        database=database,
        backup=drill,
        vault=VaultSpec(url="s3://vault/shop"),
        provider="ec2",
        jobs=1,
        started_at=NOW,
        deadline_at=NOW,
        expires_at=NOW + timedelta(hours=lives_h),
        plan=MachinePlan(**{**said, **planned}),
    )


def test_the_token_stands_for_everything_that_is_asked() -> None:
    first = run_request(job(), 1, 0, "data")
    assert run_request(job(), 1, 0, "data") == first
    others = [
        run_request(job(), 2, 0, "data"),
        run_request(job(), 1, 1, "data"),
        run_request(job(), 1, 0, "other data"),
        run_request(job(lives_h=2), 1, 0, "data"),
        run_request(job(drill="20261126T031500Z-7f3b"), 1, 0, "data"),
        run_request(job(volume=Volume(gb=41)), 1, 0, "data"),
        run_request(job(public_address=True), 1, 0, "data"),
    ]
    tokens = {each["ClientToken"] for each in (first, *others)}
    assert len(tokens) == len(others) + 1
    longest = run_request(job(drill="20261126T031500Z-0123456789abcdef"), 9, 1, "data")["ClientToken"]
    assert len(longest) == 64
    assert longest.isascii()


def test_spot_is_for_once_and_on_demand_is_without_a_word() -> None:
    spot, firm = (run_request(job(), 1, number, "") for number in (0, 1))
    assert spot["InstanceMarketOptions"] == {
        "MarketType": "spot",
        "SpotOptions": {"SpotInstanceType": "one-time", "InstanceInterruptionBehavior": "terminate"},
    }
    assert "InstanceMarketOptions" not in firm
    kinds = [[each["ResourceType"] for each in asked["TagSpecifications"]] for asked in (spot, firm)]
    assert kinds == [
        ["instance", "volume", "network-interface", "spot-instances-request"],
        ["instance", "volume", "network-interface"],
    ]


def test_nothing_is_left_to_the_account() -> None:
    asked = run_request(
        job(instance_profile="arn:aws:iam::1:instance-profile/x", root_device="/dev/sda1"), 1, 0, ""
    )
    assert asked["IamInstanceProfile"] == {"Arn": "arn:aws:iam::1:instance-profile/x"}
    (disk,) = asked["BlockDeviceMappings"]
    assert disk["DeviceName"] == "/dev/sda1"
    assert (disk["Ebs"]["Encrypted"], disk["Ebs"]["DeleteOnTermination"]) == (True, True)
    assert "KmsKeyId" not in disk["Ebs"]
    (interface,) = asked["NetworkInterfaces"]
    assert interface["AssociatePublicIpAddress"] is False
    assert interface["Groups"] == ["sg-1"]
    assert asked["MetadataOptions"]["HttpTokens"] == "required"
    assert "KeyName" not in asked
    assert run_request(job(public_address=True), 1, 0, "")["NetworkInterfaces"][0]["AssociatePublicIpAddress"]


def test_boot_data_that_are_too_long_are_refused_before_ec2_does() -> None:
    run_request(job(), 1, 0, "x" * 16384)
    with pytest.raises(MachineFailed, match="16385 bytes"):
        run_request(job(), 1, 0, "x" * 16385)


# Tags -------------------------------------------------------------------------------------------------------


def words(what: Job) -> dict[str, str]:
    assert what.plan is not None
    return tags.of(what, what.plan, 1, what.plan.rungs[0])


def test_a_users_tags_are_kept_and_never_replace_ours() -> None:
    mine = {"team": "x", "Name": "mine", tags.EXPIRES_AT: "2099-01-01T00:00:00Z", tags.ERRAND: ""}
    found = words(job(tags=mine))
    assert (found["team"], found["Name"]) == ("x", "mine")
    assert found[tags.ERRAND] == DRILL
    assert found[tags.EXPIRES_AT] == "2026-11-26T04:15:00Z"


@pytest.mark.parametrize("name", ['sh\'op "x"', "магазин", "a\nb\x00c", "x" * 1000])
def test_odd_names_fit_into_a_tag(name: str) -> None:
    value = words(job(database=name))[tags.DATABASE]
    assert 0 < len(value) <= 256
    assert value.isprintable()


def test_times_are_written_and_read_in_utc() -> None:
    berlin = datetime(2026, 11, 26, 4, 15, tzinfo=timezone(timedelta(hours=1)))
    assert tags.stamp(berlin) == "2026-11-26T03:15:00Z"
    assert tags.time_in({"t": "2026-11-26T04:15:00+01:00"}, "t") == NOW
    for unreadable in ({}, {"t": ""}, {"t": "soon"}, {"t": "2026-11-26T03:15:00"}, {"t": "2026-13-01"}):
        assert tags.time_in(unreadable, "t") is None


def test_a_price_that_is_none_is_not_believed() -> None:
    for text, price in (("0.5", 0.5), ("0", 0.0), ("-1", None), ("nan", None), ("inf", None), ("", None)):
        assert tags.usd_per_hour({tags.USD_PER_HOUR: text}) == price
    assert [tags.attempt({tags.ATTEMPT: text}) for text in ("2", "", "x", "²")] == [2, 0, 0, 0]


# Refusals ---------------------------------------------------------------------------------------------------

CAPACITY = "InsufficientInstanceCapacity"
SPOT_QUOTA = "MaxSpotInstanceCountExceeded"
QUOTA = "VcpuLimitExceeded"


@pytest.mark.parametrize(
    ("code", "refused", "other", "covered"),
    [
        (CAPACITY, rung(), rung(subnet="subnet-z"), True),
        (CAPACITY, rung(), rung(market="on-demand"), False),
        (CAPACITY, rung(), rung(zone="b"), False),
        (CAPACITY, rung(), rung("m7i.xlarge"), False),
        ("SpotMaxPriceTooLow", rung(), rung(zone="b"), False),
        ("Unsupported", rung(), rung(market="on-demand"), True),
        ("Unsupported", rung(), rung(zone="b"), False),
        (SPOT_QUOTA, rung(), rung(zone="b"), True),
        (SPOT_QUOTA, rung(), rung("c7i.2xlarge"), True),
        (SPOT_QUOTA, rung("m7i.xlarge"), rung("m7i.large"), False),
        (SPOT_QUOTA, rung(), rung(market="on-demand"), False),
        (SPOT_QUOTA, rung(), rung("g5.xlarge"), False),
        (SPOT_QUOTA, rung(), rung("inf2.xlarge"), False),
        (SPOT_QUOTA, rung("m7i.large"), rung("m7i.metal"), True),
        (QUOTA, rung(market="on-demand"), rung(market="on-demand", zone="b"), True),
        (QUOTA, rung(market="on-demand"), rung(), False),
        (QUOTA, rung(market="on-demand"), rung("t3.medium", "on-demand"), False),
        ("InsufficientFreeAddressesInSubnet", rung(), rung("r7i.large", "on-demand"), True),
        ("InsufficientFreeAddressesInSubnet", rung(), rung(subnet="subnet-z"), False),
        ("InsufficientVolumeCapacity", rung(), rung("r7i.large", "on-demand"), True),
        ("InsufficientVolumeCapacity", rung(), rung(zone="b"), False),
        ("VolumeLimitExceeded", rung(), rung("r7i.large", "on-demand", "b"), True),
        ("SomethingNew", rung(), rung("r7i.large"), False),
    ],
)
def test_what_a_refusal_says_of_other_rungs(code: str, refused: Rung, other: Rung, covered: bool) -> None:
    assert Refusal(refused, code).covers(refused)
    assert Refusal(refused, code).covers(other) is covered


# What is still to come into sight ---------------------------------------------------------------------------


def seen(attempt: int) -> Found:
    return Found("instance", f"i-{attempt}", "r", "running", {tags.ERRAND: DRILL, tags.ATTEMPT: str(attempt)})


def test_a_machine_is_awaited_until_it_is_seen_refused_or_late() -> None:
    sight = Sight(60)
    assert not sight.awaits(DRILL)
    sight.asked(DRILL, 1)
    assert sight.awaits(DRILL)
    sight.asked(DRILL, 1, "i-1")
    assert (sight.awaits("i-1"), sight.awaits("i-2")) == (True, False)
    sight.seen([seen(1)])
    assert not sight.awaits(DRILL)
    sight.asked(DRILL, 2, "i-2")
    sight.seen([seen(1)])  # the first one does not stand for the second
    assert sight.awaits(DRILL)
    sight.refused(DRILL, 2)
    assert not sight.awaits("i-2")
    late = Sight(0)
    late.asked(DRILL, 1, "i-1")
    assert not late.awaits("i-1")
