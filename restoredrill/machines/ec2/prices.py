"""What an hour costs: AWS's own answer where it gives one, else the dated table beside this module.

A price never fails a drill: whoever may not ask, or gets no answer, plans with the table, and the plan says
so.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from restoredrill import __version__
from restoredrill.aws.errors import translated
from restoredrill.errors import CloudError
from restoredrill.machines.ec2.clients import Clients
from restoredrill.machines.ec2.families import Type

# The price list is served from these only (endpoints.json of botocore); everything is in each of them.
_ASKED_IN: Mapping[str, str] = {"eu": "eu-central-1", "ap": "ap-south-1"}
_ASKED_ELSE = "us-east-1"
_ATTEMPTS = 2  # a machine on an isolated network waits for a connection that can't come
_TYPES_AT_MOST = 10  # a request each


@dataclass(frozen=True)
class VolumePrice:
    """gp3, in US dollars a month."""

    gb: float
    iops: float
    mb_per_s: float


@dataclass(frozen=True)
class Prices:
    """US dollars an hour by type; `spot` by (type, zone). `said`: who says so; `notes`: what it lacks."""

    on_demand: Mapping[str, float]
    volume: VolumePrice
    said: str
    spot: Mapping[tuple[str, str], float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """The table in the package, for one region. `exact`: the region is in it."""

    date: str
    large_hour: Mapping[str, float]
    volume: VolumePrice
    exact: bool
    dearest: Mapping[str, float]

    def has(self, type_: Type) -> bool:
        """Does it list the family in this region."""
        return self.exact and type_.family in self.large_hour

    def usd_per_hour(self, type_: Type) -> float:
        """The list price; else the dearest that any region has for the family; else that any family has.

        Within a family the price goes by the cores; a large has two.
        """
        other = self.dearest.get(type_.family, max(self.dearest.values()))
        return round(self.large_hour.get(type_.family, other) * max(1, type_.cores) / 2, 6)


@cache
def table(region: str) -> Table:
    """The table as `region` has it; a region that it does not have gets the dearest of each family."""
    known = json.loads(files(__package__).joinpath("prices.json").read_text(encoding="utf-8"))
    regions: Mapping[str, Any] = known["regions"]
    dearest: dict[str, float] = {}
    for place in regions.values():
        for family, usd in place["large_hour"].items():
            dearest[family] = max(usd, dearest.get(family, 0.0))
    gp3s = [place["gp3"] for place in regions.values()]
    upper = {name: max(gp3[name] for gp3 in gp3s) for name in gp3s[0]}
    here = regions.get(region, {"large_hour": dearest, "gp3": upper})
    gp3 = here["gp3"]
    return Table(
        date=known["date"],
        large_hour=here["large_hour"],
        volume=VolumePrice(gp3["gb_month"], gp3["iops_month"], gp3["mb_per_s_month"]),
        exact=region in regions,
        dearest=dearest,
    )


def look_up(
    clients: Clients,
    types: Sequence[Type],
    fit: Sequence[Type],
    zones: Sequence[str],
    *,
    spot: bool,
    at: datetime,
) -> Prices:
    """What `types` cost now, in the clients' region; those that `fit` are asked for. Raises nothing of the
    cloud's.

    Every type gets a price, and none is 0: where nobody knows it, the dearest known is its upper bound.
    """
    listed = table(clients.region)
    by_table = {type_.name: listed.usd_per_hour(type_) for type_ in types}
    asked = sorted((type_.name for type_ in fit), key=lambda name: (by_table[name], name))
    notes: list[str] = []
    answered, volume = _ask(clients, asked[:_TYPES_AT_MOST], notes)
    spots = _spot(clients, asked, zones, at, notes) if spot else {}
    unasked = [type_ for type_ in fit if type_.name not in answered]
    notes += _bounds(clients.region, listed, unasked)
    return Prices(
        on_demand={**by_table, **answered},
        volume=volume or listed.volume,
        said=_said(listed, answered, bool(unasked) or volume is None, spots, at),
        spot=spots,
        notes=tuple(notes),
    )


def _bounds(region: str, listed: Table, types: Sequence[Type]) -> Iterator[str]:
    """Which prices are no prices but the most that they can be."""
    strange = sorted(type_.name for type_ in types if type_.family not in listed.dearest)
    if strange:
        yield f"no price is known for {', '.join(strange)}: reckoned as the dearest that has as many cores"
    unlisted = sorted(t.name for t in types if t.name not in strange and not listed.has(t))
    if unlisted:
        where = region if listed.exact else f"{region}, as nothing of that region is"
        yield f"not in the table for {where}: {', '.join(unlisted)}; reckoned as in the dearest region"


def _said(
    listed: Table,
    answered: Mapping[str, float],
    partly: bool,
    spots: Mapping[tuple[str, str], float],
    at: datetime,
) -> str:
    day = f"{at:%Y-%m-%d}"
    from_table = f"table of {listed.date} in restoredrill {__version__}"
    said = f"pricing API, {day}" if answered else from_table
    if answered and partly:
        said += f", and {from_table}"
    return f"{said}; spot by EC2's price history, {day}" if spots else said


def _ask(
    clients: Clients, types: Iterable[str], notes: list[str]
) -> tuple[dict[str, float], VolumePrice | None]:
    """The price list's answer, as far as it goes: the first refusal ends the asking."""
    prices: dict[str, float] = {}
    try:
        with translated("ask for prices in", clients.region):
            prefix = clients.region.partition("-")[0]
            api = clients.get("pricing", _ASKED_IN.get(prefix, _ASKED_ELSE), attempts=_ATTEMPTS)
            for name in types:
                prices.update(on_demand(_products(api, _of_type(clients.region, name))))
            return prices, gp3(_products(api, {"regionCode": clients.region, "volumeApiName": "gp3"}))
    except CloudError as error:
        notes.append(f"the pricing API does not answer ({error.reason}): the table is used instead")
        return prices, None


def _of_type(region: str, name: str) -> dict[str, str]:
    return {
        "regionCode": region,
        "instanceType": name,
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
    }


def _products(api: Any, wanted: Mapping[str, str]) -> list[Mapping[str, Any]]:
    filters = [{"Type": "TERM_MATCH", "Field": key, "Value": value} for key, value in wanted.items()]
    answer = api.get_products(ServiceCode="AmazonEC2", Filters=filters, MaxResults=100)
    return [json.loads(product) for product in answer.get("PriceList", ())]


def on_demand(products: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """USD an hour by type, from entries of the price list; the dearest where it has several."""
    prices: dict[str, float] = {}
    for product in products:
        name = product.get("product", {}).get("attributes", {}).get("instanceType", "")
        for usd, unit in _dimensions(product):
            if name and unit == "hrs" and usd > 0:
                prices[name] = max(usd, prices.get(name, 0.0))
    return prices


def gp3(products: Iterable[Mapping[str, Any]]) -> VolumePrice | None:
    """gp3's three prices, from entries of the price list; None where one of them is missing."""
    found: dict[str, float] = {}
    for product in products:
        for usd, unit in _dimensions(product):
            if usd <= 0:
                continue
            # Throughput is listed by the GiB/s: `GiBps-mo`.
            name, share = {"gb-mo": ("gb", 1), "iops-mo": ("iops", 1), "mibps-mo": ("mb_per_s", 1)}.get(
                unit, ("mb_per_s", 1024) if unit == "gibps-mo" else ("", 1)
            )
            found[name] = usd / share
    try:
        return VolumePrice(gb=found["gb"], iops=found["iops"], mb_per_s=found["mb_per_s"])
    except KeyError:
        return None


def _dimensions(product: Mapping[str, Any]) -> Iterator[tuple[float, str]]:
    """(USD, unit in lower case) of every on-demand price of an entry."""
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        for dimension in term.get("priceDimensions", {}).values():
            usd = str(dimension.get("pricePerUnit", {}).get("USD", ""))
            if re.fullmatch(r"\d+(\.\d+)?", usd):
                yield float(usd), str(dimension.get("unit", "")).lower()


def _spot(
    clients: Clients, types: Sequence[str], zones: Sequence[str], at: datetime, notes: list[str]
) -> dict[tuple[str, str], float]:
    """The newest spot price of each type in each of `zones`."""
    newest: dict[tuple[str, str], tuple[datetime, float]] = {}
    if not types or not zones:
        return {}
    try:
        with translated("ask for spot prices in", clients.region):
            pages = clients.get("ec2").get_paginator("describe_spot_price_history")
            for page in pages.paginate(
                InstanceTypes=list(types),
                ProductDescriptions=["Linux/UNIX"],
                StartTime=at,  # the price at this moment is among the answers, however old it is
                Filters=[{"Name": "availability-zone", "Values": list(zones)}],
            ):
                for entry in page["SpotPriceHistory"]:
                    usd, key = float(entry["SpotPrice"]), (entry["InstanceType"], entry["AvailabilityZone"])
                    if usd > 0 and (key not in newest or entry["Timestamp"] > newest[key][0]):
                        newest[key] = (entry["Timestamp"], usd)
    except CloudError as error:
        notes.append(f"spot prices are not known ({error.reason}): reckoned as on demand")
    return {key: usd for key, (_, usd) in newest.items()}
