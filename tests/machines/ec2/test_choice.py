"""Which machine is asked for, by what types have and what they cost: no account, no network."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restoredrill.machines.ec2 import choice, families, prices, sizing
from restoredrill.machines.ec2.choice import RUNGS_AT_MOST, Choice, Terms
from restoredrill.machines.ec2.families import Type
from restoredrill.machines.ec2.network import Subnet
from restoredrill.machines.ec2.prices import Prices
from restoredrill.machines.ec2.sizing import Load
from restoredrill.plan import Need
from tests.machines.ec2.wanted import GB, GIB, kind

A, B = Subnet("subnet-a", "us-east-1a", "vpc-1"), Subnet("subnet-b", "us-east-1b", "vpc-1")
SMALL, LARGE, DISK = kind("m7i.large", 2, 8), kind("r7i.large", 2, 16), kind("m6id.large", 2, 8, 118)
HOURLY = {"m7i.large": 0.10, "r7i.large": 0.13, "m6id.large": 0.12}


def need(restored: int = GB, jobs: int = 2) -> Need:
    return sizing.need_of(Load(restored, restored // 4, restored // 2, 17), jobs)


def terms(**more: Any) -> Terms:
    said: dict[str, Any] = {
        "need": need(),
        "jobs": 2,
        "image_gb": 8,
        "markets": ("spot", "on-demand"),
        "subnets": (A, B),
        "offered": None,
        "quota": {},
        "billed_s": 600.0,
        "limit_usd": None,
    }
    return Terms(**{**said, **more})


def priced(
    hourly: Mapping[str, float] = HOURLY, spot: Mapping[tuple[str, str], float] | None = None
) -> Prices:
    return Prices(
        on_demand=hourly, volume=prices.VolumePrice(0.08, 0.005, 0.04), said="made up", spot=spot or {}
    )


def choose(types: Sequence[Type], costs: Prices | None = None, **more: Any) -> Choice:
    return choice.choose(types, {}, costs or priced(), terms(**more))


def verdicts(made: Choice) -> dict[str, str]:
    return {row.type: row.verdict for row in made.considered}


# What fits


def test_each_family_stands_with_its_smallest_type_that_fits() -> None:
    types = families.known("x86_64")
    fit, out = choice.fitting(types, need(40 * GB, 4), ordered=False)
    assert {type_.name for type_ in fit} >= {"m7i.xlarge", "c7i.2xlarge", "r7i.xlarge"}
    assert len({type_.family for type_ in fit}) == len(fit)
    assert out == {}, "a smaller type of a family that fits is no news"


def test_what_does_not_fit_says_what_it_lacks() -> None:
    fit, out = choice.fitting([SMALL, LARGE], need(40 * GB, 2), ordered=True)
    assert [type_.name for type_ in fit] == ["r7i.large"]
    assert out == {"m7i.large": "8.0 GiB of memory, 16.0 GiB wanted"}
    _, out = choice.fitting([LARGE], need(GB, 4), ordered=True)
    assert out == {"r7i.large": "2 cores, 4 wanted"}


# The ladder


def test_spot_comes_first_and_both_zones_and_several_types_are_asked_for() -> None:
    made = choose([SMALL, LARGE])
    markets = [rung.market for rung in made.rungs]
    assert markets == sorted(markets, reverse=True), "spot, then on-demand"
    for market in ("spot", "on-demand"):
        places = {(rung.type, rung.zone) for rung in made.rungs if rung.market == market}
        assert places == {(t.name, subnet.zone) for t in (SMALL, LARGE) for subnet in (A, B)}
    assert verdicts(made) == {"m7i.large": "chosen", "r7i.large": "asked for next"}


@pytest.mark.parametrize("market", ["spot", "on-demand"])
def test_only_the_market_that_is_allowed(market: str) -> None:
    assert {rung.market for rung in choose([SMALL], markets=choice.MARKETS[market]).rungs} == {market}


def test_the_cheapest_zone_on_spot_comes_first_and_an_unknown_one_costs_as_on_demand() -> None:
    made = choose([SMALL], priced(spot={("m7i.large", B.zone): 0.03}))
    first, second = [rung for rung in made.rungs if rung.market == "spot"]
    assert (first.zone, first.subnet, first.usd_per_hour) == (B.zone, B.id, 0.03)
    assert second.usd_per_hour == 0.10


def test_types_that_the_file_names_are_asked_for_in_its_order() -> None:
    made = choose([LARGE, SMALL], ordered=True)
    assert [rung.type for rung in made.rungs if rung.market == "spot"] == ["r7i.large"] * 2 + [
        "m7i.large"
    ] * 2
    assert "the first named that fits" in made.reasons[0]
    assert choose([LARGE, SMALL]).rungs[0].type == "m7i.large"


def test_a_zone_that_does_not_offer_a_type_is_left_out() -> None:
    offered = {"m7i.large": frozenset({B.zone}), "r7i.large": frozenset({A.zone, B.zone})}
    made = choose([SMALL, LARGE], offered=offered)
    assert {rung.zone for rung in made.rungs if rung.type == "m7i.large"} == {B.zone}
    gone = choose([SMALL, LARGE], offered={"r7i.large": frozenset({A.zone})})
    assert verdicts(gone)["m7i.large"] == "not offered in these zones"


def test_a_quota_closes_one_market_only() -> None:
    made = choose([SMALL], quota={"spot": 1, "on-demand": 2})
    assert {rung.market for rung in made.rungs} == {"on-demand"}
    none = choose([SMALL], quota={"spot": 1, "on-demand": 0})
    assert none.rungs == ()
    assert verdicts(none)["m7i.large"] == "2 vCPUs, the quota spot is 1; 2 vCPUs, the quota on-demand is 0"


def test_what_the_budget_does_not_allow_is_not_asked_for() -> None:
    hour = choice.cost_usd(choose([SMALL]).rungs[0], choose([SMALL]).volume, 3600)
    costs = priced(spot={("m7i.large", zone): 0.01 for zone in (A.zone, B.zone)})
    made = choose([SMALL], costs, billed_s=3600.0, limit_usd=hour - 0.001)
    assert {rung.market for rung in made.rungs} == {"spot"}
    none = choose([SMALL], costs, billed_s=3600.0, limit_usd=0.001)
    assert none.rungs == ()
    assert verdicts(none)["m7i.large"].endswith("0.0010 left")


def test_an_hour_is_billed_by_the_second_and_never_less_than_a_minute() -> None:
    made = choose([SMALL])
    first = made.rungs[0]
    hour = first.usd_per_hour + made.volume.usd_per_hour
    assert choice.cost_usd(first, made.volume, 3600) == pytest.approx(hour)
    assert choice.cost_usd(first, made.volume, 1) == choice.cost_usd(first, made.volume, 60)
    assert choice.cost_usd(first, made.volume, 60.2) == pytest.approx(hour * 61 / 3600)


# Disks


def test_a_local_disk_that_costs_no_more_is_taken_and_all_rungs_have_one() -> None:
    big = need(40 * GB)
    made = choose(
        [LARGE, kind("r6id.large", 2, 16, 118)], priced({"r7i.large": 0.13, "r6id.large": 0.131}), need=big
    )
    assert made.scratch == "nvme"
    assert {rung.type for rung in made.rungs} == {"r6id.large"}
    assert all(rung.nvme_gb == 118 for rung in made.rungs)
    assert made.volume.gb < 20, "the system alone"
    assert verdicts(made)["r7i.large"] == "no local disk that is large enough"


def test_a_local_disk_that_is_dear_or_too_small_is_not() -> None:
    dear = choose([SMALL, DISK], priced({"m7i.large": 0.10, "m6id.large": 0.9}))
    assert (dear.scratch, dear.rungs[0].type) == ("gp3", "m7i.large")
    small = choose([kind("r6id.large", 2, 16, 118)], priced({"r6id.large": 0.1}), need=need(200 * GB))
    assert small.scratch == "gp3"
    assert small.volume.gb * GIB > need(200 * GB).disk_bytes


def test_a_quota_on_machines_with_local_disks_leaves_those_with_gp3() -> None:
    small, wide = kind("m7i.large", 2, 8), kind("m6id.xlarge", 4, 16, 237)
    costs = priced({"m7i.large": 0.20, "m6id.xlarge": 0.1})
    assert choose([small, wide], costs).scratch == "nvme"
    made = choose([small, wide], costs, quota={"spot": 2, "on-demand": 2})
    assert (made.scratch, {rung.type for rung in made.rungs}) == ("gp3", {"m7i.large"})


def test_more_than_gp3_can_hold_needs_local_disks() -> None:
    huge = need(70_000 * GB)
    remote = choose([SMALL], need=huge)
    assert remote.rungs == ()
    assert "gp3 ends at 65,536" in verdicts(remote)["m7i.large"]
    local = choose([kind("i9.large", 2, 16, 200_000)], priced({"i9.large": 99.0}), need=huge)
    assert (local.scratch, len(local.rungs) > 0) == ("nvme", True)


def test_a_volume_is_no_faster_than_its_machine() -> None:
    big = need(200 * GB, 8)
    slow, fast = (
        choose([kind("m7i.2xlarge", 8, 32, 0, ebs)], priced({"m7i.2xlarge": 0.4}), need=big, jobs=8)
        for ebs in (312, 2000)
    )
    assert (slow.volume.mb_per_s, fast.volume.mb_per_s) == (312, 560)
    assert "560 would be wanted" in slow.reasons[1]
    assert "would be wanted" not in fast.reasons[1]


# Anything


@given(
    restored=st.integers(0, 60_000 * GB),
    jobs=st.integers(1, 64),
    architecture=st.sampled_from(["x86_64", "arm64"]),
    market=st.sampled_from(sorted(choice.MARKETS)),
    quota=st.dictionaries(st.sampled_from(["spot", "on-demand"]), st.integers(0, 300)),
    limit=st.none() | st.floats(0, 100),
)
def test_whatever_is_wanted_is_granted_as_wanted_or_refused_with_reasons(
    restored: int, jobs: int, architecture: str, market: str, quota: dict[str, int], limit: float | None
) -> None:
    types = families.known(architecture)
    wanted = need(restored, jobs)
    fit, out = choice.fitting(types, wanted, ordered=False)
    listed = prices.table("us-east-1")
    costs = Prices({t.name: listed.usd_per_hour(t) for t in types}, listed.volume, "the table")
    asked = terms(need=wanted, jobs=jobs, markets=choice.MARKETS[market], quota=quota, limit_usd=limit)
    made = choice.choose(fit, out, costs, asked)
    assert made == choice.choose(fit, out, costs, asked), "the same answers give the same choice"
    assert len(made.rungs) <= RUNGS_AT_MOST
    assert len(set(made.rungs)) == len(made.rungs)
    by_name = {type_.name: type_ for type_ in types}
    for rung in made.rungs:
        type_ = by_name[rung.type]
        assert type_.memory_bytes >= wanted.memory_bytes
        assert type_.cores >= wanted.cores
        assert type_.cores <= quota.get(rung.market, type_.cores)
        assert made.scratch == "gp3" or rung.nvme_gb * 10**9 >= wanted.disk_bytes
        assert limit is None or choice.cost_usd(rung, made.volume, asked.billed_s) <= limit
    assert made.scratch == "nvme" or not made.rungs or made.volume.gb * GIB >= wanted.disk_bytes
    assert all(row.verdict for row in made.considered)
    assert [row.verdict for row in made.considered].count("chosen") == (1 if made.rungs else 0)
