"""Where things lie in a vault (DESIGN section 5), and which names a vault accepts."""

import re

from restoredrill.errors import VaultError, VaultMissing
from restoredrill.model import ID_PATTERN

BACKUPS = "backups/"
DRILLS = "drills/"
JOBS = "jobs/"  # backups that a machine takes, while it does
TASKS = "tasks/"  # what became of what was to be done
MEASURED = "measured.json"
SIGNATURE = "report.dsse.json"  # beside a report, where there is a key to sign with
SCRATCH = "scratch/"  # what probes write and remove
UNFINISHED = ".unfinished"  # a folder vault's half-written files; never listed

# S3 allows 1,024 bytes for a key; the vault's own prefix needs some of them.
_LONGEST_KEY_BYTES = 900
_UNFIT = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\\]")  # control, half characters; some stores make \ a /


def checked(key: str) -> str:
    """`key` itself if it names something inside a vault, in S3 as in a folder. Raises `VaultError`.

    Keys also come out of documents in the vault, which somebody may have tampered with: `..` leads nowhere.
    """
    parts = key.split("/")
    reason = ""
    if _UNFIT.search(key):
        reason = "a key has no control characters and no backslash"
    elif "" in parts or "." in parts or ".." in parts:
        reason = "a key must be relative, without empty parts, . or .."
    elif parts[0] == UNFINISHED:
        reason = f"{UNFINISHED} is kept for half-written files"
    elif len(key.encode()) > _LONGEST_KEY_BYTES:
        reason = f"a key is at most {_LONGEST_KEY_BYTES} bytes long"
    if reason:
        raise VaultError("use", repr(key), reason, hint="only restoredrill writes into its vault")
    return key


def backup_folder(backup: str) -> str:
    """`backups/<id>/`. Raises `VaultMissing` for what can't be a backup's id."""
    return f"{BACKUPS}{_checked_id('backup', backup)}/"


def manifest_key(backup: str) -> str:
    """Where the document is that makes a backup exist."""
    return f"{backup_folder(backup)}manifest.json"


def file_key(name: str, suffix: str) -> str:
    """The place of a dump's file below its backup's folder; `suffix` is the sealer's.

    >>> file_key("3412.dat.zst", ".age"), file_key("globals.sql.zst", "")
    ('data/3412.dat.zst.age', 'globals.sql.zst')
    """
    # `pg_restore` must find nothing in data/ that is not its own.
    folder = "" if name.startswith("globals.") else "data/"
    return checked(f"{folder}{name}{suffix}")


def drill_folder(drill: str) -> str:
    """`drills/<id>/`. Raises `VaultMissing` for what can't be a drill's id."""
    return f"{DRILLS}{_checked_id('drill', drill)}/"


def job_key(drill: str) -> str:
    """What goes out to the agent."""
    return f"{drill_folder(drill)}job.json"


def events_folder(drill: str) -> str:
    """What comes back while it works."""
    return f"{drill_folder(drill)}events/"


def report_key(drill: str) -> str:
    """The report every other form is made from."""
    return f"{drill_folder(drill)}report.json"


def measured_key(drill: str) -> str:
    """What a drill has measured of the restored database, for the next one to compare with."""
    return f"{drill_folder(drill)}{MEASURED}"


def live_key(drill: str) -> str:
    """What the live database held when a drill of somebody's dump began."""
    return f"{drill_folder(drill)}live.json"


def proof_key(drill: str) -> str:
    """There where a drill has passed, and only there: a bucket can tell of it by its name alone."""
    return f"{drill_folder(drill)}passed"


def errand_folder(backup: str) -> str:
    """`jobs/<backup id>/`: where a machine that takes a backup finds its job and leaves its words."""
    return f"{JOBS}{_checked_id('backup', backup)}/"


def task_key(task: str) -> str:
    """What became of a task."""
    return f"{TASKS}{_checked_id('task', task)}.json"


def agent_log_key(folder: str, attempt: int) -> str:
    """The log of an attempt's agent, below an errand's folder."""
    return f"{folder}agent-{attempt}.log"


def console_name(attempt: int) -> str:
    """What an attempt's machine wrote on its console, as a file below an errand's folder."""
    return f"console-{attempt}.txt"


def last_part(folder: str) -> str:
    """`backups/ID/` -> `ID`."""
    return folder.rstrip("/").rpartition("/")[2]


def is_id(text: str) -> bool:
    """Can this be the id of a backup or a drill?"""
    return ID_PATTERN.fullmatch(text) is not None


def _checked_id(kind: str, text: str) -> str:
    if not is_id(text):
        hint = "ids look like 20260923T031500Z-7f3a"
        raise VaultMissing("find", f"{kind} {text!r}", "not an id", hint=hint)
    return text
