"""The story of an examination: everything a backup and a drill will need, tried out in small, each fault with
its fix.

It knows no vendor: a `Patient` brings ways to reach what is examined. What was put into the vault is taken
out again, if anybody may.
"""

import contextlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import cache, partial
from pathlib import Path
from typing import Protocol

from restoredrill import clock
from restoredrill.errors import RestoredrillError, VaultConflict, VaultDenied, VaultHeld
from restoredrill.model import ServerFacts
from restoredrill.protocols import Entry, Sealer, Store, Unsealer

SKEW_MAX_S = (
    60.0  # leases and ages are counted in minutes; S3 itself refuses requests that are off by 15 minutes
)
SPOOL_BYTES = 512 * 1024**2  # a dump in passing takes up to 256 MB
# A restored database and the sorting of its largest index; fillers to free space of the file system included.
ROOM_PER_BYTE = 1.5
ROOM_BYTES_MIN = 1024**3

_GRANT = (
    "grant pg_read_all_data (14 and later), or select on every table and sequence and usage on every schema"
)


class Outcome(StrEnum):
    """What became of a probe."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"
    NOTE = "note"  # nothing that stands in the way, and worth a look


@dataclass(frozen=True)
class Probe:
    """One thing tried: what was seen and, if it failed, what to do."""

    name: str
    outcome: Outcome
    detail: str
    fix: str = ""


class Examined(Protocol):
    """A source database, as far as an examination needs it."""

    def facts(self) -> ServerFacts:
        """Connect and look. Raises `SourceUnreachable`, `SourceDenied`."""

    def unreadable(self) -> list[str]:
        """What the role may not read of what belongs in a backup, one line each."""


@dataclass(frozen=True)
class SecretState:
    """A reference in the file: where, what it lacks here, and whether everybody here can read it."""

    where: str
    lacks: tuple[str, ...] = ()
    exposed: bool = False


@dataclass(frozen=True)
class Patient:
    """One database's surroundings. What is None is not asked for by its file, and not examined.

    `client` and `server` tell the programs for a server's major version ("pg_dump 17.4 in /usr/lib/…") or
    raise `ToolMissing`. `writer`, `reader` and `pruner` open the vault with the credentials that back up,
    restore and prune.
    """

    database: str
    secrets: tuple[SecretState, ...] = ()
    source: Callable[[], Examined] | None = None
    client: Callable[[int], str] | None = None
    server: Callable[[int], str] | None = None
    writer: Callable[[], Store] | None = None
    reader: Callable[[], Store] | None = None
    pruner: Callable[[], Store] | None = None
    sealer: Callable[[], Sealer] | None = None
    unsealer: Callable[[], Unsealer] | None = None
    can_isolate: Callable[[], bool] | None = None
    spool: Path | None = None
    machines: Path | None = None
    free_bytes: Callable[[Path], int] = field(default=lambda path: shutil.disk_usage(path).free)


def examine(patient: Patient, scratch: str, now: Callable[[], datetime] = clock.utcnow) -> Iterator[Probe]:
    """Every probe, as it is done. `scratch` makes the keys in the vault unique. Raises nothing of its own.

    What needs something that failed is skipped and says so.
    """
    patient = _opened_once(patient)
    yield from _secrets(patient.secrets)
    facts = None
    if patient.source is not None:
        probes, facts = _source(patient.source)
        yield from probes
    yield from _programs(patient, facts)
    yield from _vault(patient, f"scratch/doctor-{scratch}", now)
    yield from _encryption(patient)
    yield from _room(patient, facts)
    yield from _isolation(patient)


def _opened_once(patient: Patient) -> Patient:
    """Each set of credentials opens the vault once, however many probes use it."""
    return replace(
        patient,
        writer=patient.writer and cache(patient.writer),
        reader=patient.reader and cache(patient.reader),
        pruner=patient.pruner and cache(patient.pruner),
    )


# Here -------------------------------------------------------------------------------------------------------


def _secrets(states: Sequence[SecretState]) -> Iterator[Probe]:
    for state in states:
        if state.lacks:
            missing = ", ".join(state.lacks)
            fix = "set it for this process, or mend the path and who may read it"
            yield Probe("secret", Outcome.FAILED, f"{state.where}: {missing} is not there", fix)
        elif state.exposed:
            fix = "chmod 600 that file"
            yield Probe(
                "secret", Outcome.FAILED, f"{state.where}: everybody on this host can read the file", fix
            )
        else:
            yield Probe("secret", Outcome.OK, f"{state.where}: there")


def _programs(patient: Patient, facts: ServerFacts | None) -> Iterator[Probe]:
    wanted = (("client programs", patient.client), ("server programs", patient.server))
    for name, find in wanted:
        if find is None:
            continue
        if facts is None:
            yield Probe(name, Outcome.SKIPPED, "the source's version is not known")
            continue
        yield _ask(name, partial(find, facts.major), "install the programs of that version")


def _room(patient: Patient, facts: ServerFacts | None) -> Iterator[Probe]:
    if patient.spool is not None:
        yield _free("room for dumps in passing", patient.spool, SPOOL_BYTES, patient.free_bytes)
    if patient.machines is not None:
        size = 0 if facts is None else facts.size_bytes
        needed = max(ROOM_BYTES_MIN, round(size * ROOM_PER_BYTE))
        yield _free("room for a restored database", patient.machines, needed, patient.free_bytes)


def _free(name: str, directory: Path, needed: int, free_bytes: Callable[[Path], int]) -> Probe:
    there = next(path for path in (directory.absolute(), *directory.absolute().parents) if path.exists())
    free = free_bytes(there)
    detail = f"{directory}: {_size(free)} free, {_size(needed)} needed"
    if free < needed:
        return Probe(name, Outcome.FAILED, detail, "make room, or name a larger place")
    return Probe(name, Outcome.OK, detail)


def _isolation(patient: Patient) -> Iterator[Probe]:
    if patient.can_isolate is None:
        return
    if patient.can_isolate():
        yield Probe("isolation", Outcome.OK, "a restored database gets no network")
        return
    fix = (
        "run as root or allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, on Ubuntu "
        "kernel.apparmor_restrict_unprivileged_userns=0); `drill.network: open` does without, and a restored "
        "database may then call out"
    )
    yield Probe("isolation", Outcome.FAILED, "this host can't start a program without network", fix)


# The source -------------------------------------------------------------------------------------------------


def _source(find: Callable[[], Examined]) -> tuple[list[Probe], ServerFacts | None]:
    try:
        source = find()
        facts = source.facts()
    except RestoredrillError as error:
        skipped = Probe("privileges", Outcome.SKIPPED, "the source can't be reached")
        return [_failed("source", error, "check host, port, user, password and pg_hba.conf"), skipped], None
    seen = f"PostgreSQL {facts.version}, database {facts.database}, {_size(facts.size_bytes)}"
    return [Probe("source", Outcome.OK, seen), _privileges(source)], facts


def _privileges(source: Examined) -> Probe:
    try:
        unreadable = source.unreadable()
    except RestoredrillError as error:
        return _failed("privileges", error, _GRANT)
    if not unreadable:
        return Probe("privileges", Outcome.OK, "everything that belongs in a backup can be read")
    more = f" and {len(unreadable) - 10} more" if len(unreadable) > 10 else ""
    return Probe("privileges", Outcome.FAILED, f"can't read {', '.join(unreadable[:10])}{more}", _GRANT)


# The vault --------------------------------------------------------------------------------------------------


def _vault(patient: Patient, scratch: str, now: Callable[[], datetime]) -> Iterator[Probe]:
    if patient.writer is None:
        if patient.reader is not None:
            yield _ask(
                "vault: list", partial(_lists, patient.reader), "allow s3:ListBucket to those who restore"
            )
        return
    keys = [f"{scratch}/written", f"{scratch}/once"]
    begun = now()
    written = _ask(
        "vault: write", partial(_writes, patient.writer, keys[0]), "allow s3:PutObject, also on scratch/*"
    )
    ended = now()
    yield written
    if written.outcome is Outcome.FAILED:
        yield Probe("vault: read, delete", Outcome.SKIPPED, "nothing could be written")
        return
    gone = False
    try:
        yield _ask("vault: conditional write", partial(_refuses_twice, patient.writer, keys[1]), "")
        yield from _reads(patient, keys[0], begun, ended)
        deleted = _ask(
            "vault: delete", partial(_deletes, patient, keys), "allow s3:DeleteObject to those who prune"
        )
        gone = True
        yield deleted
    finally:
        if not gone:  # interrupted midway
            with contextlib.suppress(RestoredrillError):
                patient.writer().delete(keys)


def _lists(reader: Callable[[], Store]) -> str:
    next(iter(reader().list(folders=True)), None)
    return "the restoring credentials may list"


def _writes(writer: Callable[[], Store], key: str) -> str:
    writer().put(key, [key.encode()])
    return f"{key} written"


def _refuses_twice(writer: Callable[[], Store], key: str) -> str:
    store = writer()
    store.put_once(key, b"1")
    try:
        store.put_once(key, b"2")
    except VaultConflict:
        return "a second write of the same object was refused"
    raise RestoredrillError(
        "write",
        key,
        "the store replaced an object in spite of If-None-Match",
        hint="use a store that honours it: without it two backups at once can spoil one another",
    )


def _reads(patient: Patient, key: str, begun: datetime, ended: datetime) -> Iterator[Probe]:
    who = "the restoring credentials" if patient.reader is not None else "the writer"
    find = patient.reader or patient.writer
    assert find is not None
    try:
        store = find()
        entry = next((e for e in store.list(key) if e.key == key), None)
        body = b"".join(store.fetch(key))
    except VaultDenied as error:
        if patient.reader is None:
            yield Probe("vault: read", Outcome.OK, "the writer may not read, which is fine")
        else:
            yield _failed("vault: read", error, "allow s3:ListBucket and s3:GetObject to those who restore")
        yield Probe("clock", Outcome.SKIPPED, "what was written can't be seen")
        return
    except RestoredrillError as error:
        yield _failed("vault: read", error, "check the vault's address and the network")
        return
    if entry is None or body != key.encode():
        wrong = "is not in the listing" if entry is None else "came back changed"
        yield Probe("vault: read", Outcome.FAILED, f"{key} {wrong}", "this store can't hold backups")
        return
    yield Probe("vault: read", Outcome.OK, f"{who} may list and read")
    yield _clock(entry, begun, ended)


def _clock(entry: Entry, begun: datetime, ended: datetime) -> Probe:
    """How far the store's clock is from ours, at least. Stores tell whole seconds, so one is forgiven."""
    behind_s = (begun - entry.modified_at).total_seconds() - 1.0
    ahead_s = (entry.modified_at - ended).total_seconds()
    skew_s = max(behind_s, ahead_s, 0.0)
    if skew_s > SKEW_MAX_S:
        side = "behind" if behind_s > ahead_s else "ahead of"
        detail = f"the store's clock is {skew_s:.0f} s {side} ours"
        return Probe("clock", Outcome.FAILED, detail, "let a time service (chrony) set this host's clock")
    return Probe("clock", Outcome.OK, f"within {max(skew_s, 1.0):.0f} s of the store's")


def _deletes(patient: Patient, keys: Sequence[str]) -> str:
    assert patient.writer is not None
    try:
        patient.writer().delete(keys)
        also = "; it need not, as vault.prune_as is there for that" if patient.pruner is not None else ""
        return _gone(patient, keys, f"the writer may delete{also}")
    except VaultHeld:
        return (
            f"under retention, as it should be where that is set; {keys[0]} and its like stay until it ends"
        )
    except VaultDenied:
        if patient.pruner is None:
            return f"the writer may not delete, which is fine; {', '.join(keys)} stay: delete them by hand"
    patient.pruner().delete(keys)
    return _gone(patient, keys, "the pruning credentials may delete, and the writer may not")


def _gone(patient: Patient, keys: Sequence[str], detail: str) -> str:
    find = patient.reader or patient.writer
    assert find is not None
    folder = keys[0].rpartition("/")[0]
    with contextlib.suppress(VaultDenied):
        left = sorted(entry.key for entry in find().list(f"{folder}/"))
        if left:
            raise RestoredrillError("delete", ", ".join(left), "said to be deleted, and still there")
    return detail


# Encryption -------------------------------------------------------------------------------------------------


def _encryption(patient: Patient) -> Iterator[Probe]:
    sealed: list[bytes] = []

    def seal(find: Callable[[], Sealer]) -> str:
        sealer = find()
        number = len(sealer.recipients)
        if number == 0:
            return "none asked for"
        sealed.extend(sealer.seal(iter([_PLAIN])))
        return f"to {number} public key{'' if number == 1 else 's'}"

    if patient.sealer is not None:
        yield _ask("encryption", partial(seal, patient.sealer), "mend backup.encrypt_to")
    if patient.unsealer is not None:
        fix = "give drill.decrypt_with a key that fits one of backup.encrypt_to"
        yield _ask("decryption", partial(_opens, patient.unsealer, sealed), fix)


_PLAIN = b"restoredrill doctor"


def _opens(find: Callable[[], Unsealer], sealed: Sequence[bytes]) -> str:
    unsealer = find()
    if not sealed:
        return "drill.decrypt_with is a private key; for which backups is not known here"
    if b"".join(unsealer.open(iter(sealed))) != _PLAIN:
        raise RestoredrillError("decrypt", "a test message", "it came back changed")
    return "drill.decrypt_with opens what backup.encrypt_to closes"


# Words ------------------------------------------------------------------------------------------------------


def _ask(name: str, question: Callable[[], str], fix: str) -> Probe:
    """The answer to a question; an error is a failure, and its hint the fix."""
    try:
        return Probe(name, Outcome.OK, question())
    except RestoredrillError as error:
        return _failed(name, error, fix)


def _failed(name: str, error: RestoredrillError, fix: str) -> Probe:
    return Probe(name, Outcome.FAILED, str(error), error.hint or fix)


def _size(size_bytes: int) -> str:
    return (
        f"{size_bytes / 1024**2:,.0f} MB" if size_bytes < 10 * 1024**3 else f"{size_bytes / 1024**3:,.0f} GB"
    )
