"""The parts of README that the planner's own code writes: a plan as it is printed, and what drills cost.

No account is asked: sizes are samples, prices those of the table in the package. Whoever has changed the
planner runs `python -m tests.house.readme_ec2`, which writes both into README.
"""

from restoredrill import __version__
from restoredrill.machines.ec2 import choice, families, prices, sizing
from restoredrill.machines.ec2.choice import Choice, Terms
from restoredrill.machines.ec2.network import Subnet
from restoredrill.machines.ec2.prices import Prices
from restoredrill.machines.ec2.sizing import Load
from restoredrill.plan import MachinePlan, Market
from restoredrill.reports import plan as plan_form
from restoredrill.reports import units
from tests.plugins.requirements import REPOSITORY
from tests.reports import plans

REGION = "eu-central-1"
SUBNETS = tuple(Subnet(f"subnet-0{zone}", f"{REGION}{zone}", "vpc-0") for zone in "ab")
IMAGE_GB = 8
GB = 1_000_000_000
# Restored size and jobs. A quarter of it is stored, and its largest table with indexes is a third.
SAMPLES = ((10 * GB, 2), (100 * GB, 4), (1000 * GB, 8))
SPOT_SHARE = 0.4  # made up: a plan that shows the ladder needs some price


def costs() -> str:
    """The table: what a drill costs on demand, machine and volume."""
    rows = ["| database | machine | volume | time, about | cost, about |", "|---|---|---|---|---|"]
    for size_bytes, jobs in SAMPLES:
        load = Load(size_bytes, size_bytes // 4, size_bytes // 3, 17)
        picked, seconds = _chosen(load, jobs, ("on-demand",))
        first, volume = picked.rungs[0], picked.volume
        disk = f"local NVMe {first.nvme_gb:,} GB" if picked.scratch == "nvme" else f"gp3 {volume.gb:,} GB"
        usd = units.money(choice.cost_usd(first, volume, seconds))
        kind = f"{first.type}, {units.money(first.usd_per_hour)} an hour"
        rows.append(
            f"| {units.size(size_bytes)}, {jobs} jobs | {kind} | {disk} | {units.duration(seconds)} | {usd} |"
        )
    return "\n".join(rows)


def plan() -> str:
    """A plan as `drill --dry-run` prints it."""
    load = Load.of(plans.manifest())
    picked, seconds = _chosen(load, 2, ("spot", "on-demand"))
    sample = plans.plan()
    made = MachinePlan(
        region=REGION,
        image=sample.image,
        image_name=sample.image_name,
        rungs=picked.rungs,
        volume=picked.volume,
        scratch=picked.scratch,
        bundles=sample.bundles,
        security_groups=sample.security_groups,
        instance_profile=sample.instance_profile,
        owner=sample.owner,
        need=sizing.need_of(load, 2),
        postgres_from=sample.postgres_from,
        considered=picked.considered,
        reasons=picked.reasons,
        phases=tuple(sizing.phases(load, (), 2)),
        usd_estimate=choice.cost_usd(picked.rungs[0], picked.volume, seconds),
        prices_from=f"table of {prices.table(REGION).date}; spot made up for this page",
        budget_usd=0.5,
        budget_left_usd=17.35,
    )
    return plan_form.text(made, plans.job(), plans.manifest())


def _chosen(load: Load, jobs: int, markets: tuple[Market, ...]) -> tuple[Choice, float]:
    """What the planner chooses by the table's prices, and for how many seconds."""
    need = sizing.need_of(load, jobs)
    seconds = sum(phase.seconds for phase in sizing.phases(load, (), jobs))
    fit, out = choice.fitting(families.known("x86_64"), need, ordered=False)
    table = prices.table(REGION)
    listed = {type_.name: table.usd_per_hour(type_) for type_ in fit}
    spot = {
        (name, subnet.zone): round(usd * SPOT_SHARE, 4) for name, usd in listed.items() for subnet in SUBNETS
    }
    known = Prices(listed, table.volume, f"table of {table.date} in restoredrill {__version__}", spot)
    terms = Terms(
        need=need,
        jobs=jobs,
        image_gb=IMAGE_GB,
        markets=markets,
        subnets=SUBNETS,
        offered=None,
        quota={},
        billed_s=seconds,
        limit_usd=None,
    )
    return choice.choose(fit, out, known, terms), seconds


def blocks() -> dict[str, str]:
    """Each block's text, by the name in its marks."""
    return {"plan": f"```\n{plan()}\n```", "costs": costs()}


def written(page: str) -> str:
    """A page with each block as it has to stand there."""
    for name, text in blocks().items():
        mark, _, rest = page.partition(f"<!-- {name} -->\n")
        end = f"\n<!-- /{name} -->"
        page = f"{mark}<!-- {name} -->\n{text}{end}{rest.partition(end)[2]}"
    return page


if __name__ == "__main__":
    README = REPOSITORY / "README.md"
    README.write_text(written(README.read_text(encoding="utf-8")), encoding="utf-8")
