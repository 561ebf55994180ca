"""The vocabulary: documents that live in the vault and values that travel between layers.

Documents carry their schema's name, so that a reader knows what it has.
"""

import re
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from restoredrill.document import Document
from restoredrill.known import Before, CoverageFacts, IgnoreSpec, IgnoreUse, Picked, Tier
from restoredrill.plan import MachinePlan, Market

# Ids --------------------------------------------------------------------------------------------------------

ID_PATTERN = re.compile(r"^\d{8}T\d{6}Z-[0-9a-f]{4,16}$")


def make_id(at: datetime, suffix: str) -> str:
    """An id that sorts by time: `20260923T031500Z-7f3a` from an aware UTC time and hex digits."""
    return f"{at:%Y%m%dT%H%M%SZ}-{suffix}"


# What a backup is -------------------------------------------------------------------------------------------


class StoredFile(Document):
    """One object of a backup.

    `name` is the file's path as `pg_restore` wants it (`toc.dat`, `3412.dat.zst`, `globals.sql.zst`), `key`
    its place below the backup's prefix (`data/3412.dat.zst.age`). `size_bytes` and `sha256` describe the
    stored, possibly sealed bytes; `plain_bytes` counts them before sealing.
    """

    name: str
    key: str
    size_bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    plain_bytes: int = Field(ge=0)


class Extension(Document):
    """An extension installed in the source database."""

    name: str
    version: str
    schema_name: str


class ServerFacts(Document):
    """What a target must be like to hold the database: taken from the source's own catalogues."""

    engine: Literal["postgres"] = "postgres"
    version: str  # "17.10"
    version_num: int  # 170010
    database: str  # its name on the source
    encoding: str
    collate: str
    ctype: str
    locale_provider: Literal["libc", "icu", "builtin"] = "libc"
    locale: str | None = None  # of the provider, where it is not libc
    collation_version: str | None = None
    size_bytes: int = Field(ge=0)  # pg_database_size
    extensions: tuple[Extension, ...] = ()
    roles: tuple[str, ...] = ()  # roles that own or are granted something
    data_checksums: bool = False
    bootstrap: str = "postgres"  # the superuser that initdb made: some things only it may own or grant

    @property
    def major(self) -> int:
        return self.version_num // 10000


class FingerprintLevel(StrEnum):
    """How much of the source a fingerprint pins down."""

    CONTENT = "content"
    ROWS = "rows"
    NONE = "none"


class TableFingerprint(Document):
    """One table that holds rows itself (a plain table or a leaf partition)."""

    table: str  # quoted, qualified: public.orders, "Odd ""schema"".t
    rows: int = Field(ge=0)
    digest: str | None = None  # None at level rows


class Fingerprint(Document):
    """What was in the dump's own snapshot: rows, content, sequences and the inventory of objects.

    `objects` maps a kind ("table", "index", …) to {identity: digest of its definition}; `sequences` maps a
    sequence to "last_value,is_called". `algorithm` names the content digest, so that a later one is never
    compared with it.
    """

    level: FingerprintLevel
    algorithm: str
    version_num: int = 0  # of the server that was read, 170010; 0: not said
    tables: tuple[TableFingerprint, ...] = ()
    sequences: dict[str, str] = Field(default_factory=dict)
    objects: dict[str, dict[str, str]] = Field(default_factory=dict)
    partition_of: dict[str, str] = Field(default_factory=dict)  # leaf partition to the table at the top
    notes: tuple[str, ...] = ()  # what it does not cover, for the report


class Manifest(Document):
    """The document whose existence makes a backup exist (promise 3)."""

    schema_: Literal["restoredrill.manifest/1"] = Field("restoredrill.manifest/1", alias="schema")
    id: str = Field(pattern=ID_PATTERN.pattern)
    database: str
    started_at: AwareDatetime
    taken_at: AwareDatetime  # when the snapshot was taken: the state that a restore brings back
    finished_at: AwareDatetime
    server: ServerFacts
    client_version: str  # of pg_dump
    files: tuple[StoredFile, ...]
    recipients: tuple[str, ...] = ()  # public keys; empty: not sealed
    fingerprint: Fingerprint
    notes: tuple[str, ...] = ()  # what a reader must know ("role passwords were not readable")
    made_by: str  # restoredrill's version

    @property
    def size_bytes(self) -> int:
        return sum(f.size_bytes for f in self.files)

    def age_s(self, now: datetime) -> float:
        """Seconds from the snapshot to `now`; a clock that is behind makes it 0, never negative."""
        return max(0.0, (now - self.taken_at).total_seconds())


# What a drill asks ------------------------------------------------------------------------------------------


class Outcome(StrEnum):
    """What became of a check."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not_run"


class Verdict(StrEnum):
    """What a drill says in the end."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


class Severity(StrEnum):
    """How bad a finding is. `info` and `low` never fail a drill."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def fails(self) -> bool:
        return self not in (Severity.INFO, Severity.LOW)


class Finding(Document):
    """One named thing that is wrong. It names objects, never rows."""

    rule: str = Field(pattern=r"^[A-Z][A-Z0-9_]+$")
    severity: Severity
    object: str
    message: str
    hint: str = ""
    ignored: str | None = None  # the reason given in the file, if it was ignored


class CheckResult(Document):
    """The answer to one question about the restored database."""

    name: str
    kind: str
    outcome: Outcome
    detail: str = ""
    seconds: float = Field(default=0.0, ge=0)
    measured: float | None = None  # the number that was judged, where there is one: rows, seconds of age
    findings: tuple[Finding, ...] = Field(default=(), exclude=True)  # gathered into the report's own list


class CheckSpec(Document):
    """A user's check as it stands in the file: `kind` is the key that was used, `options` its value,
    validated.
    """

    name: str
    kind: str
    options: dict[str, Any]


class VaultSpec(Document):
    """Where a vault is and how to open it. Secrets are references here, never values."""

    url: str
    endpoint_url: str | None = None
    region: str | None = None
    path_style: bool | None = None  # None: path style where endpoint_url is given
    profile: str | None = None
    role_arn: str | None = None
    access_key_id: str | None = None  # a reference: ${NAME} or file:PATH
    secret_access_key: str | None = None  # a reference
    sse_kms_key_id: str | None = None
    storage_class: str | None = None


class DumpsSpec(Document):
    """Where dumps lie that somebody else takes, which of the names there are dumps, and how to read them.

    `match` is a shell pattern; None: whatever looks like a dump. `database` is the one of a whole cluster's
    dump that is checked; None: the only one. `timezone` is that of the host that dumps: no dump records it.
    """

    place: VaultSpec
    name: str  # of the database, as its file is called
    match: str | None = None
    database: str | None = None
    timezone: str = "UTC"
    compare_live: bool = False  # what the live database holds lies beside the job


class Errand(Document):
    """What every piece of work says that a machine does, whatever it is."""

    database: str
    vault: VaultSpec  # with the references of whoever does the work
    provider: str
    jobs: int = Field(ge=1)
    started_at: AwareDatetime
    deadline_at: AwareDatetime
    expires_at: AwareDatetime  # the lease's end
    plan: MachinePlan | None = None  # of a machine that has to be started first

    @property
    def id(self) -> str:
        """The drill's or the backup's: what the machine carries as its tag."""
        raise NotImplementedError


class Job(Errand):
    """Everything an agent needs to drill one backup; goes out through the vault as job.json."""

    schema_: Literal["restoredrill.job/1"] = Field("restoredrill.job/1", alias="schema")
    drill: str = Field(pattern=ID_PATTERN.pattern)
    backup: str = Field(pattern=ID_PATTERN.pattern)
    decrypt_with: str | None = None  # a reference to age identities
    isolated: bool = True  # the server gets no network at all
    tier: Tier = Tier.FULL
    sample: tuple[str, ...] = ()  # tables of tier `sample`, as users write them
    checks: tuple[CheckSpec, ...] = ()
    ignore: tuple[IgnoreSpec, ...] = ()
    before: Before = Before()
    deep: bool = False  # prove keys again by query, and B-trees against their tables
    max_fall: float = Field(default=0.5, ge=0, le=1)  # share of a table's rows that may go between passes
    picked: Picked | None = None
    coverage: CoverageFacts | None = None
    stale_after_s: float | None = None  # a backup that is older was not followed by the one that was due
    rto_target_s: float | None = None
    rpo_target_s: float | None = None
    keep_s: float | None = None  # leave the server running this long after a pass
    limits_s: dict[str, float] = Field(default_factory=dict)  # the longest a phase may take, by its name
    dumps: DumpsSpec | None = None  # the backup is one of these, and not the vault's

    @property
    def id(self) -> str:
        return self.drill

    @property
    def repeated(self) -> dict[str, Any]:
        """What its report says again: the report's fields and their values."""
        names = (
            "drill",
            "database",
            "tier",
            "picked",
            "coverage",
            "rto_target_s",
            "rpo_target_s",
            "started_at",
        )
        return {name: getattr(self, name) for name in names}


class BackupJob(Errand):
    """Everything an agent needs to take one backup; goes out as jobs/<backup id>/job.json."""

    schema_: Literal["restoredrill.backup-job/1"] = Field("restoredrill.backup-job/1", alias="schema")
    backup: str = Field(pattern=ID_PATTERN.pattern)
    source_url: str  # a reference, to a secret store
    lock_timeout_s: float = 30.0
    connect_timeout_s: float = 10.0
    level: FingerprintLevel = FingerprintLevel.CONTENT
    recipients: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return self.backup


class Event(Document):
    """One line of the agent's story. `beat`: nothing new, but it lives; `interrupted`: its machine is being
    taken away.
    """

    at: AwareDatetime
    phase: str
    kind: Literal["started", "progress", "done", "note", "beat", "interrupted"]
    percent: float | None = None
    mb_per_s: float | None = None
    message: str = ""


class Lease(Document):
    """A machine that lives, and until when it may."""

    machine: str
    provider: str
    drill: str
    database: str
    started_at: AwareDatetime
    expires_at: AwareDatetime
    orphan: bool = False  # whoever used it is gone: it may be ended before its time
    detail: str = ""
    region: str = ""
    type: str = ""
    usd_per_hour: float | None = None  # None: not known, or nobody pays for it


class BackupFacts(Document):
    """The backup as the report names it."""

    id: str
    taken_at: AwareDatetime
    age_s: float
    bytes: int
    server_version: str

    @classmethod
    def of(cls, backup: Manifest, now: datetime) -> "BackupFacts":
        """The facts of `backup` as seen at `now`."""
        return cls(
            id=backup.id,
            taken_at=backup.taken_at,
            age_s=backup.age_s(now),
            bytes=backup.size_bytes,
            server_version=backup.server.version,
        )


class MachineFacts(Document):
    """The machine as the report names it; `leftovers` is what a look found after the end."""

    provider: str
    id: str
    type: str = ""
    region: str = ""
    zone: str = ""
    market: Market | None = None
    attempts: int = 1  # machines that were started, one after another
    boot_s: float | None = None  # from the call that created it to the agent's first event
    leftovers: tuple[str, ...] = ()
    swept_at: AwareDatetime | None = None  # when that look happened; None: nobody has looked yet
    url: str | None = None  # of a kept server, without a password


class Phase(Document):
    """One stretch of a drill; `bytes` is what it moved, where it moved something."""

    name: str
    seconds: float = Field(ge=0)
    bytes: int | None = None


class Cost(Document):
    """Money. Nothing for a machine that somebody owns already."""

    currency: str = "USD"
    amount: float = 0.0
    estimate: float = 0.0
    parts: dict[str, float] = Field(
        default_factory=dict
    )  # what `amount` is made of: instance, volume, requests, transfer
    prices_from: str = ""


class Report(Document):
    """What a drill found out (DESIGN section 8); every other form is made from it."""

    schema_: Literal["restoredrill.report/1"] = Field("restoredrill.report/1", alias="schema")
    drill: str
    database: str
    tier: Tier = Tier.FULL
    verdict: Verdict
    reasons: tuple[str, ...] = ()  # why not passed, most important first; or what passing rests on
    backup: BackupFacts | None = None  # None: there was none to pick
    machine: MachineFacts
    phases: tuple[Phase, ...] = ()
    rto_s: float | None = None
    rto_target_s: float | None = None
    rpo_s: float | None = None
    rpo_target_s: float | None = None
    bottleneck: str | None = None
    picked: Picked | None = None
    coverage: CoverageFacts | None = None  # before this drill
    planned: tuple[str, ...] = ()  # names of the checks that had to run
    checks: tuple[CheckResult, ...] = ()
    findings: tuple[Finding, ...] = ()
    ignores: tuple[IgnoreUse, ...] = ()  # what was told to be ignored, and what of that there was
    not_proven: tuple[str, ...] = ()  # what this verdict says nothing about
    cost: Cost = Cost()
    started_at: AwareDatetime
    finished_at: AwareDatetime
    made_by: str = ""

    @property
    def proves(self) -> bool:
        """Is this a pass that counts as proof of its backup."""
        return self.verdict is Verdict.PASSED and self.tier is Tier.FULL

    @property
    def verdict_words(self) -> str:
        """The verdict, in capitals; of a lesser tier with its name, so that nobody takes it for more."""
        less = self.tier.words
        return f"{self.verdict.value.upper()} ({less})" if less else self.verdict.value.upper()

    def to_json(self) -> str:
        """The report as JSON text, two spaces deep, keys as in DESIGN section 8."""
        return self.model_dump_json(by_alias=True, indent=2)
