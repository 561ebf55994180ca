"""Records to put into a history."""

from datetime import UTC, datetime, timedelta
from typing import Any

from restoredrill.model import Severity, Verdict, make_id
from restoredrill.records import Alarm, BackupRow, DrillRow, Notice, Task

NOON = datetime(2026, 9, 23, 12, tzinfo=UTC)


def at(hours: float) -> datetime:
    """That many hours after noon."""
    return NOON + timedelta(hours=hours)


def an_id(hours: float = 0, suffix: str = "7f3a") -> str:
    return make_id(at(hours), suffix)


def a_task(hours: float = 0, suffix: str = "7f3a", **changed: Any) -> Task:
    task = Task(
        id=an_id(hours, suffix), database="shop", kind="drill", due_at=at(hours), not_before=at(hours)
    )
    return task.model_copy(update=changed)


def a_drill(hours: float = 0, suffix: str = "7f3a", **changed: Any) -> DrillRow:
    row = DrillRow(
        drill=an_id(hours, suffix),
        database="shop",
        verdict=Verdict.PASSED,
        backup=an_id(hours - 1),
        backup_bytes=7,
        rows=3,
        provider="local",
        phases_s={"restore": 1.5},
        rto_s=2.5,
        rto_target_s=None,
        rpo_s=60.0,
        rpo_target_s=3600.0,
        bottleneck=None,
        usd=0.0,
        started_at=at(hours),
        finished_at=at(hours + 0.1),
    )
    return row.model_copy(update=changed)


def a_backup(hours: float = 0, suffix: str = "7f3a", **changed: Any) -> BackupRow:
    row = BackupRow(
        backup=an_id(hours, suffix),
        database="shop",
        taken_at=at(hours),
        finished_at=at(hours),
        bytes=7,
        database_bytes=70,
        rows=3,
        server_version="17.10",
    )
    return row.model_copy(update=changed)


def a_notice(key: str = "drill:1", hours: float = 0) -> Notice:
    return Notice(
        key=key,
        database="shop",
        kind="failed",
        severity=Severity.HIGH,
        title="shop: FAILED",
        body="two rows are missing: ä, \0 and '); drop table",
        at=at(hours),
    )


def an_alarm(key: str = "no_pass:shop", hours: float = 0, message: str = "no pass") -> Alarm:
    return Alarm(key=key, database="shop", severity=Severity.HIGH, message=message, since=at(hours))
