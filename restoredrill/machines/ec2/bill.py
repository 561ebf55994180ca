"""What an errand has cost, from what the account says of its machines, beside what it was estimated at."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from restoredrill import clock
from restoredrill.aws.session import Reach
from restoredrill.errors import CloudError
from restoredrill.machines.ec2 import tags
from restoredrill.machines.ec2.account import Account, Found
from restoredrill.model import Cost, Errand, Report
from restoredrill.plan import MachinePlan

LEAST_S = 60.0  # "Per-second billing", Amazon EC2 on-demand pricing: the first minute is paid whole
USD_PER_ADDRESS_HOUR = 0.005  # "Public IPv4 address", Amazon VPC pricing, November 2026: in every region
# "Requests", Amazon S3 pricing, S3 Standard in us-east-1, November 2026. Other regions differ by a fifth.
USD_PER_GET = 0.0004 / 1000
USD_PER_PUT = 0.005 / 1000
_GET_BYTES = 8 * 1024**2  # a large object is read in parts; a small one at once
_LEAST_GETS = 100
_PUTS_PER_S = 0.2  # events while there is progress
_LEAST_PUTS = 50
_NOBODY = ("", "none")  # as a report calls a machine that never was
_AT = re.compile(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)")


class Ec2Bill:
    """A `protocols.Bill`: every attempt's machine by the second, its volume, addresses, requests."""

    def __init__(self, reach: Reach) -> None:
        self._account = Account(reach)

    def __call__(self, job: Errand, report: Report) -> Cost:
        """The cost of `job`. Where the account can't be asked any more, times are the report's, and
        `prices_from` says so. Raises nothing of the cloud's: a bill must not spoil a drill.
        """
        plan = job.plan
        if plan is None:
            return Cost()
        try:
            machines, noted = self._account.instances((job.id,)), ""
        except CloudError as error:
            machines, noted = (), f"; times are the report's: {error}"
        if not machines and report.machine.id not in (*_NOBODY, job.id):
            noted = noted or "; times are the report's: EC2 lists the machine no more"
            return _told(plan, report, _from_report(plan, report), noted)
        return _told(plan, report, [_hours(one, plan, report) for one in machines], noted)


def ended_at(found: Found) -> datetime | None:
    """When it was told to end, or ended; None: EC2 does not say."""
    told = _AT.search(found.transition)
    return datetime.strptime(told[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) if told else None


def _hours(found: Found, plan: MachinePlan, report: Report) -> tuple[float, float]:
    """Hours of one machine, and its price an hour."""
    end = ended_at(found) if found.gone else clock.utcnow()
    began_at = found.born_at or report.started_at
    seconds = ((end or report.finished_at) - began_at).total_seconds()
    price = tags.usd_per_hour(found.tags)
    if price is None:
        price = _price(plan, found.type, found.zone, spot=found.spot)
    return max(LEAST_S, seconds) / 3600, price


def _from_report(plan: MachinePlan, report: Report) -> list[tuple[float, float]]:
    machine = report.machine
    seconds = max(LEAST_S, (report.finished_at - report.started_at).total_seconds())
    return [(seconds / 3600, _price(plan, machine.type, machine.zone, spot=machine.market == "spot"))]


def _price(plan: MachinePlan, type_: str, zone: str, *, spot: bool) -> float:
    """Of the plan's rung; where none fits, the dearest."""
    fits = [r for r in plan.rungs if (r.type, r.zone, r.market == "spot") == (type_, zone, spot)]
    return max((rung.usd_per_hour for rung in fits or plan.rungs), default=0.0)


def _told(plan: MachinePlan, report: Report, machines: Iterable[tuple[float, float]], noted: str) -> Cost:
    hours = list(machines)
    all_hours = sum(each for each, _ in hours)
    parts = {
        "instance": sum(each * price for each, price in hours),
        "volume": all_hours * plan.volume.usd_per_hour,
        "requests": _requests(report) if hours else 0.0,
        "transfer": 0.0,  # a gateway endpoint within the region costs nothing
    }
    if plan.public_address:
        parts["address"] = all_hours * USD_PER_ADDRESS_HOUR
    return Cost(
        amount=round(sum(parts.values()), 6),
        estimate=plan.usd_estimate,
        parts={name: round(usd, 6) for name, usd in parts.items()},
        prices_from=plan.prices_from + noted,
    )


def _requests(report: Report) -> float:
    """A guess: by the bytes that were read and the time that was reported on."""
    gets = _LEAST_GETS + (report.backup.bytes // _GET_BYTES if report.backup else 0)
    puts = _LEAST_PUTS + _PUTS_PER_S * (report.finished_at - report.started_at).total_seconds()
    return gets * USD_PER_GET + puts * USD_PER_PUT
