"""Which machine: sized, priced, spread over types and zones, within the budget; the same each time."""

from typing import Any, Literal

import pytest

from restoredrill.errors import PlanUnmet
from restoredrill.machines.ec2 import choice, families, planning, sizing
from restoredrill.machines.ec2.choice import Choice, Terms
from restoredrill.machines.ec2.families import Type
from restoredrill.machines.ec2.network import Subnet
from restoredrill.machines.ec2.prices import Prices, VolumePrice
from restoredrill.model import BackupJob, Job
from restoredrill.plan import MachinePlan, Market, Need, Volume
from restoredrill.reports import plan as printed
from tests.cloud.world import Cloud
from tests.machines.ec2 import asked
from tests.machines.ec2.asked import reach
from tests.machines.ec2.test_sizing import report
from tests.machines.ec2.wanted import GB, GIB, ask, bundle, kind, manifest, no_price_list, price_list

SUBNETS = (Subnet("subnet-a", "z-a", "vpc"), Subnet("subnet-b", "z-b", "vpc"))
GP3 = VolumePrice(0.08, 0.005, 0.04)
BOTH: tuple[Market, ...] = ("spot", "on-demand")
M, C, R = kind("m7i.large", 2, 8), kind("c7i.large", 2, 4), kind("r7i.large", 2, 16)
D = kind("m6id.large", 2, 8, nvme_gb=118)
USD = {"m7i.large": 0.10, "c7i.large": 0.09, "r7i.large": 0.13, "m6id.large": 0.12}


# The choice, as arithmetic


def need(**more: Any) -> Need:
    return Need(**{"memory_bytes": 4 * GIB, "cores": 2, "disk_bytes": 20 * GB, "major": 17, **more})


def terms(**more: Any) -> Terms:
    said: dict[str, Any] = {
        "need": need(),
        "jobs": 2,
        "image_gb": 8,
        "markets": BOTH,
        "subnets": SUBNETS,
        "offered": None,
        "quota": {},
        "billed_s": 600.0,
        "limit_usd": None,
    }
    return Terms(**{**said, **more})


def choose(
    *types: Type, spot: dict[tuple[str, str], float] | None = None, usd: dict[str, float] = USD, **more: Any
) -> Choice:
    wanted = terms(**more)
    fit, out = choice.fitting(types, wanted.need, ordered=wanted.ordered)
    return choice.choose(fit, out, Prices(usd, GP3, "test", spot or {}), wanted)


def verdicts(chosen: Choice) -> dict[str, str]:
    return {row.type: row.verdict for row in chosen.considered}


def test_the_cheapest_that_fits_comes_first_and_spot_before_on_demand() -> None:
    chosen = choose(M, C, R)
    assert [(r.type, r.market, r.zone) for r in chosen.rungs[:3]] == [
        ("c7i.large", "spot", "z-a"),
        ("c7i.large", "spot", "z-b"),
        ("m7i.large", "spot", "z-a"),
    ]
    assert [rung.market for rung in chosen.rungs] == ["spot"] * 6 + ["on-demand"] * 6
    assert {(rung.zone, rung.subnet) for rung in chosen.rungs} == {("z-a", "subnet-a"), ("z-b", "subnet-b")}
    assert verdicts(chosen)["c7i.large"] == "chosen"


def test_a_spot_price_changes_the_order_in_its_zone() -> None:
    chosen = choose(M, C, spot={("m7i.large", "z-b"): 0.03, ("c7i.large", "z-a"): 0.04})
    assert [(r.type, r.zone, r.usd_per_hour) for r in chosen.rungs[:2]] == [
        ("m7i.large", "z-b", 0.03),
        ("c7i.large", "z-a", 0.04),
    ]


@pytest.mark.parametrize("market", BOTH)
def test_one_market_alone(market: Market) -> None:
    assert {rung.market for rung in choose(M, C, markets=(market,)).rungs} == {market}


def test_no_ladder_is_longer_than_twelve() -> None:
    many = [kind(f"m{n}i.large", 2, 8) for n in range(40)]
    chosen = choose(*many, usd={type_.name: 0.1 + n / 100 for n, type_ in enumerate(many)})
    assert len(chosen.rungs) == choice.RUNGS_AT_MOST
    assert len({rung.type for rung in chosen.rungs}) == 3, "two zones each"
    assert len(choose(M).rungs) == 4


def test_what_is_too_small_is_said_with_the_number() -> None:
    chosen = choose(
        C, R, kind("m7i.xlarge", 4, 16), need=need(memory_bytes=12 * GIB), usd=USD | {"m7i.xlarge": 0.2}
    )
    assert verdicts(chosen)["c7i.large"] == "4.0 GiB of memory, 12.0 GiB wanted"
    assert chosen.rungs[0].type == "r7i.large"
    assert "2 cores, 8 wanted" in verdicts(choose(M, need=need(cores=8)))["m7i.large"]


def test_of_a_family_the_smallest_that_fits() -> None:
    chosen = choose(M, kind("m7i.xlarge", 4, 16), usd=USD | {"m7i.xlarge": 0.2})
    assert {rung.type for rung in chosen.rungs} == {"m7i.large"}


def test_types_that_are_named_keep_their_order() -> None:
    chosen = choose(R, M, C, ordered=True)
    asked_for = [rung.type for rung in chosen.rungs if rung.market == "spot"]
    assert asked_for[::2] == ["r7i.large", "m7i.large", "c7i.large"]
    assert "the first named that fits" in chosen.reasons[0]


def test_what_a_zone_does_not_offer_is_not_asked_for_there() -> None:
    offered = {"c7i.large": frozenset({"z-b"}), "m7i.large": frozenset({"z-a", "z-b"})}
    chosen = choose(M, C, R, offered=offered)
    assert {rung.zone for rung in chosen.rungs if rung.type == "c7i.large"} == {"z-b"}
    assert verdicts(chosen)["r7i.large"] == "not offered in these zones"


def test_a_quota_leaves_out_what_is_above_it_in_its_market_only() -> None:
    chosen = choose(M, need=need(), quota={"spot": 1})
    assert {rung.market for rung in chosen.rungs} == {"on-demand"}
    assert choose(M, quota={"spot": 0, "on-demand": 1}).rungs == ()
    assert choose(M, quota={"spot": 2, "on-demand": 2}).rungs == choose(M).rungs
    gpu = kind("g5.xlarge", 4, 16)
    assert choose(gpu, usd={"g5.xlarge": 1.0}, quota={"spot": 0, "on-demand": 0}).rungs, "another quota's"


def test_what_the_budget_does_not_hold_is_not_asked_for() -> None:
    chosen = choose(M, spot={("m7i.large", "z-a"): 0.02}, limit_usd=0.03, billed_s=3600.0)
    assert [(rung.market, rung.zone) for rung in chosen.rungs] == [("spot", "z-a")]
    assert "on-demand" in choose(M, limit_usd=0.01, billed_s=3600.0).considered[0].verdict
    assert choose(M, limit_usd=0.0, billed_s=3600.0).rungs == ()


def test_ec2_bills_by_the_second_and_at_least_a_minute() -> None:
    chosen = choose(M, markets=("on-demand",))
    bare = Volume(gb=1)
    assert choice.cost_usd(chosen.rungs[0], bare, 1) == pytest.approx(0.10 / 60)
    assert choice.cost_usd(chosen.rungs[0], bare, 3599.2) == pytest.approx(0.10)
    assert choice.cost_usd(chosen.rungs[0], Volume(gb=730, usd_per_gb_month=0.1), 3600) == pytest.approx(0.2)


# Disks


def test_local_disks_where_they_cost_no_more_than_a_volume() -> None:
    small, large = need(disk_bytes=20 * GB), need(disk_bytes=110 * GB, memory_bytes=8 * GIB)
    assert choose(M, D, need=small).scratch == "gp3"
    cheap = USD | {"m6id.large": 0.105}
    chosen = choose(M, D, need=large, usd=cheap)
    assert (chosen.scratch, {rung.type for rung in chosen.rungs}) == ("nvme", {"m6id.large"})
    assert chosen.volume.gb < 20, "the system's only"
    assert "no local disk" in verdicts(chosen)["m7i.large"]


def test_a_local_disk_that_is_too_small_is_none() -> None:
    chosen = choose(M, D, need=need(disk_bytes=119 * GB), usd=USD | {"m6id.large": 0.01})
    assert chosen.scratch == "gp3"
    assert chosen.volume.gb > 110


def test_where_local_disks_are_refused_a_volume_will_do() -> None:
    large, cheap = need(disk_bytes=110 * GB), USD | {"m6id.xlarge": 0.001}
    disk = kind("m6id.xlarge", 4, 16, nvme_gb=237)
    assert choose(M, disk, need=large, usd=cheap).scratch == "nvme"
    chosen = choose(M, disk, need=large, usd=cheap, quota={"spot": 2, "on-demand": 2})
    assert (chosen.scratch, {rung.type for rung in chosen.rungs}) == ("gp3", {"m7i.large"})


def test_what_no_volume_holds_needs_a_local_disk_or_is_refused() -> None:
    huge = need(disk_bytes=80_000 * GIB)
    refused = choose(M, need=huge)
    assert refused.rungs == ()
    assert "gp3 ends at 65,536" in verdicts(refused)["m7i.large"]
    monster = kind("i4i.metal", 128, 1024, nvme_gb=100_000)
    assert choose(M, monster, need=huge, usd=USD | {"i4i.metal": 11.0}).scratch == "nvme"


def test_a_volume_is_not_faster_than_its_machine() -> None:
    slow = kind("m7i.large", 8, 8, ebs_mb_per_s=150)
    wanted = need(disk_bytes=200 * GB)
    chosen = choose(slow, need=wanted, jobs=8)
    assert chosen.volume.mb_per_s == 150
    assert any("would be wanted" in reason for reason in chosen.reasons)
    assert choose(kind("m7i.large", 8, 8), need=wanted, jobs=8).volume.mb_per_s == 560


def test_every_type_of_the_table_is_one_that_ec2_describes_so() -> None:
    from moto.ec2.models.instance_types import INSTANCE_TYPES

    known = [*families.known("x86_64"), *families.known("arm64")]
    there = [type_ for type_ in known if type_.name in INSTANCE_TYPES]
    assert len(there) > 80
    for type_ in there:
        (said,) = families.described([INSTANCE_TYPES[type_.name]])
        assert (said.architecture, said.cores, said.memory_bytes) == (
            type_.architecture,
            type_.cores,
            type_.memory_bytes,
        )
        assert said.nvme_gb * 0.98 <= type_.nvme_gb <= said.nvme_gb, type_.name


# The plan, against an account that answers


@pytest.fixture
def listed(account: Cloud) -> Cloud:
    """With a price list."""
    every = [*families.known("x86_64"), *families.known("arm64")]
    price_list(account, {type_.name: f"{0.05 * type_.cores:.4f}" for type_ in every})
    return account


def plan(cloud: Cloud, **more: Any) -> MachinePlan:
    return planning.plan(ask(cloud, **more), reach(cloud))


def refused(cloud: Cloud, **more: Any) -> str:
    with pytest.raises(PlanUnmet) as caught:
        plan(cloud, **more)
    return "; ".join(caught.value.problems)


def test_a_plan_is_complete_and_the_same_each_time(listed: Cloud) -> None:
    wanted: dict[str, Any] = {
        "manifest": manifest(50 * GB, (GB, GB), "pg_trgm"),
        "per_month_usd": 10.0,
        "spent_this_month_usd": 4.0,
    }
    made = plan(listed, **wanted)
    assert made == plan(listed, **wanted)
    assert (made.region, made.image, made.root_device) == (listed.region, listed.image.id, "/dev/xvda")
    assert made.need.extensions == ("pg_trgm",)
    assert (made.stored_bytes, made.restored_bytes) == (2 * GB, 50 * GB)
    assert made.prices_from.startswith("pricing API, 2026-11-26")
    assert (made.budget_usd, made.budget_left_usd) == (None, 6.0)
    assert 0 < made.usd_estimate < 1
    assert made.postgres_from.endswith("17.10")
    assert {rung.market for rung in made.rungs} == {"spot", "on-demand"}
    assert {rung.zone for rung in made.rungs} == set(listed.zones)
    for one in (made.considered, made.reasons, made.phases, made.bundles):
        assert one
    assert all(row.usd_per_hour > 0 for row in made.considered)


def test_a_larger_backup_gets_a_larger_machine(listed: Cloud) -> None:
    small = plan(listed, manifest=manifest(GB // 100, (GB // 1000,)))
    large = plan(listed, manifest=manifest(3000 * GB, (100 * GB, 900 * GB)), jobs=16)
    assert large.need.memory_bytes > small.need.memory_bytes
    assert large.need.cores == 16
    disk = large.volume.gb if large.scratch == "gp3" else large.rungs[0].nvme_gb
    assert disk > 3000
    assert large.usd_estimate > small.usd_estimate


def test_earlier_drills_shape_the_estimate(listed: Cloud) -> None:
    earlier = (report(stored=200_000_000, data_s=5000.0),)
    made = plan(listed, earlier=earlier)
    assert {p.phase: p.basis for p in made.phases}["data"] == "1 earlier drill"
    assert made.usd_estimate > 10 * plan(listed).usd_estimate


def test_types_that_the_file_names(listed: Cloud) -> None:
    made = plan(listed, types=("r7i.large", "t3.medium"), market="on-demand")
    assert list(dict.fromkeys(rung.type for rung in made.rungs)) == ["r7i.large", "t3.medium"]
    assert "no instance type m99.large" in refused(listed, types=("m99.large",))
    assert "does not run x86_64 images" in refused(listed, types=("m7g.large",))
    assert "no instance type would do" in refused(listed, types=("t3.nano",))


def test_arm_machines_for_arm_images(listed: Cloud) -> None:
    arm = listed.make_image(listed.region, "arm64", "debian-12-arm64")
    made = plan(listed, image=arm.id, architecture="arm64", bundles=(bundle(platform="linux_aarch64"),))
    assert made.architecture == "arm64"
    known = {type_.name for type_ in families.known("arm64")}
    assert {rung.type for rung in made.rungs} <= known


@pytest.mark.parametrize(
    "limits", [{"per_drill_usd": 0.0001}, {"per_month_usd": 5.0, "spent_this_month_usd": 5.0}]
)
def test_a_budget_that_is_too_small_is_said_at_once(listed: Cloud, limits: dict[str, float]) -> None:
    said = refused(listed, market="on-demand", **limits)
    assert "no budget for it" in said
    assert listed.asked("ec2", "RunInstances") == []


def test_a_budget_that_is_large_enough(listed: Cloud) -> None:
    made = plan(listed, per_drill_usd=1.0, per_month_usd=5.0, spent_this_month_usd=4.5)
    assert (made.budget_usd, made.budget_left_usd) == (1.0, 0.5)


def test_a_deadline_that_will_not_do_is_a_note(listed: Cloud) -> None:
    assert any("the deadline is 30 s" in note for note in plan(listed, deadline_s=30.0).notes)
    assert not any("deadline" in note for note in plan(listed, deadline_s=3600.0).notes)


def test_the_time_that_a_server_is_kept_is_paid_and_budgeted(listed: Cloud) -> None:
    short, long = plan(listed, deadline_s=3600.0), plan(listed, deadline_s=3600.0, kept_s=36_000.0)
    assert long.usd_estimate > 10 * short.usd_estimate
    assert not any("the deadline is" in one for one in long.notes), "which is of the drill alone"
    assert any("no port of a machine is open" in one for one in long.notes)
    assert "no budget for it" in refused(listed, kept_s=36_000.0, per_drill_usd=2 * short.usd_estimate)


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException"])
def test_a_price_list_that_does_not_answer_fails_no_plan(account: Cloud, code: str) -> None:
    no_price_list(account, code)
    made = plan(account)
    assert made.prices_from.startswith("table of 2025-03-02")
    assert made.usd_estimate > 0
    assert any("the table is used instead" in note for note in made.notes)


def test_ec2_that_describes_nothing_leaves_the_table(listed: Cloud) -> None:
    for action in ("DescribeInstanceTypes", "DescribeInstanceTypeOfferings", "DescribeSpotPriceHistory"):
        listed.fault("ec2", action, "UnauthorizedOperation", 403, times=None)
    made = plan(listed)
    assert made.rungs
    assert len([note for note in made.notes if "not looked at" in note or "not known" in note]) >= 3
    assert {rung.usd_per_hour for rung in made.rungs if rung.market == "spot"} == {
        rung.usd_per_hour for rung in made.rungs if rung.market == "on-demand"
    }


def test_a_backup_is_planned_with_and_without_a_known_size(listed: Cloud) -> None:
    unseen = plan(listed, kind="backup", manifest=None)
    assert (unseen.backup, unseen.restored_bytes) == ("", 0)
    seen = plan(listed, kind="backup", manifest=None, source=manifest(900 * GB).server)
    assert seen.rungs == unseen.rungs, "a dump is a stream"
    assert seen.usd_estimate > unseen.usd_estimate
    assert [phase.phase for phase in seen.phases] == ["provision", "dump", "end"]


def test_the_smallest_machine_where_nothing_is_known(listed: Cloud) -> None:
    made = plan(listed, manifest=None)
    assert made.need.memory_bytes == sizing.MEMORY_BYTES_MIN


@pytest.mark.parametrize("deed", ["drill", "backup"])
def test_a_plan_can_be_printed_and_launched(listed: Cloud, deed: Literal["drill", "backup"]) -> None:
    from restoredrill.machines.ec2.request import run_request

    backup = manifest(50 * GB)
    made = plan(listed, kind=deed, manifest=backup, per_drill_usd=2.0)
    errand: Job | BackupJob = asked.job(made) if deed == "drill" else asked.backup_job(made)
    text = printed.text(made, errand, backup if deed == "drill" else None)
    for words in (made.rungs[0].type, "considered", "pricing API", "2.00", "first guess", "a fifth to spare"):
        assert words in text or deed == "backup", words
    for number in range(len(made.rungs)):
        listed.client("ec2").run_instances(**run_request(errand, 1, number, "#!/bin/sh\n"))
    assert len(listed.instances(alive=True)) == len(made.rungs)
    assert MachinePlan.model_validate_json(made.model_dump_json()) == made
