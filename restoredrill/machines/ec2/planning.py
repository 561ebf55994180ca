"""The plan of a machine: everything looked at, sized, priced and chosen, before anything is started.

The same answers give the same plan. What can't be met is said all at once, and nothing is started.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from restoredrill.aws.errors import translated
from restoredrill.aws.session import Reach
from restoredrill.errors import PlanUnmet
from restoredrill.machines.ec2 import choice, families, images, preflight, prices, sizing
from restoredrill.machines.ec2.ask import REFUSED, Ask, Looked, failed, note, ok, unknown
from restoredrill.machines.ec2.choice import Choice, Terms
from restoredrill.machines.ec2.clients import Clients
from restoredrill.machines.ec2.families import Type
from restoredrill.machines.ec2.images import Image
from restoredrill.machines.ec2.network import Subnet
from restoredrill.machines.ec2.prices import Prices
from restoredrill.machines.ec2.sizing import Load
from restoredrill.plan import MachinePlan, Need, PhaseEstimate

__all__ = ["Ask", "look", "plan", "problems"]


@dataclass(frozen=True)
class _Draft:
    """How far planning came: every look, and the plan where there is one."""

    looked: tuple[Looked, ...]
    plan: MachinePlan | None = None


def plan(ask: Ask, reach: Reach) -> MachinePlan:
    """The machine for `ask`. Raises `PlanUnmet` with everything that stands in the way."""
    draft = _draft(ask, reach)
    found = preflight.problems(draft.looked)
    if found or draft.plan is None:
        hint = "nothing was started; `restoredrill doctor --machine ec2` looks at the same things one by one"
        raise PlanUnmet(ask.thing, found or ("no machine would do",), hint=hint)
    return draft.plan


def look(ask: Ask, reach: Reach) -> tuple[Looked, ...]:
    """One line for each thing that a plan rests on. Raises nothing of the cloud's."""
    return _draft(ask, reach).looked


def problems(ask: Ask, reach: Reach) -> tuple[str, ...]:
    """What stands in the way of `plan`, each with what to do; empty: nothing."""
    return preflight.problems(look(ask, reach))


def _draft(ask: Ask, reach: Reach) -> _Draft:
    clients = Clients(reach)
    load = _load(ask)
    need, phases = _need(ask, load)
    seen = preflight.look(ask, clients, need)
    looked = [*seen.looked, *_time(ask, phases)]
    if ask.kept_s:
        phases.append(PhaseEstimate(phase="kept", seconds=ask.kept_s, basis="as it was asked for"))
        looked.append(note("kept", "no port of a machine is open", _KEPT))
    if seen.image is None or not seen.subnets:
        return _Draft(tuple(looked))
    picked, costs, more = _pick(ask, clients, need, phases, seen.image, seen.subnets)
    looked += more
    if not picked.rungs:
        return _Draft((*looked, *_nothing(ask, picked, looked)))
    looked += _budget(ask, picked, phases)
    planned = _plan(ask, seen.image, load, need, phases, picked, costs, looked)
    looked += preflight.look_at_rights(ask, clients, planned)
    return _Draft(tuple(looked), planned.model_copy(update={"notes": preflight.notes(looked)}))


_KEPT = "a server that is kept is reached on it alone, by Session Manager where image and role have that"


# What it has to hold ----------------------------------------------------------------------------------------


def _load(ask: Ask) -> Load:
    if ask.kind == "backup":
        return Load.of_source(ask.source) if ask.source else Load(0, 0, 0, 0)
    return Load.of(ask.manifest) if ask.manifest else Load(0, 0, 0, 0)


def _need(ask: Ask, load: Load) -> tuple[Need, list[PhaseEstimate]]:
    if ask.kind == "backup":
        return sizing.need_of_dump(load, ask.jobs), sizing.dump_phases(load, ask.jobs)
    return sizing.need_of(load, ask.jobs), sizing.phases(load, ask.earlier, ask.jobs, checks=ask.checks)


def _time(ask: Ask, phases: Sequence[PhaseEstimate]) -> list[Looked]:
    seconds = sum(phase.seconds for phase in phases)
    if ask.deadline_s is None or seconds <= ask.deadline_s:
        return []
    # An estimate may be wrong, and the deadline is kept anyway: no reason not to try.
    told = f"about {seconds:.0f} s are expected, the deadline is {ask.deadline_s:.0f} s"
    return [note("time", told, "raise the deadline, or jobs")]


# Which machine ----------------------------------------------------------------------------------------------


def _pick(
    ask: Ask,
    clients: Clients,
    need: Need,
    phases: Sequence[PhaseEstimate],
    image: Image,
    subnets: tuple[Subnet, ...],
) -> tuple[Choice, Prices, list[Looked]]:
    types, looked = _types(ask, clients)
    markets = choice.MARKETS[ask.market]
    fit, out = choice.fitting(types, need, ordered=bool(ask.types))
    zones = sorted({subnet.zone for subnet in subnets})
    offered, more = _offered(clients, [type_.name for type_ in fit], zones)
    quota, about_quota = preflight.quotas(markets, clients)
    costs = prices.look_up(clients, types, fit, zones, spot="spot" in markets, at=ask.at)
    looked += [*more, *about_quota, *(note("prices", line) for line in costs.notes)]
    looked.append(ok("prices", costs.said))
    terms = Terms(
        need=need,
        jobs=max(1, ask.jobs),
        image_gb=image.root_gb,
        markets=markets,
        subnets=subnets,
        offered=offered,
        quota=quota,
        billed_s=sum(phase.seconds for phase in phases),
        limit_usd=_limit_usd(ask),
        ordered=bool(ask.types),
    )
    return choice.choose(fit, out, costs, terms), costs, looked


def _types(ask: Ask, clients: Clients) -> tuple[tuple[Type, ...], list[Looked]]:
    """The types to choose among, as EC2 describes them or, without an answer, as the table has them."""
    families_ = [family.name for family in families.FAMILIES if family.architecture == ask.architecture]
    known = families.named(ask.types) if ask.types else families.known(ask.architecture)
    filters = [{"Name": "instance-type", "Values": list(ask.types) or [f"{name}.*" for name in families_]}]
    looked: list[Looked] = []
    try:
        with translated("look at instance types in", ask.region):
            pages = clients.get("ec2").get_paginator("describe_instance_types").paginate(Filters=filters)
            answer = [entry for page in pages for entry in page["InstanceTypes"]]
        found = families.described(answer)
        if found or ask.types:
            known = found
    except REFUSED as error:
        looked.append(unknown("instance types", error))
    order = {name: place for place, name in enumerate(ask.types)}
    there = {type_.name for type_ in known}
    for name in ask.types:
        if name not in there:
            looked.append(failed("instance types", f"no instance type {name} in {ask.region}", _TYPES))
    wrong = [type_.name for type_ in known if type_.architecture != ask.architecture]
    for name in wrong:
        looked.append(failed("instance types", f"{name} does not run {ask.architecture} images", _TYPES))
    usable = [type_ for type_ in known if type_.name not in wrong]
    # Few restores want the sizes in between, and a list of all is no help to whoever reads it.
    if not ask.types:
        usable = [type_ for type_ in usable if type_.name.partition(".")[2] in families.UNITS]
    return tuple(sorted(usable, key=lambda t: (order.get(t.name, 0), t.name))), looked


_TYPES = "correct machines.ec2.types, or leave it out"


def _offered(
    clients: Clients, types: Sequence[str], zones: Sequence[str]
) -> tuple[Mapping[str, frozenset[str]] | None, list[Looked]]:
    """type -> zones that have it; None where nobody says."""
    filters: list[dict[str, Any]] = [
        {"Name": "instance-type", "Values": list(types)},
        {"Name": "location", "Values": list(zones)},
    ]
    found: dict[str, set[str]] = {}
    if not types:
        return {}, []
    try:
        with translated("look at what is offered in", clients.region):
            pages = clients.get("ec2").get_paginator("describe_instance_type_offerings")
            for page in pages.paginate(LocationType="availability-zone", Filters=filters):
                for entry in page["InstanceTypeOfferings"]:
                    found.setdefault(entry["InstanceType"], set()).add(entry["Location"])
    except REFUSED as error:
        return None, [unknown("offerings", error)]
    return {name: frozenset(places) for name, places in found.items()}, []


# Money ------------------------------------------------------------------------------------------------------


def _left_usd(ask: Ask) -> float | None:
    return None if ask.per_month_usd is None else max(0.0, ask.per_month_usd - ask.spent_this_month_usd)


def _limit_usd(ask: Ask) -> float | None:
    limits = [usd for usd in (ask.per_drill_usd, _left_usd(ask)) if usd is not None]
    return min(limits, default=None)


def _budget(ask: Ask, picked: Choice, phases: Sequence[PhaseEstimate]) -> list[Looked]:
    usd = choice.cost_usd(picked.rungs[0], picked.volume, sum(phase.seconds for phase in phases))
    limit = _limit_usd(ask)
    if limit is None:
        return [ok("budget", f"about {usd:.4f} USD, and no limit")]
    return [ok("budget", f"about {usd:.4f} USD of {limit:.4f} that may be spent")]


def _nothing(ask: Ask, picked: Choice, looked: Sequence[Looked]) -> list[Looked]:
    """Why there is no rung at all: by the verdicts, for want of money first."""
    if preflight.problems(looked) and not picked.considered:
        return []
    dear = [row for row in picked.considered if row.verdict.endswith(" left")]
    if dear:
        told = f"no budget for it: {dear[0].type} would cost {dear[0].verdict}"
        return [failed("budget", told, "raise machines.ec2.budget, or wait for the next month")]
    tried = "; ".join(f"{row.type}: {row.verdict}" for row in picked.considered[:4]) or "there is none"
    return [failed("instance types", f"no instance type would do ({tried})", _NOTHING)]


_NOTHING = "name other types, subnets in other zones, or ask for a higher quota"


# The plan ---------------------------------------------------------------------------------------------------

# What is handed on as the file has it.
_AS_ASKED = (
    "region",
    "architecture",
    "security_groups",
    "instance_profile",
    "public_address",
    "kms_key_id",
    "launch_template",
    "owner",
    "tags",
    "silence_s",
)


def _plan(
    ask: Ask,
    image: Image,
    load: Load,
    need: Need,
    phases: Sequence[PhaseEstimate],
    picked: Choice,
    costs: Prices,
    looked: Sequence[Looked],
) -> MachinePlan:
    seconds = sum(phase.seconds for phase in phases)
    as_asked: dict[str, Any] = {name: getattr(ask, name) for name in _AS_ASKED}
    return MachinePlan(
        **as_asked,
        image=image.id,
        image_name=image.name,
        root_device=image.root_device,
        rungs=picked.rungs,
        volume=picked.volume,
        scratch=picked.scratch,
        bundles=images.fitting_bundles(ask.bundles, image),
        need=need,
        backup=ask.manifest.id if ask.manifest and ask.kind == "drill" else "",
        stored_bytes=load.stored_bytes,
        restored_bytes=load.restored_bytes,
        postgres_from=next((one.detail for one in looked if one.name == "postgresql"), ""),
        considered=picked.considered,
        reasons=picked.reasons,
        phases=tuple(phases),
        usd_estimate=choice.cost_usd(picked.rungs[0], picked.volume, seconds),
        prices_from=costs.said,
        budget_usd=ask.per_drill_usd,
        budget_left_usd=_left_usd(ask),
        first_word_s=ask.boot_timeout_s,
    )
