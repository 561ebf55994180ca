"""What every machine of ours carries, and all that belongs to it. Whoever looks trusts these words alone."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from restoredrill import __version__
from restoredrill.model import BackupJob, Errand
from restoredrill.plan import MachinePlan, Rung

ERRAND = "restoredrill:errand"  # what has this is ours; what has it not is none of our business
KIND = "restoredrill:kind"
ATTEMPT = "restoredrill:attempt"
DATABASE = "restoredrill:database"
OWNER = "restoredrill:owner"
LAUNCHED_AT = "restoredrill:launched-at"
EXPIRES_AT = "restoredrill:expires-at"
USD_PER_HOUR = "restoredrill:usd-per-hour"
VERSION = "restoredrill:version"

_VALUE_LETTERS = 256  # "Tag restrictions", Amazon EC2 user guide


def of(job: Errand, plan: MachinePlan, attempt: int, rung: Rung) -> dict[str, str]:
    """The tags of an attempt's machine. The same words each time: they are part of what the client token
    stands for, so the launch's time is the errand's; EC2 itself knows the machine's to the second.
    """
    ours = {
        "Name": f"restoredrill {job.database} {job.id}",
        ERRAND: job.id,
        KIND: kind(job),
        ATTEMPT: str(attempt),
        DATABASE: job.database,
        OWNER: plan.owner,
        LAUNCHED_AT: stamp(job.started_at),
        EXPIRES_AT: stamp(job.expires_at),
        USD_PER_HOUR: f"{rung.usd_per_hour:.6g}",
        VERSION: __version__,
    }
    return {key: _value(value) for key, value in {**ours, **plan.tags, **_firm(ours)}.items()}


def kind(job: Errand) -> str:
    """`drill` or `backup`."""
    return "backup" if isinstance(job, BackupJob) else "drill"


def stamp(at: datetime) -> str:
    """A time as it stands in a tag: `2026-11-26T03:15:00Z`."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def time_in(tags: Mapping[str, str], key: str) -> datetime | None:
    """The time in a tag; None where there is none or it can't be read."""
    try:
        found = datetime.fromisoformat(tags.get(key, ""))
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else None


def usd_per_hour(tags: Mapping[str, str]) -> float | None:
    """The price in a tag; None where there is none or it can't be read."""
    try:
        found = float(tags.get(USD_PER_HOUR, ""))
    except ValueError:
        return None
    return found if 0 <= found < 1_000_000 else None  # no NaN either


def attempt(tags: Mapping[str, str]) -> int:
    """Which attempt; 0 where it can't be read."""
    text = tags.get(ATTEMPT, "")
    return int(text) if text.isascii() and text.isdigit() else 0


def listed(tags: Mapping[str, str]) -> list[Any]:
    """As EC2 wants them, in a fixed order."""
    return [{"Key": key, "Value": tags[key]} for key in sorted(tags)]


def read(items: Iterable[Any] | None) -> dict[str, str]:
    """As EC2 gives them."""
    return {item["Key"]: item.get("Value", "") for item in items or ()}


def _firm(ours: Mapping[str, str]) -> dict[str, str]:
    """Those of ours that a user's own never replace. `Name` is only what a console shows."""
    return {key: value for key, value in ours.items() if key != "Name"}


def _value(text: str) -> str:
    return "".join(letter if letter.isprintable() else "_" for letter in text)[:_VALUE_LETTERS]
