"""`restoredrill drill --machine ec2 --dry-run` as people type it: the plan of a real look at an account."""

import json
from pathlib import Path

import pytest

from restoredrill.plan import MachinePlan
from tests.cli.clouded import Host
from tests.cli.programs import REAL, run
from tests.cloud.world import Cloud
from tests.machines.ec2.wanted import no_price_list, price_list


@pytest.fixture
def host(tmp_path: Path, cloud: Cloud) -> Host:
    made = Host(tmp_path, cloud)
    made.put_backup()
    made.put_bundle()
    write(made)
    return made


def write(host: Host, more: str = "") -> None:
    """Its file says that drills run on this host; the command line says otherwise."""
    host.write(more)
    file = host.folder / "schedules" / "shop.yaml"
    text = file.read_text()
    file.write_text(text.replace("drill: {machine: ec2, ", "drill: {"))


def dry_run(host: Host, *more: str) -> tuple[int, str]:
    done = run(
        REAL,
        *("drill", "shop", "--machine", "ec2", "--dry-run", *more),
        cwd=host.folder,
        env=host.environment,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_plan_says_what_why_how_long_and_how_dear(host: Host) -> None:
    price_list(host.cloud, {"c7i.large": "0.0892500000", "c6id.large": "0.1008000000"})
    write(host, "market: on-demand\n    budget: {per_drill: 2, per_month: 10}")
    code, text = dry_run(host)
    assert code == 0, text
    for words in (
        *("plan: drill shop", "needs", "of memory", "2 cores", "considered", "asked for in this order"),
        *("c7i.large", "on-demand at 0.0892 USD", "pricing API", "2.00 USD for one run", "left this month"),
        *(host.cloud.image.id, host.cloud.zones[0], host.cloud.zones[1], "a first guess", "17.10"),
    ):
        assert words in text, f"{words!r} is not in\n{text}"
    assert host.cloud.instances() == []
    assert list(host.store.list("drills/")) == []


def test_without_a_price_list_the_plan_names_its_table(host: Host) -> None:
    no_price_list(host.cloud)
    code, text = dry_run(host)
    assert code == 0, text
    assert "table of 2025-03-02" in text
    assert "the pricing API does not answer" in text


def test_the_document_holds_the_whole_plan(host: Host) -> None:
    no_price_list(host.cloud)
    code, text = dry_run(host, "--json")
    assert code == 0, text
    plan = MachinePlan.model_validate(json.loads(text)["plan"]["plan"])
    assert plan.rungs
    assert plan.usd_estimate > 0
    assert plan.phases[0].phase == "provision"


def test_what_cannot_be_met_is_told_in_one_go(host: Host) -> None:
    no_price_list(host.cloud)
    host.cloud.client("ec2").delete_vpc_endpoints(VpcEndpointIds=[host.cloud.network.s3_endpoint])
    write(host, "kms_key_id: 11111111-0000-4000-8000-000000000000\n    budget: {per_drill: 0.000001}")
    code, text = dry_run(host)
    assert code == 3, text
    for words in ("no route to the bucket", "no KMS key", "no budget for it"):
        assert words in text, f"{words!r} is not in\n{text}"
    assert host.cloud.asked("ec2", "RunInstances") == []
