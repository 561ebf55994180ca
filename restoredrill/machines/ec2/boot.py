"""Boot data: what cloud-init runs on a throwaway machine. Pure: the same errand and attempt, the same text.

It is a MIME message of two parts. The first is a boothook, which cloud-init runs as soon as it has read it
and which does nothing but arm the self-destruct timer; the second runs when the machine has booted. The
programs lie in onboard/, where they can be read; their comments stay behind. Nothing in it is secret:
whatever runs on the machine can read it, and so can everybody who may describe the instance.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib import resources

from restoredrill.document import Document
from restoredrill.errors import MachineFailed
from restoredrill.model import BackupJob, Errand, VaultSpec
from restoredrill.plan import AgentBundle, MachinePlan

LIMIT_BYTES = 16_384  # EC2's, before base64
ATTEMPTS_MAX = 9  # numbers of events have six digits, and an attempt takes 100,000 of them
NUMBERS = 100_000
BAKED = "/opt/restoredrill"  # where a prebaked image has the bundle, so that none need be fetched
_PATIENCE_S = 1800.0  # for a vault that does not answer; the lease ends it earlier
_BOUNDARY = "==restoredrill=="
_PLACE = re.compile(r"^@(settings|note|fetch)@$", re.MULTILINE)
_DOCSTRING = re.compile(r'^ *""".*?"""$', re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"^\s*#(?!!)")


class Parcel(Document):
    """What there is to know of a bundle in order to fetch it."""

    name: str
    sha256: str
    size_bytes: int
    platform: str
    python: str


class Note(Document):
    """`boot.json`: everything that the machine is told; the rest is in the job, in the vault."""

    errand: str
    kind: str  # drill, backup
    attempt: int
    vault: VaultSpec
    region: str
    folder: str  # of the errand in the vault: drills/<id>/
    last_event: str  # the key that is kept for the machine's own last words
    bundles: tuple[Parcel, ...]
    baked: str = BAKED
    patience_s: float = _PATIENCE_S


def user_data(job: Errand, attempt: int) -> str:
    """The boot data of one machine for `job`, as text in ASCII.

    Raises `MachineFailed` if the errand has no plan, the attempt no numbers left for its events, or if the
    text came out too long for EC2.
    """
    if job.plan is None or not 1 <= attempt <= ATTEMPTS_MAX:
        reason = f"attempt {attempt} of {ATTEMPTS_MAX}" if job.plan else "it has no plan"
        raise MachineFailed("write boot data for", job.id, reason)
    note = note_of(job, job.plan, attempt)
    values = _settings(job, job.plan)
    filled = {"settings": values, "note": _json(note), "fetch": _program("fetch.py")}
    text = _message(_filled("arm.sh", filled), _filled("boot.sh", filled))
    if len(text.encode("ascii")) > LIMIT_BYTES:
        reason = f"{len(text)} bytes are more than EC2's {LIMIT_BYTES}"
        raise MachineFailed("write boot data for", job.id, reason, hint="shorten vault.url")
    return text


def note_of(job: Errand, plan: MachinePlan, attempt: int) -> Note:
    """What the machine of one attempt is told."""
    kind = "backup" if isinstance(job, BackupJob) else "drill"
    folder = f"{'jobs' if kind == 'backup' else 'drills'}/{job.id}/"
    architecture = {"x86_64": "x86_64", "arm64": "aarch64"}[plan.architecture]
    return Note(
        errand=job.id,
        kind=kind,
        attempt=attempt,
        vault=job.vault,
        region=plan.region,
        folder=folder,
        last_event=f"{folder}events/{last_number(attempt):06d}.json",
        bundles=tuple(_parcel(b) for b in plan.bundles if b.platform == f"linux_{architecture}"),
        patience_s=min(_PATIENCE_S, _lease_s(job)),
    )


def _parcel(bundle: AgentBundle) -> Parcel:
    return Parcel.model_validate(bundle.model_dump())


def arming(expires_at: datetime, lease_s: int) -> str:
    """The program that arms the self-destruct timer anew: of a machine that is kept for a while."""
    return _filled("arm.sh", {"settings": f"RD_EXPIRES={_seconds(expires_at)}\nRD_LEASE_S={lease_s}"})


def last_number(attempt: int) -> int:
    """Of an attempt's events: what the machine says itself, when its agent can't."""
    return attempt * NUMBERS - 1


def _lease_s(job: Errand) -> int:
    return max(60, round((job.expires_at - job.started_at).total_seconds()))


def _settings(job: Errand, plan: MachinePlan) -> str:
    """Numbers and plain words only: nothing that a shell could take for something else."""
    pythons = dict.fromkeys(bundle.python for bundle in plan.bundles)
    fit = " ".join(python for python in pythons if re.fullmatch(r"3\.\d+", python))
    return "\n".join(
        (
            f"RD_EXPIRES={_seconds(job.expires_at)}",
            f"RD_LEASE_S={_lease_s(job)}",
            f"RD_SCRATCH={plan.scratch}",
            f"RD_PYTHONS='{fit}'",
        )
    )


def _seconds(at: datetime) -> int:
    return round(at.timestamp())


def _json(note: Note) -> str:
    """In one line of ASCII, and without what is empty: room is short."""
    wanted = note.model_dump(mode="json", by_alias=True, exclude_none=True)
    return json.dumps(wanted, ensure_ascii=True, separators=(",", ":"))


def _filled(name: str, values: Mapping[str, str]) -> str:
    """In one pass: what is put in may look like a placeholder and stays as it is."""
    return _PLACE.sub(lambda found: values[found[1]], _program(name))


@cache
def _program(name: str) -> str:
    """A program of onboard/ without its comments, and indented by one space a level: room is short."""
    text = resources.files(__package__).joinpath("onboard", name).read_text(encoding="utf-8")
    kept = (line for line in _DOCSTRING.sub("", text).splitlines() if not _COMMENT.match(line))
    step = 4 if name.endswith(".py") else 2
    lines = ((len(line) - len(line.lstrip()), line.strip()) for line in kept if line.strip())
    return "\n".join(" " * (indent // step) + line for indent, line in lines)


def _message(hook: str, script: str) -> str:
    parts = (("cloud-boothook", hook), ("x-shellscript", script))
    head = f'Content-Type: multipart/mixed; boundary="{_BOUNDARY}"\nMIME-Version: 1.0\n'
    body = "".join(
        f'\n--{_BOUNDARY}\nContent-Type: text/{kind}; charset="us-ascii"\n\n{text}\n' for kind, text in parts
    )
    return f"{head}{body}\n--{_BOUNDARY}--\n"
