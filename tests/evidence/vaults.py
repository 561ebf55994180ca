"""Vaults with a past: backups, drills, signatures and tasks of some months."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from restoredrill.evidence import archive
from restoredrill.evidence.coverage import Coverage, Period
from restoredrill.evidence.signing import Signer, new_key, sign
from restoredrill.known import IgnoreSpec
from restoredrill.model import BackupFacts, CheckSpec, Job, Manifest, Report, VaultSpec, Verdict
from restoredrill.records import Task, TaskState
from tests.stories.samples import manifest, report

PRIVATE, PUBLIC = new_key()
OTHER_PRIVATE, OTHER_PUBLIC = new_key()
KEY = Signer(PRIVATE)

Files = dict[str, bytes]


def at(month: int, day: int, hour: int = 3) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def identity(when: datetime) -> str:
    return f"{when:%Y%m%dT%H%M%SZ}-0001"


PERIOD = Period(
    database="shop",
    since=datetime(2026, 1, 1, tzinfo=UTC),
    until=datetime(2026, 7, 1, tzinfo=UTC),
    made_at=datetime(2026, 7, 2, tzinfo=UTC),
    made_by="restoredrill test",
)


def put_backup(files: Files, when: datetime, database: str = "shop") -> Manifest:
    made = manifest(identity(when), when).model_copy(update={"database": database})
    files[f"backups/{made.id}/manifest.json"] = made.model_dump_json(by_alias=True, indent=1).encode()
    return made


def put_drill(
    files: Files,
    when: datetime,
    backup: Manifest | None = None,
    verdict: Verdict = Verdict.PASSED,
    *,
    key: Signer | None = KEY,
    database: str = "shop",
    reason: str = "",
    rto_target_s: float = 1800,
) -> Report:
    drill = identity(when)
    told = report(verdict).model_copy(
        update={
            "drill": drill,
            "database": database,
            "started_at": when,
            "finished_at": when + timedelta(minutes=2),
            "reasons": (reason,) if reason else (),
            "backup": None if backup is None else BackupFacts.of(backup, when),
            "rto_s": 93.0 + when.day,
            "rto_target_s": rto_target_s,
            "rpo_s": 3600.0,
        }
    )
    body = told.to_json().encode()
    files[f"drills/{drill}/report.json"] = body
    put_job(files, when, backup, database=database, rto_target_s=rto_target_s)
    if key is not None:
        stored = None if backup is None else files[f"backups/{backup.id}/manifest.json"]
        files[f"drills/{drill}/report.dsse.json"] = sign(body, stored, key)
    return told


def put_job(
    files: Files,
    when: datetime,
    backup: Manifest | None = None,
    *,
    database: str = "shop",
    rto_target_s: float = 1800,
) -> None:
    job = Job(
        drill=identity(when),
        database=database,
        backup=manifest().id if backup is None else backup.id,
        vault=VaultSpec(url="s3://acme/shop", secret_access_key="${RESTORE_KEY}"),
        provider="local",
        jobs=2,
        started_at=when,
        deadline_at=when + timedelta(hours=1),
        expires_at=when + timedelta(hours=2),
        decrypt_with="file:/etc/restoredrill/age.key",
        rto_target_s=rto_target_s,
        checks=(
            CheckSpec(name="orders are there", kind="rows", options={"table": "public.orders", "min": 1}),
        ),
        ignore=(IgnoreSpec(rule="EXTENSION_VERSION", object="pg_trgm", reason="see OPS-114"),),
    )
    files[f"drills/{job.drill}/job.json"] = job.model_dump_json(by_alias=True).encode()


def put_task(
    files: Files, when: datetime, state: TaskState, reason: str = "", database: str = "shop"
) -> None:
    task = Task(
        id=identity(when),
        database=database,
        kind="drill",
        due_at=when,
        not_before=when,
        state=state,
        reason=reason,
    )
    files[f"tasks/{task.id}.json"] = task.model_dump_json(by_alias=True).encode()


def good() -> Files:
    """Half a year in order: a drill that passed every week, of a backup of the same night."""
    files: Files = {}
    for month in range(1, 7):
        for day in (5, 12, 19, 26):
            put_drill(files, at(month, day), put_backup(files, at(month, day, 1)))
    return files


def eventful() -> Files:
    """What happens: a failure, doubts, an empty month, skipped runs, drills that nobody has signed."""
    files = good()
    for name in [name for name in files if "/202603" in name or "/20260426" in name]:
        del files[name]
    old = put_backup(files, at(5, 2, 1))
    put_drill(files, at(5, 2), old, Verdict.FAILED, reason="2 rows of public.orders are missing")
    put_drill(files, at(5, 3), old, Verdict.INCONCLUSIVE, reason="no capacity in eu-central-1", key=None)
    put_drill(files, at(5, 2, 5), None, Verdict.FAILED, reason="no backup of shop is in the vault")
    put_backup(files, at(6, 28, 1))
    put_job(files, at(6, 28), old, rto_target_s=900)
    put_task(files, at(3, 5), TaskState.SKIPPED, "budget: 40 USD of 40 USD a month are spent")
    put_task(files, at(3, 12), TaskState.CANCELLED, "by ops: the migration of the vault")
    put_task(files, at(4, 5), TaskState.DONE)
    put_task(files, at(4, 6), TaskState.SKIPPED, "of another database", database="blog")
    put_drill(files, at(2, 2), put_backup(files, at(2, 2, 1), "blog"), database="blog")
    return files


def store(files: Mapping[str, bytes], vault: Path) -> None:
    """Put them into a folder vault."""
    for name, body in files.items():
        path = vault / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)


def documents(files: Files, folder: str) -> Iterator[tuple[str, bytes]]:
    for name in sorted(files):
        if name.startswith(f"{folder}/"):
            yield name.split("/")[1].removesuffix(".json"), files[name]


def folders(files: Files) -> Iterator[tuple[str, Mapping[str, bytes]]]:
    for drill in sorted({name.split("/")[1] for name in files if name.startswith("drills/")}):
        start = f"drills/{drill}/"
        yield (
            drill,
            {name.removeprefix(start): body for name, body in files.items() if name.startswith(start)},
        )


def write(files: Files, path: Path, period: Period = PERIOD, key: Signer | None = KEY) -> Coverage:
    """An archive of these documents."""
    return archive.write(
        path, period, documents(files, "backups"), folders(files), documents(files, "tasks"), key
    )
