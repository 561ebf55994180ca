"""Where a database stands, from the history alone: what dashboard, alarms and metrics all say of it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from restoredrill.records import BackupRow, DrillRow


@dataclass(frozen=True)
class Standing:
    """Proven means that the newest drill which found out something passed.

    `verified` of the retained `backups` passed a drill; `usd_this_month` is what drills since its first day
    (UTC) have cost.
    """

    database: str
    proven: bool = False
    last_drill: DrillRow | None = None
    last_pass: DrillRow | None = None
    newest_backup: BackupRow | None = None
    backups: int = 0
    verified: int = 0
    oldest_unverified: BackupRow | None = None
    usd_this_month: float = 0.0

    def proof_age_s(self, now: datetime) -> float | None:
        """Since the last drill that passed; None: there was none."""
        return None if self.last_pass is None else (now - self.last_pass.finished_at).total_seconds()

    def backup_age_s(self, now: datetime) -> float | None:
        """Since the state that the newest backup holds; None: there is none."""
        return None if self.newest_backup is None else (now - self.newest_backup.taken_at).total_seconds()

    @property
    def coverage(self) -> float | None:
        """Verified of retained, 0 to 1; None: nothing is retained."""
        return self.verified / self.backups if self.backups else None


def month_of(now: datetime) -> datetime:
    """Its first moment, in UTC."""
    return now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def standing(
    database: str, drills: Sequence[DrillRow], backups: Sequence[BackupRow], now: datetime
) -> Standing:
    """Of a database's drills and retained backups, each newest first."""
    told = next((one for one in drills if one.told), None)
    passed = [one for one in drills if one.proves]
    verified = {one.backup for one in passed}
    unverified = [one for one in backups if one.backup not in verified]
    month = month_of(now)
    return Standing(
        database=database,
        proven=told is not None and told.proves,
        last_drill=drills[0] if drills else None,
        last_pass=passed[0] if passed else None,
        newest_backup=backups[0] if backups else None,
        backups=len(backups),
        verified=len(backups) - len(unverified),
        oldest_unverified=unverified[-1] if unverified else None,
        usd_this_month=sum(one.usd for one in drills if one.started_at >= month),
    )
