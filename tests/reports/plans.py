"""Plans to print: as the planner makes them, the least there may be, and as an enemy would."""

from datetime import UTC, datetime, timedelta

from restoredrill.model import (
    BackupJob,
    Extension,
    Fingerprint,
    FingerprintLevel,
    Job,
    Manifest,
    ServerFacts,
    StoredFile,
    VaultSpec,
)
from restoredrill.plan import AgentBundle, Considered, MachinePlan, Need, PhaseEstimate, Rung, Volume

STARTED = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
TAKEN = datetime(2026, 11, 26, 2, 15, tzinfo=UTC)
VAULT = VaultSpec(url="s3://acme-backups/shop", region="eu-central-1")


def manifest() -> Manifest:
    """A backup of 1.3 GB that restores to 9.2 GB."""
    return Manifest(
        id="20261126T021500Z-7f3a",
        database="shop",
        started_at=TAKEN,
        taken_at=TAKEN,
        finished_at=TAKEN + timedelta(minutes=4),
        server=ServerFacts(
            version="17.10",
            version_num=170010,
            database="shop",
            encoding="UTF8",
            collate="C.UTF-8",
            ctype="C.UTF-8",
            size_bytes=9_200_000_000,
            extensions=(Extension(name="pg_trgm", version="1.6", schema_name="public"),),
        ),
        client_version="17.10",
        files=(
            StoredFile(
                name="3412.dat.zst",
                key="data/3412.dat.zst",
                size_bytes=1_290_000_000,
                sha256="0" * 64,
                plain_bytes=8_000_000_000,
            ),
        ),
        fingerprint=Fingerprint(level=FingerprintLevel.CONTENT, algorithm="sum-md5/1"),
        made_by="restoredrill 0.2.0",
    )


def job() -> Job:
    """The drill of that backup, with targets."""
    return Job(
        drill="20261126T030000Z-51c2ab90",
        database="shop",
        backup=manifest().id,
        vault=VAULT,
        provider="ec2",
        jobs=2,
        started_at=STARTED,
        deadline_at=STARTED + timedelta(hours=2),
        expires_at=STARTED + timedelta(hours=2, minutes=15),
        rto_target_s=1800,
        rpo_target_s=93600,
    )


def backup_job() -> BackupJob:
    """A backup taken on a machine."""
    return BackupJob(
        backup="20261126T030000Z-51c2ab90",
        database="shop",
        vault=VAULT,
        provider="ec2",
        jobs=4,
        started_at=STARTED,
        deadline_at=STARTED + timedelta(hours=24),
        expires_at=STARTED + timedelta(hours=24, minutes=15),
        source_url="secretsmanager:shop/source",
    )


def bundle(postgres: str | None = "17.10") -> AgentBundle:
    """An agent as it lies in the vault."""
    return AgentBundle(
        name="restoredrill-0.2.0-linux_x86_64-py311-0123456789ab.pyz",
        version="0.2.0",
        sha256="0123456789ab" + "0" * 52,
        size_bytes=61_000_000,
        platform="linux_x86_64",
        python="3.11",
        postgres=postgres,
        extensions=("pg_trgm", "pgcrypto") if postgres else (),
    )


def plan() -> MachinePlan:
    """Three rungs on gp3, with everything said."""
    return MachinePlan(
        region="eu-central-1",
        image="ami-0a1b2c3d4e5f60718",
        image_name="debian-12-amd64-20261110-2290",
        rungs=(
            Rung(
                type="m7i.large", market="spot", zone="eu-central-1a", subnet="subnet-0a", usd_per_hour=0.0431
            ),
            Rung(
                type="m7i.large", market="spot", zone="eu-central-1b", subnet="subnet-0b", usd_per_hour=0.0455
            ),
            Rung(
                type="m7i.large",
                market="on-demand",
                zone="eu-central-1a",
                subnet="subnet-0a",
                usd_per_hour=0.1208,
            ),
        ),
        volume=Volume(gb=32, iops=3000, mb_per_s=250, usd_per_gb_month=0.0952, usd_per_mb_per_s_month=0.048),
        bundles=(bundle(),),
        security_groups=("sg-0drill",),
        instance_profile="restoredrill-shop-drill",
        owner="dba@acme.example",
        tags={"cost-centre": "4711"},
        need=Need(
            memory_bytes=4_000_000_000,
            cores=2,
            disk_bytes=29_000_000_000,
            major=17,
            extensions=("pg_trgm",),
            reasons=(
                "memory: 1.1 GB for each of 2 index builds at once, as the largest index is about 1.4 GB",
                "cores: one for each of 2 jobs",
                "disk: 9.2 GB restored, 1.4 GB for sorting, 4 GB of WAL, half as much again, and the system",
            ),
        ),
        backup=manifest().id,
        stored_bytes=1_290_000_000,
        restored_bytes=9_200_000_000,
        postgres_from="the agent's bundle: 17.10",
        notes=("the account's quota of spot vCPUs could not be read: grant servicequotas:GetServiceQuota",),
        considered=(
            Considered(type="m7i.large", usd_per_hour=0.1208, verdict="chosen: the cheapest that fits"),
            Considered(type="c7i.large", usd_per_hour=0.1018, verdict="4.0 GB of memory is not enough"),
            Considered(type="i4i.large", usd_per_hour=0.2060, verdict="fits, and is dearer"),
        ),
        reasons=("2 cores and 8.6 GB hold two index builds at once",),
        phases=(
            PhaseEstimate(phase="boot", seconds=45, basis="median of 3 earlier drills"),
            PhaseEstimate(
                phase="restore", seconds=190, basis="48 MB/s a core, 3 earlier drills of this database"
            ),
            PhaseEstimate(phase="verify", seconds=31, basis="300 MB/s, a first guess"),
        ),
        usd_estimate=0.0046,
        prices_from="pricing API, 2026-11-26",
        budget_usd=0.5,
        budget_left_usd=17.35,
    )


def bare() -> MachinePlan:
    """The least a plan may hold."""
    return MachinePlan(
        region="eu-central-1",
        image="ami-0a1b2c3d4e5f60718",
        rungs=(),
        volume=Volume(gb=1),
        bundles=(),
        instance_profile="p",
        owner="restoredrill",
        need=Need(memory_bytes=0, cores=1, disk_bytes=0, major=14),
        prices_from="table of 2026-11-20 in restoredrill 0.2.0",
    )


def hostile(words: str) -> MachinePlan:
    """`words` wherever a plan holds free text."""
    usual = plan()
    changed = {
        "region": words,
        "image": words,
        "image_name": words,
        "rungs": tuple(
            rung.model_copy(update={"type": words, "zone": words, "subnet": words}) for rung in usual.rungs
        ),
        "security_groups": (words,),
        "instance_profile": words,
        "launch_template": words,
        "owner": words,
        "tags": {words: words},
        "bundles": (bundle().model_copy(update={"name": words, "postgres": words}),),
        "need": usual.need.model_copy(update={"reasons": (words,), "extensions": (words,)}),
        "considered": (Considered(type=words, usd_per_hour=1, verdict=words),),
        "reasons": (words,),
        "phases": (PhaseEstimate(phase=words, seconds=1, basis=words),),
        "postgres_from": words,
        "notes": (words,),
        "prices_from": words,
    }
    return usual.model_copy(update=changed)
