"""Which machine, of those that would do: pure, from what types have and what they cost.

Each family stands with its smallest type that fits. The cheapest hour wins, the disk's price included, and
then spot before on-demand, spread over types and zones so that one shortage does not refuse all.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from restoredrill.machines.ec2 import sizing
from restoredrill.machines.ec2.families import GIB, Type
from restoredrill.machines.ec2.network import Subnet
from restoredrill.machines.ec2.prices import Prices, VolumePrice
from restoredrill.plan import Considered, Market, Need, Rung, Volume

RUNGS_AT_MOST = 12
_ZONES_EACH = 2  # of a type in one market, while other types are left
_MINIMUM_S = 60.0  # EC2 bills by the second, at least a minute

Scratch = Literal["nvme", "gp3"]
MARKETS: Mapping[str, tuple[Market, ...]] = {
    "spot-then-on-demand": ("spot", "on-demand"),
    "spot": ("spot",),
    "on-demand": ("on-demand",),
}


@dataclass(frozen=True)
class Terms:
    """What the choice goes by."""

    need: Need
    jobs: int
    image_gb: int
    markets: tuple[Market, ...]
    subnets: tuple[Subnet, ...]
    offered: Mapping[str, frozenset[str]] | None  # type -> zones; None: nobody could say
    quota: Mapping[Market, int]  # vCPUs
    billed_s: float
    limit_usd: float | None
    ordered: bool = False  # the file names types: their order counts, not their price


@dataclass(frozen=True)
class Choice:
    """What to ask for, in this order; empty `rungs`: nothing would do, and `considered` says why."""

    rungs: tuple[Rung, ...]
    volume: Volume
    scratch: Scratch
    considered: tuple[Considered, ...]
    reasons: tuple[str, ...]


def fitting(types: Sequence[Type], need: Need, *, ordered: bool) -> tuple[list[Type], dict[str, str]]:
    """The types that hold `need`, and of the others why not. By family the smallest alone, unless named."""
    out: dict[str, str] = {}
    fit: list[Type] = []
    for type_ in types if ordered else sorted(types, key=lambda t: (t.memory_bytes, t.cores, t.name)):
        if type_.memory_bytes < need.memory_bytes:
            out[type_.name] = f"{_gib(type_.memory_bytes)} of memory, {_gib(need.memory_bytes)} wanted"
        elif type_.cores < need.cores:
            out[type_.name] = f"{type_.cores} cores, {need.cores} wanted"
        elif ordered or type_.family not in {other.family for other in fit}:
            fit.append(type_)
    if not ordered:
        # Of a family that fits, its smaller types are no news.
        families = {type_.family for type_ in fit}
        out = {name: why for name, why in out.items() if name.partition(".")[0] not in families}
    return fit, out


def choose(types: Sequence[Type], out: Mapping[str, str], prices: Prices, terms: Terms) -> Choice:
    """The rungs over `types`, all of which fit; `out` are those that do not."""
    able = [type_ for type_ in types if _zones(type_, terms)]
    refused = dict(out) | {t.name: "not offered in these zones" for t in types if t not in able}
    volumes = {type_.name: _volume(type_, terms, prices.volume) for type_ in able}
    first: Scratch = _cheaper_disk(able, volumes, prices, terms)
    other: Scratch = "gp3" if first == "nvme" else "nvme"
    chosen = _with(first, able, refused, volumes, prices, terms)
    # Quota or budget may refuse all that have the one, and grant some that have the other.
    return chosen if chosen.rungs else _with(other, able, refused, volumes, prices, terms, else_=chosen)


def _with(
    scratch: Scratch,
    able: Sequence[Type],
    out: Mapping[str, str],
    volumes: Mapping[str, Volume],
    prices: Prices,
    terms: Terms,
    else_: Choice | None = None,
) -> Choice:
    """The rungs where the database is restored to `scratch`; `else_` where there are none either."""
    usable = [type_ for type_ in able if scratch == "gp3" or _holds(type_, terms.need)]
    refused = dict(out) | {t.name: "no local disk that is large enough" for t in able if t not in usable}
    volume = _bare(terms, prices.volume)
    if scratch == "gp3" and usable:
        volume = volumes[_first(usable, prices, terms).name]
    if volume.gb > sizing.GP3_GB_MAX:
        too_large = f"{volume.gb:,} GB of disk wanted, gp3 ends at {sizing.GP3_GB_MAX:,}"
        refused |= {type_.name: too_large for type_ in usable}
        usable = []
    rungs, refused_here = _rungs(usable, volume, prices, terms)
    if not rungs and else_ is not None:
        return else_
    refused |= refused_here
    return Choice(
        rungs=rungs,
        volume=volume,
        scratch=scratch,
        considered=_considered(refused, able, rungs, prices),
        reasons=_reasons(rungs, volume, scratch, usable, terms),
    )


def cost_usd(rung: Rung, volume: Volume, seconds: float) -> float:
    """Instance and volume for `seconds`, as EC2 bills them."""
    hours = max(_MINIMUM_S, math.ceil(seconds)) / 3600
    return (rung.usd_per_hour + volume.usd_per_hour) * hours


# Disks ------------------------------------------------------------------------------------------------------


def _volume(type_: Type, terms: Terms, price: VolumePrice) -> Volume:
    """The gp3 volume that a restore on `type_` wants; no faster than the type itself."""
    wanted = sizing.volume(
        terms.need, jobs=terms.jobs, memory_bytes=type_.memory_bytes, image_gb=terms.image_gb
    )
    if type_.ebs_mb_per_s:
        fastest = max(sizing.GP3_MB_PER_S_MIN, min(wanted.mb_per_s, type_.ebs_mb_per_s))
        iops = max(sizing.GP3_IOPS_MIN, min(wanted.iops, fastest * sizing.GP3_IOPS_PER_MB_PER_S))
        wanted = wanted.model_copy(update={"mb_per_s": fastest, "iops": iops})
    return _priced(wanted, price)


def _bare(terms: Terms, price: VolumePrice) -> Volume:
    """Beside a local disk: the system, and room for the agent."""
    return _priced(Volume(gb=max(1, terms.image_gb) + math.ceil(sizing.SPOOL_BYTES / GIB)), price)


def _priced(volume: Volume, price: VolumePrice) -> Volume:
    return volume.model_copy(
        update={
            "usd_per_gb_month": price.gb,
            "usd_per_iops_month": price.iops,
            "usd_per_mb_per_s_month": price.mb_per_s,
        }
    )


def _first(usable: Sequence[Type], prices: Prices, terms: Terms) -> Type:
    """The type that will be asked for first: one volume is planned for all, and it is the one for this."""
    return usable[0] if terms.ordered else min(usable, key=lambda t: (_cheapest(t, prices, terms), t.name))


def _cheapest(type_: Type, prices: Prices, terms: Terms) -> float:
    """Its cheapest hour in the market that is asked first."""
    return min(rung.usd_per_hour for rung in _places(type_, terms.markets[0], prices, terms))


def _holds(type_: Type, need: Need) -> bool:
    return type_.nvme_gb * 10**9 >= need.disk_bytes


def _cheaper_disk(
    able: Sequence[Type], volumes: Mapping[str, Volume], prices: Prices, terms: Terms
) -> Scratch:
    """Local disks, where an hour with one is not dearer than with the volume that would be needed instead."""
    bare = _bare(terms, prices.volume).usd_per_hour
    local = [_cheapest(t, prices, terms) + bare for t in able if _holds(t, terms.need)]
    remote = [_cheapest(t, prices, terms) + volumes[t.name].usd_per_hour for t in able]
    too_large = all(volume.gb > sizing.GP3_GB_MAX for volume in volumes.values())
    return "nvme" if local and (too_large or min(local) <= min(remote)) else "gp3"


# Rungs ------------------------------------------------------------------------------------------------------


def _rungs(
    usable: Sequence[Type], volume: Volume, prices: Prices, terms: Terms
) -> tuple[tuple[Rung, ...], dict[str, str]]:
    refused: dict[str, str] = {}
    each = RUNGS_AT_MOST // len(terms.markets)
    ladder: list[Rung] = []
    for market in terms.markets:
        rungs: list[Rung] = []
        for type_ in usable:
            places = _places(type_, market, prices, terms)
            within = [rung for rung in places if _affordable(rung, volume, terms)]
            why = _over_quota(type_, market, terms) or ("" if within else _too_dear(places, volume, terms))
            if why:
                refused[type_.name] = f"{refused[type_.name]}; {why}" if type_.name in refused else why
            else:
                rungs += within
        ladder += _spread(rungs, [type_.name for type_ in usable] if terms.ordered else None, each)
    return tuple(ladder), refused


def _over_quota(type_: Type, market: Market, terms: Terms) -> str:
    most = terms.quota.get(market)
    if most is None or not type_.standard or type_.cores <= most:
        return ""
    return f"{type_.cores} vCPUs, the quota {market} is {most}"


def _affordable(rung: Rung, volume: Volume, terms: Terms) -> bool:
    return terms.limit_usd is None or cost_usd(rung, volume, terms.billed_s) <= terms.limit_usd


def _too_dear(places: Sequence[Rung], volume: Volume, terms: Terms) -> str:
    usd = min(cost_usd(rung, volume, terms.billed_s) for rung in places)
    return f"about {usd:.4f} USD {places[0].market}, {terms.limit_usd or 0.0:.4f} left"


def _zones(type_: Type, terms: Terms) -> list[Subnet]:
    zones = None if terms.offered is None else terms.offered.get(type_.name, frozenset())
    return [subnet for subnet in terms.subnets if zones is None or subnet.zone in zones]


def _places(type_: Type, market: Market, prices: Prices, terms: Terms) -> list[Rung]:
    listed = prices.on_demand[type_.name]
    return [
        Rung(
            type=type_.name,
            market=market,
            zone=subnet.zone,
            subnet=subnet.id,
            # Spot never costs more than on demand, where no limit is given.
            usd_per_hour=prices.spot.get((type_.name, subnet.zone), listed) if market == "spot" else listed,
            nvme_gb=type_.nvme_gb,
        )
        for subnet in _zones(type_, terms)
    ]


def _spread(rungs: Iterable[Rung], order: Sequence[str] | None, at_most: int) -> list[Rung]:
    """The best `at_most`, few of each type; more of them only where there are not so many types."""

    def key(rung: Rung) -> tuple[int, float, str, str, str]:
        rank = order.index(rung.type) if order is not None else 0
        return (rank, rung.usd_per_hour, rung.type, rung.zone, rung.subnet)

    best = sorted(rungs, key=key)
    taken: list[Rung] = []
    for round_ in range(1, len(best) + 1):
        for rung in best:
            if len(taken) < at_most and rung not in taken:
                same = sum(other.type == rung.type for other in taken)
                if same < _ZONES_EACH * round_:
                    taken.append(rung)
    return sorted(taken, key=key)


# Words ------------------------------------------------------------------------------------------------------


def _considered(
    refused: Mapping[str, str], fit: Sequence[Type], rungs: Sequence[Rung], prices: Prices
) -> tuple[Considered, ...]:
    """What was looked at: chosen first, then by price."""
    names = list(dict.fromkeys([*(rung.type for rung in rungs), *(t.name for t in fit), *refused]))
    first = rungs[0].type if rungs else ""
    asked = {rung.type for rung in rungs}

    def verdict(name: str) -> str:
        if name == first:
            return "chosen"
        if name in asked:
            return "asked for next"
        return refused.get(name, "fits; others are cheaper")

    rows = [Considered(type=n, usd_per_hour=prices.on_demand[n], verdict=verdict(n)) for n in names]
    return tuple(
        sorted(rows, key=lambda row: (row.type != first, row.type not in asked, row.usd_per_hour, row.type))
    )


def _reasons(
    rungs: Sequence[Rung], volume: Volume, scratch: Scratch, usable: Sequence[Type], terms: Terms
) -> tuple[str, ...]:
    if not rungs:
        return ()
    first = next(type_ for type_ in usable if type_.name == rungs[0].type)
    why = "the first named that fits" if terms.ordered else "the cheapest hour of what fits"
    has = f"{_gib(first.memory_bytes)} of memory and {first.cores} cores"
    disk = f"{first.nvme_gb} GB of local NVMe, which costs no more than gp3 that is as fast"
    if scratch == "gp3":
        disk = f"gp3 of {volume.gb} GB with {volume.iops} IOPS and {volume.mb_per_s} MB/s"
        wanted = sizing.volume(
            terms.need, jobs=terms.jobs, memory_bytes=first.memory_bytes, image_gb=terms.image_gb
        )
        if wanted.mb_per_s > volume.mb_per_s:
            disk += f"; {wanted.mb_per_s} would be wanted, but {first.name} does no more for long"
    return (f"{first.name}: {why}, {has}", f"disk: {disk}")


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / GIB:.1f} GiB"
