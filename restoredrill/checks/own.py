"""What needs no database to be judged: the backup's own time, archive and restore, the targets. Pure."""

from collections.abc import Iterable
from datetime import timedelta

from restoredrill.checks.compare import LISTED_AT_MOST, limited
from restoredrill.checks.results import judged
from restoredrill.checks.rules import finding
from restoredrill.model import CheckResult, Finding, Job, Manifest, Outcome
from restoredrill.protocols import Restored

ARCHIVE_RULES = frozenset(
    {
        "OBJECT_CORRUPT",
        "OBJECT_NOT_THERE",
        "ARCHIVE_CORRUPT",
        "ARCHIVE_UNREADABLE",
        "DATA_NOT_READ",
        "FILE_EXTRA",
        *("DUMP_EMPTY", "DUMP_CUT", "DUMP_DAMAGED", "DUMP_UNKNOWN", "DUMP_COMMAND", "CHECKSUM_DIFFERS"),
    }
)
# Those after which a restore comes to its end all the same.
GOES_ON_RULES = frozenset({"FILE_EXTRA", "CHECKSUM_DIFFERS", "DATA_NOT_READ"})
CLOCKS_DIFFER = timedelta(minutes=5)  # between the source, this machine and the vault


def out_of_time(backup: Manifest, job: Job) -> tuple[Finding, ...]:
    """What the backup's own time says against it, seen from the drill's start."""
    taken, age = f"{backup.taken_at:%Y-%m-%d %H:%M} UTC", job.started_at - backup.taken_at
    if age < -CLOCKS_DIFFER:
        message = f"the backup says it was taken at {taken}"
        return (finding("BACKUP_FROM_THE_FUTURE", backup.id, message),)
    if job.stale_after_s is not None and age.total_seconds() > job.stale_after_s:
        message = f"the newest backup was taken at {taken}, and none since"
        return (finding("BACKUP_STALE", backup.id, message),)
    return ()


def strays(keys: Iterable[str]) -> tuple[Finding, ...]:
    """Objects that lie among the backup's and that its manifest does not name."""
    found = (finding("FILE_EXTRA", key, f"{key} is there, and the manifest does not name it") for key in keys)
    return limited(found, LISTED_AT_MOST)


def of_restore(restored: Restored) -> tuple[CheckResult, ...]:
    """The checks `archive` and `restore`. The first is made while the objects stream into the second."""
    of_archive = tuple(f for f in restored.findings if f.rule in ARCHIVE_RULES)
    of_restore = tuple(f for f in restored.findings if f.rule not in ARCHIVE_RULES)
    seconds = sum(phase.seconds for phase in restored.phases)
    streaming_s = sum(phase.seconds for phase in restored.phases if phase.bytes is not None)
    harmless = f"; {len(restored.harmless)} harmless messages" if restored.harmless else ""
    well = f"everything restored without an error{harmless}"
    archive = judged("archive", of_archive, "every object as its manifest says", seconds=streaming_s)
    restore = judged("restore", of_restore, well, seconds=seconds)
    if restore.outcome is Outcome.PASSED and any(f.rule not in GOES_ON_RULES for f in of_archive):
        broken_off = {"outcome": Outcome.NOT_RUN, "detail": "broken off: what was to be restored is bad"}
        restore = restore.model_copy(update=broken_off)
    return archive, restore


def targets(job: Job, rto_s: float, rpo_s: float | None) -> tuple[CheckResult, ...]:
    """The checks `rto` and `rpo`, as far as the file sets a target and something was measured."""
    asked = (("rto", job.rto_target_s, rto_s), ("rpo", job.rpo_target_s, rpo_s))
    return tuple(
        _target(name, target_s, measured_s)
        for name, target_s, measured_s in asked
        if target_s is not None and measured_s is not None
    )


def _target(name: str, target_s: float, measured_s: float) -> CheckResult:
    detail = f"{name.upper()} {measured_s:.1f} s, wanted {target_s:g} s at most"
    missed = () if measured_s <= target_s else (finding(TARGET_RULES[name], f"drill.{name}", detail),)
    return judged(name, missed, detail).model_copy(update={"kind": "target"})


TARGET_RULES = {"rto": "RTO_EXCEEDED", "rpo": "RPO_EXCEEDED"}
