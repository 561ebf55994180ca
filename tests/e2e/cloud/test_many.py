"""Fifty drills at once, by one controller."""

import collections
import json
import subprocess
import sys

import pytest

from restoredrill.model import Report
from tests.e2e.cloud.site import NAME, Site
from tests.plugins.requirements import REPOSITORY

MANY = 50
LIMIT_S = 1200


@pytest.mark.timeout(LIMIT_S + 100)
def test_fifty_drills_at_once(site: Site) -> None:
    """EC2 has room for all of them; the bed boots some at a time, so most wait for their first word long."""
    site.protect(drill={"deadline": "30m"}, boot_timeout="20m", silence="5m", types=["m7i.large"])
    done = subprocess.run(
        [sys.executable, "-m", "tests.e2e.cloud.many", str(site.host.schedules), NAME, str(MANY)],
        cwd=REPOSITORY,
        env={"PATH": "/usr/bin:/bin", **site.controller},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    reports = [Report.model_validate(one) for one in told["reports"]]
    assert collections.Counter(report.verdict.value for report in reports) == {"passed": MANY}
    assert len({report.machine.id for report in reports}) == MANY
    assert len(site.cloud.instances()) == MANY
    assert told["threads_left"] == []
    looks = len(site.cloud.asked("ec2", "DescribeInstances"))
    print(f"{MANY} drills: {told['seconds']:.0f} s, {told['memory_mb']:.0f} MB, {told['cpu_s']:.0f} s of CPU")
    print(f"{looks} looks at machines, {len(site.cloud.requests)} requests in all")
    for report in reports:
        assert report.machine.leftovers == ()
    site.finish(reports[-1])
