"""What an errand has cost: what the account says, at the prices that the tags say."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from restoredrill.machines.ec2.account import Found
from restoredrill.machines.ec2.bill import USD_PER_ADDRESS_HOUR, Ec2Bill, ended_at
from restoredrill.machines.ec2.machine import Ec2Machine
from restoredrill.model import BackupFacts, Cost, MachineFacts, Report, Verdict
from tests.cloud.world import Cloud
from tests.machines.ec2.asked import DRILL, NOW, QUICK, job, plan, reach, rung


def report(machine: MachineFacts, *, lasted: timedelta = timedelta(hours=2)) -> Report:
    finished = datetime.now(UTC)
    return Report(
        drill=DRILL,
        database="shop",
        verdict=Verdict.PASSED,
        machine=machine,
        backup=BackupFacts(id="b", taken_at=NOW, age_s=1, bytes=80 * 1024**2, server_version="17.4"),
        started_at=finished - lasted,
        finished_at=finished,
    )


def aged(cloud: Cloud, identity: str, age: timedelta) -> None:
    """The machine was launched so long ago."""
    from moto.ec2.models import ec2_backends

    with cloud.gate.lock:
        found: Any = ec2_backends[cloud.account][cloud.region].get_instance(identity)
        found.launch_time = (datetime.now(UTC) - age).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def test_every_attempt_counts_by_the_second_at_its_own_price(account: Cloud) -> None:
    here = Ec2Machine(reach(account), QUICK, fresh_s=0)
    planned = plan(account, rung(account), rung(account, market="on-demand"), public_address=True)
    for attempt, hours in ((1, 1), (2, 2)):
        aged(account, here.launch(job(planned), attempt), timedelta(hours=hours))
    facts = here.facts(DRILL)
    here.terminate(DRILL)
    cost = Ec2Bill(reach(account))(job(planned), report(facts))
    assert cost.parts["instance"] == pytest.approx(1 * 0.04 + 2 * 0.12, rel=0.05)
    assert cost.parts["volume"] == pytest.approx(3 * planned.volume.usd_per_hour, rel=0.05)
    assert cost.parts["address"] == pytest.approx(3 * USD_PER_ADDRESS_HOUR, rel=0.05)
    assert 0 < cost.parts["requests"] < 0.01
    assert cost.parts["transfer"] == 0
    assert cost.amount == pytest.approx(sum(cost.parts.values()), abs=1e-5)
    assert (cost.estimate, cost.prices_from) == (0.02, "table of 2026-11-20")


def test_a_machine_of_seconds_is_paid_for_a_minute(account: Cloud) -> None:
    here = Ec2Machine(reach(account), QUICK, fresh_s=0)
    planned = plan(account, rung(account, market="on-demand"))
    here.launch(job(planned))
    here.terminate(DRILL)
    cost = Ec2Bill(reach(account))(job(planned), report(here.facts(DRILL)))
    assert cost.parts["instance"] == pytest.approx(0.12 / 60, abs=0.001)
    assert "address" not in cost.parts


def test_where_the_account_is_silent_the_report_has_the_times(account: Cloud) -> None:
    planned = plan(account)
    gone = MachineFacts(
        provider="ec2", id="i-0123456789abcdef0", type="m7i.large", zone=account.zones[0], market="spot"
    )
    bill = Ec2Bill(reach(account))
    cost = bill(job(planned), report(gone))
    assert cost.parts["instance"] == pytest.approx(2 * 0.04, rel=0.01)
    assert "lists the machine no more" in cost.prices_from
    account.fault("ec2", "DescribeInstances", "UnauthorizedOperation", 403, times=None)
    cost = bill(job(planned), report(gone))
    assert cost.parts["instance"] == pytest.approx(2 * 0.04, rel=0.01)
    assert "UnauthorizedOperation" in cost.prices_from


def test_what_never_ran_costs_nothing(account: Cloud) -> None:
    bill = Ec2Bill(reach(account))
    assert bill(job(plan(account)), report(MachineFacts(provider="ec2", id=DRILL))).amount == 0
    assert bill(job(None), report(MachineFacts(provider="ec2", id=DRILL))) == Cost()


@pytest.mark.parametrize(
    ("told", "at"),
    [
        ("User initiated (2026-11-26 03:15:00 GMT)", datetime(2026, 11, 26, 3, 15, tzinfo=UTC)),
        ("User initiated (2026-11-26 03:15:00 UTC)", datetime(2026, 11, 26, 3, 15, tzinfo=UTC)),
        ("Server.SpotInstanceTermination", None),
        ("", None),
    ],
)
def test_the_end_is_in_the_reason(told: str, at: datetime | None) -> None:
    assert ended_at(Found("instance", "i-1", "r", "terminated", {}, transition=told)) == at
