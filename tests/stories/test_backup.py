"""Taking a backup: what is published, and what is left when something fails."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from restoredrill import backup
from restoredrill.backup import BackupRequest, MachineParts
from restoredrill.errors import DumpFailed, SecretMissing, SourceDenied, VaultConflict, VaultUnreachable
from restoredrill.model import Fingerprint, FingerprintLevel, MachineFacts, Manifest, ServerFacts, StoredFile
from restoredrill.outcome import BackupOutcome
from restoredrill.protocols import Archive, Dumped, Keep, Progress
from tests.stories.samples import NOW, MemoryErrands, backup_job, interruptible, manifest

REQUEST = BackupRequest("20260923T031500Z-7f3a", "shop", 2, FingerprintLevel.CONTENT, (), Path("/nowhere"))


class Vault:
    """A vault that remembers in which order things came."""

    def __init__(
        self, *, published: bool = False, undiscardable: bool = False, interrupted: bool = False
    ) -> None:
        self.did: list[str] = []
        self._interrupted = interrupted
        self._published = published
        self._undiscardable = undiscardable

    def keep(self, backup: str, name: str, chunks: Iterator[bytes]) -> StoredFile:
        size = sum(len(chunk) for chunk in chunks)
        self.did.append(f"kept {name}")
        return StoredFile(name=name, key=name, size_bytes=size, sha256="0" * 64, plain_bytes=size)

    def publish(self, manifest: Manifest) -> None:
        if self._published:
            raise VaultConflict("publish", manifest.id, "it is there already")
        self.did.append("published")

    def discard(self, backup: str) -> None:
        if self._interrupted:
            signal.raise_signal(signal.SIGINT)
        if self._undiscardable:
            raise VaultUnreachable("discard", backup, "no answer")
        self.did.append("discarded")

    def list(self) -> tuple[Manifest, ...]:
        raise NotImplementedError

    def open(self, backup: str) -> Archive:
        raise NotImplementedError


class Snapshot:
    """A database whose dump or fingerprint may fail."""

    taken_at = NOW

    def __init__(
        self, *, dump: BaseException | None = None, fingerprint: BaseException | None = None
    ) -> None:
        self._dump_error = dump
        self._fingerprint_error = fingerprint
        self.closed = threading.Event()
        self.dumping = threading.Event()

    def facts(self) -> ServerFacts:
        return manifest().server

    def dump(self, spool: Path, keep: Keep, jobs: int, progress: Progress) -> Dumped:
        self.dumping.set()
        first = keep("1.dat.zst", iter([b"rows"]))
        if self._dump_error is not None:
            raise self._dump_error
        while self._fingerprint_error is not None:
            progress("dumping", None, None)  # until it is told that it is for nothing
        return Dumped((first, keep("toc.dat", iter([b"toc"]))), "17.10", ("a note",))

    def describe(self) -> str:
        raise NotImplementedError

    def fingerprint(self, level: FingerprintLevel, jobs: int, progress: Progress) -> Fingerprint:
        if self._fingerprint_error is not None:
            assert self.dumping.wait(60)
            raise self._fingerprint_error
        if self._dump_error is not None:
            assert self.closed.wait(60), "the end of the snapshot ends what reads it"
        return Fingerprint(level=level, algorithm="test/1")


class Source:
    """A source with one snapshot to give."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        try:
            yield self._snapshot
        finally:
            self._snapshot.closed.set()


def silent(message: str, percent: float | None, mb_per_s: float | None) -> None:
    """Nobody looks."""


def take(snapshot: Snapshot, vault: Vault) -> Manifest:
    return backup.take(REQUEST, Source(snapshot), vault, silent)


def test_the_manifest_comes_last_and_holds_what_was_seen() -> None:
    """Promise 3: data first, manifest last."""
    vault = Vault()
    taken = take(Snapshot(), vault)
    assert vault.did == ["kept 1.dat.zst", "kept toc.dat", "published"]
    assert (taken.id, taken.taken_at, taken.notes) == (REQUEST.backup, NOW, ("a note",))
    assert [file.name for file in taken.files] == ["1.dat.zst", "toc.dat"]
    assert taken.fingerprint.algorithm == "test/1"


@pytest.mark.parametrize("error", [DumpFailed("dump", "shop", "cut off"), KeyboardInterrupt()])
def test_a_dump_that_fails_leaves_nothing_and_does_not_wait_for_the_fingerprint(error: BaseException) -> None:
    """Promise 3: half a backup is none."""
    vault = Vault()
    with pytest.raises(type(error)):
        take(Snapshot(dump=error), vault)
    assert vault.did == ["kept 1.dat.zst", "discarded"]


def test_a_fingerprint_that_fails_stops_the_dump_and_is_what_is_told() -> None:
    vault = Vault()
    with pytest.raises(SourceDenied, match=r"public\.orders"):
        take(Snapshot(fingerprint=SourceDenied("read", "public.orders", "permission denied")), vault)
    assert vault.did[-1] == "discarded"


def test_a_backup_of_the_same_id_is_not_overwritten() -> None:
    with pytest.raises(VaultConflict):
        take(Snapshot(), Vault(published=True))


def test_what_can_not_be_removed_is_said_beside_the_error() -> None:
    with pytest.raises(DumpFailed) as caught:
        take(Snapshot(dump=DumpFailed("dump", "shop", "cut off")), Vault(undiscardable=True))
    assert "prune removes it" in caught.value.__notes__[0]


def test_an_interruption_does_not_break_off_the_removal_of_half_a_backup() -> None:
    """Promise 3: it is heard when nothing is left that looks like one."""
    vault = Vault(interrupted=True)
    with interruptible(), pytest.raises(KeyboardInterrupt):
        take(Snapshot(dump=DumpFailed("dump", "shop", "cut off")), vault)
    assert vault.did[-1] == "discarded"


# On a machine


def on_machine(
    snapshot: Snapshot, errands: MemoryErrands, vault: Vault | None = None, attempt: int = 1
) -> BackupOutcome:
    parts = MachineParts(
        source=lambda: Source(snapshot),
        backups=vault or Vault(),
        errands=errands,
        spool=Path("/nowhere"),
        facts=MachineFacts(provider="ec2", id="i-0abc", type="m7i.large"),
        attempt=attempt,
    )
    return backup.on_machine(backup_job(), parts)


def test_a_backup_on_a_machine_tells_its_story_and_its_end() -> None:
    errands, vault = MemoryErrands(), Vault()
    outcome = on_machine(Snapshot(), errands, vault, attempt=2)
    assert (outcome.taken, outcome.trouble) == (True, None)
    assert (outcome.machine.type, outcome.machine.attempts) == ("m7i.large", 2)
    assert errands.outcomes == {outcome.backup: outcome}
    assert vault.did[-1] == "published"
    numbers = [number for _, number in errands.told]
    assert numbers == list(range(100_001, 100_001 + len(numbers)))
    kinds = [event.kind for event in errands.told.values()]
    assert (kinds[0], kinds[-1]) == ("started", "done")


def test_why_there_is_no_backup_is_in_the_vault_with_the_exit_status_it_has_at_home() -> None:
    errands, vault = MemoryErrands(), Vault()
    denied = SourceDenied("read", "public.orders", "permission denied", hint="grant it")
    outcome = on_machine(Snapshot(fingerprint=denied), errands, vault)
    assert not outcome.taken
    assert outcome.trouble is not None
    told = errands.outcomes[outcome.backup].trouble
    assert told is not None
    assert (str(told.error()), told.error().hint, told.error().exit_code) == (str(denied), "grant it", 1)
    assert vault.did[-1] == "discarded"


def test_a_source_whose_secret_is_not_there_is_an_outcome_too() -> None:
    def nowhere() -> Source:
        raise SecretMissing("source.url of shop", ("no such secret",))

    errands = MemoryErrands()
    parts = MachineParts(source=nowhere, backups=Vault(), errands=errands, spool=Path("/nowhere"))
    outcome = backup.on_machine(backup_job(), parts)
    assert outcome.trouble is not None
    assert "no such secret" in str(outcome.trouble.error())


def test_an_interruption_on_a_machine_leaves_nothing_and_no_outcome() -> None:
    """Its machine is being taken away: whoever waits for it sees that by other means."""
    errands, vault = MemoryErrands(), Vault()
    with pytest.raises(KeyboardInterrupt):
        on_machine(Snapshot(dump=KeyboardInterrupt()), errands, vault)
    assert errands.outcomes == {}
    assert vault.did[-1] == "discarded"
