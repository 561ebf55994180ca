"""The plan of a machine, as it is printed before a cent is spent: what, why, how long, how dear.

Read at night by somebody who was woken: one fact a line, figures with their source, nothing wider than
`WIDTH` columns except names that are.
"""

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap

from restoredrill.model import BackupJob, Errand, Job, Manifest
from restoredrill.plan import AgentBundle, MachinePlan, Rung
from restoredrill.reports import units
from restoredrill.reports.escaping import visible

WIDTH = 98
_LABEL = 12
_CONSIDERED_AT_MOST = 12


def text(plan: MachinePlan, job: Errand, backup: Manifest | None) -> str:
    """The plan in lines, without a line end at its end. `backup`: what is drilled; None: one will be taken.

    The same plan gives the same text: no clock is read.
    """
    lines = [_heading(job), *_what(job, backup), *_need(plan), *_machine(plan), *_where(plan), *_server(plan)]
    lines += [*_considered(plan), *_ladder(plan), *_time(plan), *_money(plan), *_until(job), *_worth(plan)]
    return "\n".join(line.rstrip() for line in lines)


def _heading(job: Errand) -> str:
    deed = "back up" if isinstance(job, BackupJob) else "drill"
    return f"plan: {deed} {visible(job.database)} on a machine of its own, {visible(job.id)}"


def _what(job: Errand, backup: Manifest | None) -> Iterator[str]:
    if backup is None:
        yield from _row("backup", f"will be taken as {job.id}, {_count(job.jobs, 'job')}")
    else:
        age = units.duration(backup.age_s(job.started_at))
        sizes = (units.size(backup.size_bytes), units.size(backup.server.size_bytes))
        yield from _row("backup", f"{backup.id}, {age} old, {sizes[0]} stored, about {sizes[1]} restored")
    if isinstance(job, Job):
        level = "" if backup is None else f" {backup.fingerprint.level.value}"
        asked = f"archive, restore, fingerprint{level}, and {len(job.checks):,} from the file"
        yield from _row("checks", f"{asked}; {_targets(job)}; {'no' if job.isolated else 'open'} network")


def _targets(job: Job) -> str:
    limits = (("rto", job.rto_target_s), ("rpo", job.rpo_target_s))
    return ", ".join(f"{name} {units.duration(s)}" for name, s in limits if s is not None) or "no targets"


def _need(plan: MachinePlan) -> Iterator[str]:
    need = plan.need
    sizes = f"{units.size(need.memory_bytes)} of memory, {_count(need.cores, 'core')}"
    yield from _row("needs", f"{sizes}, {units.size(need.disk_bytes)} of disk")
    yield from _notes(need.reasons)


def _machine(plan: MachinePlan) -> Iterator[str]:
    first = plan.rungs[0] if plan.rungs else None
    chosen = "nothing that could be asked for" if first is None else f"{first.type}, {_price(first)}"
    yield from _row("machine", f"{chosen}, in {plan.region}")
    yield from _notes(plan.reasons)
    yield from _row("disk", _disk(plan))


def _disk(plan: MachinePlan) -> str:
    volume = plan.volume
    gp3 = f"gp3 {volume.gb:,} GB, {volume.iops:,} IOPS, {volume.mb_per_s:,} MB/s, encrypted"
    if plan.scratch == "gp3":
        return f"{gp3}; the database is restored there"
    sizes = sorted({rung.nvme_gb for rung in plan.rungs if rung.nvme_gb})
    local = " or ".join(f"{size:,} GB" for size in sizes) or "of unknown size"
    return f"local NVMe {local}, where the database is restored; the system on {gp3}"


def _where(plan: MachinePlan) -> Iterator[str]:
    name = f"{plan.image_name} ({plan.image})" if plan.image_name else plan.image
    yield from _row("image", f"{name}, {plan.architecture}")
    address = "a public address" if plan.public_address else "no public address"
    groups = ", ".join(plan.security_groups) or "the network's own group"
    yield from _row("network", f"{address}, {groups}; role {plan.instance_profile}")
    if plan.launch_template is not None:
        yield from _row("template", plan.launch_template)
    tags = "".join(f", {key}={value}" for key, value in sorted(plan.tags.items()))
    yield from _row("owner", f"{plan.owner}{tags}")


def _server(plan: MachinePlan) -> Iterator[str]:
    wanted = ", ".join(plan.need.extensions) or "none"
    yield from _row("server", f"PostgreSQL {plan.need.major} or newer; extensions: {wanted}")
    if plan.postgres_from:
        yield from _notes([f"from {plan.postgres_from}"])
    for bundle in plan.bundles:
        yield from _row("agent", _bundle(bundle))


def _bundle(bundle: AgentBundle) -> str:
    told = f"{bundle.name}, {units.size(bundle.size_bytes)}, for Python {bundle.python}"
    if bundle.postgres is None:
        return f"{told}; PostgreSQL is the image's"
    extra = f" with {len(bundle.extensions):,} extensions" if bundle.extensions else ""
    return f"{told}; brings PostgreSQL {bundle.postgres}{extra}"


def _considered(plan: MachinePlan) -> Iterator[str]:
    if not plan.considered:
        return
    shown = plan.considered[:_CONSIDERED_AT_MOST]
    yield from ("", "  considered        USD/hour")
    wide = max(14, *(len(visible(one.type)) for one in shown))
    for one in shown:
        lead = f"    {visible(one.type):<{wide}}  {one.usd_per_hour:8.4f}  "
        yield from _hanging(lead, one.verdict)
    if (more := len(plan.considered) - len(shown)) > 0:
        yield f"    and {more:,} more; --json has them all"


def _ladder(plan: MachinePlan) -> Iterator[str]:
    if not plan.rungs:
        return
    yield from ("", "  asked for in this order, the next one where there is no capacity")
    types = max(14, *(len(visible(rung.type)) for rung in plan.rungs))
    zones = max(len(visible(rung.zone)) for rung in plan.rungs)
    for number, rung in enumerate(plan.rungs, 1):
        place = f"{visible(rung.zone):<{zones}}  {visible(rung.subnet)}"
        price = f"{rung.usd_per_hour:8.4f}"
        yield f" {number:4d}  {visible(rung.type):<{types}}{price}  {rung.market:<9}  {place}"


def _time(plan: MachinePlan) -> Iterator[str]:
    if not plan.phases:
        return
    total = units.duration(sum(phase.seconds for phase in plan.phases))
    yield from ("", *_row("time", f"about {total} in all"))
    wide = max(14, *(len(visible(phase.phase)) for phase in plan.phases))
    for phase in plan.phases:
        yield from _hanging(
            f"    {visible(phase.phase):<{wide}}  {units.duration(phase.seconds):>8}  ", phase.basis
        )


def _money(plan: MachinePlan) -> Iterator[str]:
    yield from _row("price", f"about {units.money(plan.usd_estimate)}, by {plan.prices_from}")
    dearest = max((rung.usd_per_hour for rung in plan.rungs), default=0.0)
    cheapest = plan.rungs[0].usd_per_hour if plan.rungs else 0.0
    if dearest > cheapest > 0:
        yield from _notes([f"the dearest machine asked for is {units.money(dearest)} an hour"])
    if plan.volume.usd_per_hour:
        yield from _notes([f"the volume's share is {units.money(plan.volume.usd_per_hour)} an hour"])
    yield from _row("budget", _budget(plan))


def _budget(plan: MachinePlan) -> str:
    if plan.budget_usd is None and plan.budget_left_usd is None:
        return "none set"
    parts = []
    if plan.budget_usd is not None:
        parts.append(f"{units.money(plan.budget_usd)} for one run")
    if plan.budget_left_usd is not None:
        parts.append(f"{units.money(plan.budget_left_usd)} left this month")
    return ", ".join(parts)


def _until(job: Errand) -> Iterator[str]:
    yield from _row("deadline", units.timestamp(job.deadline_at))
    lease = units.timestamp(job.expires_at)
    yield from _row("lease", f"until {lease}: by then the machine is gone, whatever happens to us")


def _worth(plan: MachinePlan) -> Iterator[str]:
    if plan.notes:
        yield from ("", "  worth knowing")
        yield from (line for note in plan.notes for line in _hanging("    \N{EN DASH} ", note))


# Lines ------------------------------------------------------------------------------------------------------


def _price(rung: Rung) -> str:
    return f"{rung.market} at {rung.usd_per_hour:.4f} USD an hour"


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def _row(label: str, words: str) -> Sequence[str]:
    return _hanging(f"  {label:<{_LABEL - 2}} ", words)


def _notes(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield from _hanging(" " * (_LABEL + 1) + "\N{EN DASH} ", line)


def _hanging(lead: str, words: str) -> Sequence[str]:
    """`words` behind `lead`, wrapped below themselves; a word that is too long stays whole."""
    room = max(WIDTH - len(lead), 20)
    parts = wrap(visible(words), room, break_long_words=False, break_on_hyphens=False) or [""]
    return [lead + parts[0], *(" " * len(lead) + part for part in parts[1:])]
