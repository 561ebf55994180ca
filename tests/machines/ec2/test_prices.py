"""What an hour costs: asked where somebody answers, by the table where nobody does, and never nothing."""

import pytest

from restoredrill.machines.ec2 import families, prices
from restoredrill.machines.ec2.clients import Clients
from restoredrill.machines.ec2.families import Type
from restoredrill.machines.ec2.prices import Prices
from tests.cloud.world import Cloud
from tests.machines.ec2.asked import NOW, reach
from tests.machines.ec2.wanted import GP3, kind, no_price_list, price_list, product

M7I, C7I = kind("m7i.large", 2, 8), kind("c7i.xlarge", 4, 8)
EVERY_TYPE = (*families.known("x86_64"), *families.known("arm64"))
REGIONS = ("us-east-1", "eu-central-1", "sa-east-1", "ap-south-1", "mx-central-1")


def look_up(cloud: Cloud, *types: Type, spot: bool = False) -> Prices:
    return prices.look_up(Clients(reach(cloud)), types, types, cloud.zones, spot=spot, at=NOW)


# The table


@pytest.mark.parametrize("region", REGIONS)
def test_every_type_has_a_price_in_every_region(region: str) -> None:
    listed = prices.table(region)
    assert all(listed.usd_per_hour(type_) > 0.02 for type_ in EVERY_TYPE)
    assert min(listed.volume.gb, listed.volume.iops, listed.volume.mb_per_s) > 0


def test_list_prices_are_those_of_the_list() -> None:
    listed = prices.table("us-east-1")
    assert listed.usd_per_hour(M7I) == 0.1008
    assert listed.usd_per_hour(C7I) == 0.1785
    assert listed.usd_per_hour(kind("m7i.24xlarge", 96, 384)) == pytest.approx(4.8384)


@pytest.mark.parametrize("type_", EVERY_TYPE, ids=lambda type_: type_.name)
def test_a_region_that_is_not_in_the_table_is_as_dear_as_the_dearest(type_: Type) -> None:
    unknown = prices.table("mx-central-1")
    assert not unknown.exact
    known = [prices.table(region) for region in REGIONS[:4]]
    assert unknown.usd_per_hour(type_) >= max(
        listed.usd_per_hour(type_) for listed in known if listed.has(type_)
    )
    assert unknown.volume.gb >= max(listed.volume.gb for listed in known)


def test_a_family_that_is_not_in_the_table_is_as_dear_as_any() -> None:
    listed = prices.table("us-east-1")
    strange = kind("z99.large", 2, 16)
    assert listed.usd_per_hour(strange) >= max(
        listed.usd_per_hour(type_) for type_ in EVERY_TYPE if type_.cores == 2
    )


# The price list


def test_the_price_list_is_believed_where_it_answers(cloud: Cloud, account: Cloud) -> None:
    price_list(cloud, {"m7i.large": "0.1234500000", "c7i.xlarge": "0.2"})
    found = look_up(cloud, M7I, C7I)
    assert found.on_demand == {"m7i.large": 0.12345, "c7i.xlarge": 0.2}
    assert found.volume == prices.VolumePrice(0.0952, 0.006, 49.152 / 1024)
    assert found.said == "pricing API, 2026-11-26"
    assert found.notes == ()


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException"])
def test_without_an_answer_the_table_counts_and_that_is_said(cloud: Cloud, account: Cloud, code: str) -> None:
    no_price_list(cloud, code)
    found = look_up(cloud, M7I)
    assert found.on_demand == {"m7i.large": 0.1008}
    assert found.volume == prices.table("us-east-1").volume
    assert found.said.startswith("table of 2025-03-02 in restoredrill ")
    assert "does not answer" in found.notes[0]


def test_an_answer_that_lacks_some_is_completed_by_the_table(cloud: Cloud, account: Cloud) -> None:
    price_list(cloud, {"m7i.large": "0.11"}, volume=False)
    found = look_up(cloud, M7I, C7I)
    assert found.on_demand == {"m7i.large": 0.11, "c7i.xlarge": 0.1785}
    assert "pricing API" in found.said
    assert "table of" in found.said


def test_a_bound_is_not_told_as_a_price(cloud: Cloud, account: Cloud) -> None:
    no_price_list(cloud)
    found = look_up(cloud, M7I, kind("z99.large", 2, 16))
    assert any("z99.large" in line and "no price is known" in line for line in found.notes)
    assert not any("m7i.large" in line for line in found.notes)
    price_list(cloud, {"m7i.large": "0.1", "z99.large": "0.3"})
    cloud.heal()
    assert look_up(cloud, M7I, kind("z99.large", 2, 16)).notes == ()


def test_a_region_without_prices_is_said(cloud: Cloud, account: Cloud) -> None:
    no_price_list(cloud)
    where = reach(cloud)
    elsewhere = type(where)("mx-central-1", endpoint_url=where.endpoint_url)
    found = prices.look_up(Clients(elsewhere), [M7I], [M7I], (), spot=False, at=NOW)
    assert any("mx-central-1" in line and "dearest" in line for line in found.notes)
    assert found.on_demand["m7i.large"] > 0.1008


def test_what_does_not_fit_is_priced_but_not_asked_for(cloud: Cloud, account: Cloud) -> None:
    price_list(cloud, {"m7i.large": "0.11", "c7i.xlarge": "0.2"})
    found = prices.look_up(Clients(reach(cloud)), [M7I, C7I], [M7I], (), spot=False, at=NOW)
    assert found.on_demand == {"m7i.large": 0.11, "c7i.xlarge": 0.1785}
    assert found.said == "pricing API, 2026-11-26"


def test_entries_of_the_list_are_read_with_care() -> None:
    dear, cheap, nothing = product("a", "2"), product("a", "1"), product("b", "0.0000000000")
    assert prices.on_demand([dear, cheap, nothing, product("c", "1", "Quantity"), {}]) == {"a": 2.0}
    assert prices.on_demand([product("a", "1e9"), product("a", "")]) == {}
    assert prices.gp3(GP3[:2]) is None
    assert prices.gp3(({}, *GP3)) is not None


# Spot


def test_spot_prices_are_asked_for_by_zone(cloud: Cloud, account: Cloud) -> None:
    no_price_list(cloud)
    found = look_up(cloud, M7I, spot=True)
    assert set(found.spot) == {("m7i.large", zone) for zone in cloud.zones}
    assert all(usd > 0 for usd in found.spot.values())
    assert "price history" in found.said
    assert look_up(cloud, M7I).spot == {}


def test_unknown_spot_prices_fail_nothing(cloud: Cloud, account: Cloud) -> None:
    no_price_list(cloud)
    cloud.fault("ec2", "DescribeSpotPriceHistory", "UnauthorizedOperation", 403, times=None)
    found = look_up(cloud, M7I, spot=True)
    assert found.spot == {}
    assert any("spot prices are not known" in line for line in found.notes)
    assert "price history" not in found.said
