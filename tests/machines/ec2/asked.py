"""Errands and plans that the tests of EC2's machines share, and how to reach the stand-in."""

from datetime import UTC, datetime, timedelta
from typing import Any

from restoredrill.aws.session import Reach
from restoredrill.machines.ec2.ending import Waits
from restoredrill.model import BackupJob, Job, VaultSpec
from restoredrill.plan import AgentBundle, MachinePlan, Market, Need, Rung, Volume
from tests.cloud.world import Cloud

DRILL = "20261126T031500Z-7f3a"
OTHER = "20261126T031500Z-8a4b"
NOW = datetime(2026, 11, 26, 3, 15, tzinfo=UTC)
# The stand-in's states last looks and not seconds, so nobody has to wait for it.
QUICK = Waits(look_every_s=0.01, ended_s=120, deleted_s=120, visible_s=120)


def rung(cloud: Cloud, type_: str = "m7i.large", market: Market = "spot", zone: int = 0) -> Rung:
    return Rung(
        type=type_,
        market=market,
        zone=cloud.zones[zone],
        subnet=cloud.network.subnets[zone],
        usd_per_hour=0.04 if market == "spot" else 0.12,
    )


def plan(cloud: Cloud, *rungs: Rung, **more: Any) -> MachinePlan:
    """Two zones, spot then on demand, unless `rungs` says otherwise."""
    markets: tuple[Market, ...] = ("spot", "on-demand")
    ladder = tuple(rung(cloud, market=market, zone=zone) for market in markets for zone in (0, 1))
    said: dict[str, Any] = {
        "region": cloud.region,
        "image": cloud.image.id,
        "rungs": rungs or ladder,
        "volume": Volume(gb=40, iops=4000, mb_per_s=250, usd_per_gb_month=0.08),
        "bundles": (
            AgentBundle(
                name="restoredrill-0.3.0-linux_x86_64-py311-0123456789ab.pyz",
                version="0.3.0",
                sha256="0" * 64,
                size_bytes=1,
                platform="linux_x86_64",
                python="3.11",
            ),
        ),
        "security_groups": (cloud.network.security_group,),
        "instance_profile": "drill-machine",
        "owner": "dba@example.com",
        "tags": {"team": "données"},
        "need": Need(memory_bytes=1, cores=1, disk_bytes=1, major=17),
        "usd_estimate": 0.02,
        "prices_from": "table of 2026-11-20",
    }
    return MachinePlan(**{**said, **more})


def job(planned: MachinePlan | None, drill: str = DRILL, *, lives: timedelta = timedelta(hours=1)) -> Job:
    return Job(
        drill=drill,
        database="shop",
        backup="20261126T021500Z-0001",
        vault=VaultSpec(url="s3://vault/shop", region="us-east-1"),
        provider="ec2",
        jobs=2,
        started_at=NOW,
        deadline_at=NOW + lives,
        expires_at=NOW + lives,
        plan=planned,
    )


def backup_job(planned: MachinePlan) -> BackupJob:
    return BackupJob(
        backup=DRILL,
        database="shop",
        vault=VaultSpec(url="s3://vault/shop", region="us-east-1"),
        provider="ec2",
        jobs=2,
        started_at=NOW,
        deadline_at=NOW + timedelta(hours=1),
        expires_at=NOW + timedelta(hours=1),
        plan=planned,
        source_url="secretsmanager:shop",
    )


def reach(cloud: Cloud, *regions: str) -> Reach:
    return Reach(cloud.region, regions, endpoint_url=cloud.endpoint_url)
