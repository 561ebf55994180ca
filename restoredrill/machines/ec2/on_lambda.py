"""The reaper as a Lambda function: `handler` is what AWS calls, on a schedule that terraform/ makes.

It trusts tags and expiry only, like `restoredrill reap`; its account is the one it runs in.
"""

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from restoredrill import clock
from restoredrill.aws.session import Reach
from restoredrill.errors import CloudError, RestoredrillError
from restoredrill.machines import reaper
from restoredrill.machines.ec2.estate import AT_ONCE, Ec2Estate
from restoredrill.machines.reaper import Reaped


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """End what outlived its lease in each region of RESTOREDRILL_REGIONS (`eu-central-1,us-east-1`).

    `{"dry_run": true}` only looks. Answers with what it did, and prints the same as one line of JSON. Raises
    `CloudError` if something is still there or could not be looked at, so that AWS counts an error and its
    alarm goes off.
    """
    dry_run = event.get("dry_run") is True
    reaped, problems = _reap(_regions(), dry_run)
    summary = {
        "dry_run": dry_run,
        "regions": _regions(),
        "reaped": [_told(one) for one in reaped],
        "problems": problems,
    }
    print(json.dumps(summary))  # noqa: T201 - what a Lambda prints is its log
    left = [f"{one.lease.machine}: {one.problem}" for one in reaped if one.problem]
    if problems or left:
        raise CloudError("reap", "the account", "; ".join([*problems, *left]))
    return summary


def _regions() -> list[str]:
    """In order, each once; the function's own where none is named."""
    named = os.environ.get("RESTOREDRILL_REGIONS") or os.environ.get("AWS_REGION", "")
    return list(dict.fromkeys(word for word in named.replace(",", " ").split() if word))


def _reap(regions: Sequence[str], dry_run: bool) -> tuple[list[Reaped], list[str]]:
    """Region by region: one that can't be looked at does not save the machines of the others."""
    found: list[Reaped] = []
    problems = [] if regions else ["RESTOREDRILL_REGIONS names no region"]
    for region in regions:
        # Set by the SDK's own name for it, where the account is one that only imitates AWS.
        estate = Ec2Estate(Reach(region, endpoint_url=os.environ.get("AWS_ENDPOINT_URL")))
        try:
            if dry_run:
                found += reaper.overdue(estate.leases(), clock.utcnow())
            else:
                found += reaper.reap(estate, clock.utcnow(), _say, AT_ONCE)
        except RestoredrillError as error:
            problems.append(f"{region}: {error}")
    return found, problems


def _say(text: str) -> None:
    print(text)  # noqa: T201 - see above


def _told(one: Reaped) -> dict[str, Any]:
    lease = one.lease
    return {
        "machine": lease.machine,
        "errand": lease.drill,
        "database": lease.database,
        "region": lease.region,
        "reason": one.reason,
        "problem": one.problem,
    }
