"""The interfaces between layers. Their comments are the contract."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from restoredrill.model import (
    BackupJob,
    CheckResult,
    CheckSpec,
    Cost,
    Errand,
    Event,
    Finding,
    Fingerprint,
    FingerprintLevel,
    Job,
    Lease,
    Manifest,
    Phase,
    Report,
    ServerFacts,
    StoredFile,
)
from restoredrill.outcome import BackupOutcome

# The vault --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """An object as a listing shows it; `key` is relative to the vault's URL."""

    key: str
    size_bytes: int
    modified_at: datetime


class Store(Protocol):
    """Objects below one URL. Keys are relative, `/`-separated. All methods may be called from several
    threads.

    Every method retries what can be retried (throttling, 5xx, resets, timeouts) with jitter, and then raises
    a `VaultError` of the fitting kind. Nothing is ever half visible: an object is there whole or not at all.
    """

    def put(self, key: str, chunks: Iterable[bytes]) -> None:
        """Write or replace an object from a stream of unknown length, in bounded memory, with checksums the
        store verifies.

        If `chunks` raises, the upload is aborted, nothing becomes visible, and the exception goes on.
        Happens at most once: a retry never appends or doubles.
        """

    def put_once(self, key: str, body: bytes) -> None:
        """Write a small object only if there is none. Raises `VaultConflict` if there is (even in a race)."""

    def fetch(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Stream an object or a range of it. A connection lost midway is resumed at the byte it stopped.

        Raises `VaultMissing` at the first chunk if there is none.
        """

    def list(self, prefix: str = "", *, folders: bool = False) -> Iterator[Entry]:
        """Objects whose key starts with `prefix`, ascending. With `folders` only the next path level, as
        keys ending in `/`.
        """

    def delete(self, keys: Sequence[str]) -> None:
        """Delete in the given order, missing ones silently.

        Raises `VaultHeld` before deleting anything if one of them is under retention or legal hold.
        """


class Unsealer(Protocol):
    """Opens what a `Sealer` closed."""

    def open(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Decrypt a stream. Raises `KeyWrong` at the first chunk, `ObjectCorrupt` when the stream was
        changed or cut.
        """


class Sealer(Protocol):
    """Encrypts towards public keys; can't decrypt."""

    @property
    def recipients(self) -> tuple[str, ...]:
        """The public keys; empty: bytes go through as they are."""

    @property
    def suffix(self) -> str:
        """What a sealed object's name ends with: `.age`, or nothing."""

    def seal(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Encrypt a stream in bounded memory, lazily: nothing is read ahead of what is yielded by more
        than 1 MB or so.
        """


class Backups(Protocol):
    """The backups of one vault. Keys and formats as in DESIGN section 5."""

    def keep(self, backup: str, name: str, chunks: Iterator[bytes]) -> StoredFile:
        """Seal, hash and store one file of a backup that is being taken (see `Keep`)."""

    def publish(self, manifest: Manifest) -> None:
        """Write the manifest, conditionally: from here on the backup exists. Raises `VaultConflict`."""

    def discard(self, backup: str) -> None:
        """Remove what a backup that died has left. Raises `VaultConflict` if it has a manifest."""

    def list(self) -> tuple[Manifest, ...]:
        """Every backup that exists, newest first."""

    def open(self, backup: str) -> "Archive":
        """A backup's files, verified and unsealed as they stream.

        Raises `VaultMissing`, `KeyMissing`, `KeyWrong` before any of them is read.
        """


class Journal(Protocol):
    """Where controller and agent talk: the drills of one vault."""

    def submit(self, job: Job) -> None:
        """Put the job out."""

    def emit(self, drill: str, number: int, event: Event) -> None:
        """Add the agent's event; numbers start at 1."""

    def events(self, drill: str, after: int) -> tuple[tuple[int, Event], ...]:
        """Events with a higher number than `after`, in order."""

    def save(self, report: Report, forms: Mapping[str, str]) -> None:
        """Write `report.json`, and every other form under its file name. May be repeated: the last stays."""

    def reports(self, drill: str | None = None) -> Iterator[Report]:
        """Reports, newest first; of one drill only, if given. Drills without a report are passed over."""


class Errands(Protocol):
    """Where controller and agent talk about backups that a machine takes."""

    def submit(self, job: BackupJob) -> None:
        """Put the job out."""

    def emit(self, errand: str, number: int, event: Event) -> None:
        """See `Journal.emit`."""

    def events(self, errand: str, after: int) -> tuple[tuple[int, Event], ...]:
        """See `Journal.events`."""

    def finish(self, outcome: BackupOutcome) -> None:
        """The machine's last word. May be repeated: the last stays."""

    def outcome(self, errand: str) -> BackupOutcome | None:
        """The machine's last word, if there is one yet."""


# A database to protect --------------------------------------------------------------------------------------

Keep = Callable[[str, Iterator[bytes]], StoredFile]
"""keep(name, chunks): store one file of the dump as its bytes appear. Called from several threads at once;
blocks until the file is complete and stored. If `chunks` raises, nothing is kept and the exception goes
on."""

Progress = Callable[[str, float | None, float | None], None]
"""progress(message, percent or None, MB/s or None); cheap, may be called often and from any thread."""


@dataclass(frozen=True)
class Dumped:
    """What `Snapshot.dump` hands back: every file kept, `globals.sql.zst` included, and what a reader
    must know.
    """

    files: tuple[StoredFile, ...]
    client_version: str
    notes: tuple[str, ...] = ()


class Snapshot(Protocol):
    """A database at one instant. Everything asked of it describes exactly the same state (promise 6)."""

    @property
    def taken_at(self) -> datetime:
        """When the snapshot was taken, by the source's clock, aware UTC."""

    def facts(self) -> ServerFacts:
        """Versions, encoding, extensions, roles in use, size."""

    def dump(self, spool: Path, keep: Keep, jobs: int, progress: Progress) -> Dumped:
        """Dump data and globals through `keep`, with less than 256 MB on disk below `spool` at any time.

        Raises `SourceDenied` if something may not be read, `DumpFailed` otherwise.
        """

    def fingerprint(self, level: FingerprintLevel, jobs: int, progress: Progress) -> Fingerprint:
        """Rows, content, sequences and inventory. May run in a thread beside `dump`."""

    def describe(self) -> str:
        """Every object and its definition as text, `kind name = definition`, sorted, a line each. Two servers
        of one major say the same of the same.
        """


class Source(Protocol):
    """A database that backups are taken of. Only ever read."""

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """Open one read-only snapshot. Raises `SourceUnreachable`, `SourceDenied`."""


# A restored database ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rows:
    """An answer: column names, and rows as tuples of Python values."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


class Database(Protocol):
    """The restored database, as checks see it."""

    def query(self, sql: str, timeout_s: float, parameters: Sequence[Any] = ()) -> Rows:
        """Run one statement in a read-only transaction under a statement time-out. At most 1,000 rows come
        back.

        Raises `QueryTimeout`, `QueryFailed` (message only, never data), `ServerFailed` when the server is
        gone.
        """

    def table(self, name: str) -> str:
        """The quoted, qualified form of a table's name as a user writes it. Raises `QueryFailed` if there
        is none.
        """

    def describe(self) -> str:
        """Every object and its definition as text, a line each (see `Snapshot.describe`)."""

    @property
    def url(self) -> str:
        """A URL any libpq client understands; a Unix socket, no password. A superuser's."""

    def reader_url(self) -> str:
        """The same for a role that may read everything and change nothing."""


class Archive(Protocol):
    """A backup's files, as a target reads them: fetched, verified against the manifest and unsealed while
    they stream.
    """

    @property
    def manifest(self) -> Manifest: ...

    def open(self, name: str) -> Iterator[bytes]:
        """One file's plain bytes. Raises `ObjectCorrupt` *before* the last chunk if size or SHA-256
        differ, and remembers it.
        """

    @property
    def fetched_bytes(self) -> int:
        """Stored bytes that came out of the vault so far."""


@dataclass(frozen=True)
class Restored:
    """What became of a restore: findings (empty: clean), harmless messages, times by phase."""

    findings: tuple[Finding, ...]
    harmless: tuple[str, ...]
    phases: tuple[Phase, ...]
    bottleneck: str | None = None


@dataclass(frozen=True)
class Flaw:
    """Something that is wrong in a restored database, under a rule of checks/rules.py. Names, never rows."""

    rule: str
    object: str
    message: str


@dataclass(frozen=True)
class Examined:
    """What an engine found when it looked through a restored database: `looked_at` in a few words, and what
    it could not look at.
    """

    flaws: tuple[Flaw, ...]
    looked_at: str
    not_proven: tuple[str, ...] = ()


class Target(Protocol):
    """A throwaway server in a directory of its own. Used by one thread."""

    def start(self, facts: ServerFacts, jobs: int) -> None:
        """Make and start an empty server fit for `facts`. Raises `ToolMissing`, `ServerFailed`,
        `DiskFull`.
        """

    def restore(self, archive: Archive, jobs: int, progress: Progress) -> Restored:
        """Globals, then everything else; what is wrong with the backup is a finding.

        Raises `ServerFailed`, `DiskFull`, `VaultError`.
        """

    def fingerprint(self, level: FingerprintLevel, jobs: int, progress: Progress) -> Fingerprint:
        """The same as `Snapshot.fingerprint`, of the restored database."""

    def database(self) -> Database:
        """The restored database, for checks."""

    def stop(self) -> None:
        """End the server at once and erase its files. May be called at any time, twice, and after a crash."""


class Check(Protocol):
    """One kind of check: a function from its options and the database to a result. Never raises for a
    wrong database.
    """

    def __call__(self, spec: CheckSpec, database: Database, now: datetime) -> CheckResult: ...


# Where the work runs ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MachineState:
    """`running`, or `ended` with whatever can be said of the end (an agent's last words, an exit status).

    `reclaimed`: its owner took it away (a spot instance), which says nothing about the work: worth another
    try elsewhere.
    """

    running: bool
    detail: str = ""
    reclaimed: bool = False


class Machine(Protocol):
    """A provider of throwaway machines. Everything may be repeated. `machine` is what `launch` returned or,
    since an answer may be lost, the errand's id: what there is, is found by looking.
    """

    def launch(self, job: Errand, attempt: int = 1) -> str:
        """Start the agent with `job`; returns the machine's id at once. Lease and id are on record before
        the first wait. The same job and attempt never start a second machine.

        Raises `MachineFailed`; `CapacityMissing` when nothing that the plan names can be had.
        """

    def state(self, machine: str) -> MachineState:
        """Is it alive. An unknown id is `ended`."""

    def last_words(self, machine: str) -> str:
        """What it wrote where no agent is needed to read it: its console, its log. Empty: nothing."""

    def terminate(self, machine: str) -> None:
        """End it and erase it. Returns when it is gone; silent if it is gone already."""

    def leftovers(self, errand: str) -> tuple[str, ...]:
        """What a look finds of an errand's machines: processes, directories, volumes. Empty is the
        proof.
        """


class Estate(Protocol):
    """Everything of ours that lives somewhere, as the reaper sees it: by looking, never from notes."""

    def leases(self) -> tuple[Lease, ...]:
        """Every machine of ours (and whatever is left of one), whoever started it."""

    def terminate(self, machine: str) -> None:
        """See `Machine.terminate`; `machine` is a lease's."""

    def leftovers(self, errand: str) -> tuple[str, ...]:
        """See `Machine.leftovers`."""


Bill = Callable[[Errand, Report], Cost]
"""bill(job, report): what an errand has cost, once its machines are gone."""


EventSink = Callable[[str, str, float | None, float | None, str], None]
"""emit(phase, kind, percent, mb_per_s, message): one event of the agent's story."""

Sizes = Mapping[str, int]
