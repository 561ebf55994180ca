"""The dumps below one place as backups: found, looked at, put in order. Only ever read."""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC
from zoneinfo import ZoneInfo

from restoredrill import __version__, clock
from restoredrill.dumps import checksums, names, unpack
from restoredrill.dumps.archive import DumpArchive
from restoredrill.dumps.grouping import Candidate, Grouped, PassedOver, grouped
from restoredrill.errors import (
    CloudError,
    ConfigError,
    KeyMissing,
    KeyWrong,
    ToolMissing,
    VaultConflict,
    VaultError,
    VaultMissing,
)
from restoredrill.model import DumpsSpec, Fingerprint, FingerprintLevel, Manifest, ServerFacts, StoredFile
from restoredrill.protocols import Store, Unsealer
from restoredrill.seeing import Look, Seen

UNHASHED = "0" * 64
"""In place of a SHA-256 that nobody took when the dump was made."""

TOC = "toc.dat"
_BEGINNING_BYTES = 32 * 1024  # plain bytes that are looked at
_FETCHED_BYTES = 1 << 20  # of packed ones at most: bzip2 gives nothing out before 900 KB are whole
_LOOKS_AT_ONCE = 16
_UNKNOWN = ServerFacts(
    version="unknown", version_num=0, database="", encoding="UTF8", collate="C", ctype="C", size_bytes=0
)

Unseal = Callable[[], Unsealer | None]


@dataclass(frozen=True)
class Dump:
    """A dump that was found. `manifest` is derived, `form` what it is (`custom+zstd`), `problem` why it can't
    be looked into, or why it is no dump although it is called one.
    """

    manifest: Manifest
    key: str
    form: str
    problem: str = ""


@dataclass(frozen=True)
class Found:
    """What lies there, newest first, and what was passed over."""

    dumps: tuple[Dump, ...]
    passed_over: tuple[PassedOver, ...]

    @property
    def manifests(self) -> tuple[Manifest, ...]:
        """The dumps as backups."""
        return tuple(dump.manifest for dump in self.dumps)


class DumpBackups:
    """The `Backups` of a place where somebody else puts dumps: `list` and `open`, and nothing that writes.

    `look` knows the engine's formats. The key is looked up when the first dump that needs it is opened.
    """

    def __init__(self, store: Store, spec: DumpsSpec, look: Look, unseal: Unseal) -> None:
        self._store = store
        self._spec = spec
        self._look = look
        self._unseal = unseal
        self._zone = ZoneInfo(spec.timezone)

    def list(self) -> tuple[Manifest, ...]:
        """See `Backups.list`."""
        return self.look().manifests

    def look(self) -> Found:
        """Everything that lies there. A dump whose key is not at hand is listed by its name. Raises
        `VaultError`, `ToolMissing`.
        """
        sorted_out = self._grouped()
        with ThreadPoolExecutor(_LOOKS_AT_ONCE) as pool:
            looked = list(pool.map(self._looked_at, sorted_out.candidates))
        dumps = [
            dump
            for one, dump in zip(sorted_out.candidates, looked, strict=True)
            if one.sure or not dump.problem
        ]
        none = [
            PassedOver(one.key, dump.problem)
            for one, dump in zip(sorted_out.candidates, looked, strict=True)
            if not one.sure and dump.problem
        ]
        dumps.sort(
            key=lambda dump: (dump.manifest.taken_at, dump.manifest.finished_at, dump.key), reverse=True
        )
        passed = sorted((*sorted_out.passed_over, *none, *self._uploads()), key=lambda one: one.key)
        return Found(tuple(dumps), tuple(passed))

    def require_key(self, backup: str) -> None:
        """Can the keys at hand open this dump? Raises `KeyMissing`, `KeyWrong`, and as `open` does."""
        self._seen(self._candidate(backup, self._grouped()))

    def open(self, backup: str) -> DumpArchive:
        """See `Backups.open`. Raises `VaultError` if it is no longer there as it was when it was picked."""
        there = self._grouped()
        candidate = self._candidate(backup, there)
        manifest = self._manifest(candidate, self._seen(candidate)[0])
        promises = () if candidate.folder else tuple(self._promises(candidate, there))
        return DumpArchive(self._store, candidate, manifest, self._unseal(), promises)

    def keep(self, backup: str, name: str, chunks: Iterator[bytes]) -> StoredFile:
        """Never: nothing is written here."""
        raise self._read_only("write", backup)

    def publish(self, manifest: Manifest) -> None:
        """Never: nothing is written here."""
        raise self._read_only("write", manifest.id)

    def discard(self, backup: str) -> None:
        """Never: nothing is written here."""
        raise self._read_only("delete", backup)

    # Inside -------------------------------------------------------------------------------------------------

    def _read_only(self, operation: str, backup: str) -> VaultConflict:
        return VaultConflict(operation, f"dump {backup}", f"what is in {self._spec.place.url} is only read")

    def _grouped(self) -> Grouped:
        return grouped(self._store.list(), self._spec.match)

    def _uploads(self) -> Iterator[PassedOver]:
        """Uploads that are not complete, where the store tells of them."""
        unfinished = getattr(self._store, "unfinished", None)
        with contextlib.suppress(VaultError):
            for upload in unfinished("") if unfinished is not None else ():
                yield PassedOver(upload.key, "an upload that is not complete")

    def _candidate(self, backup: str, there: Grouped) -> Candidate:
        for candidate in there.candidates:
            if candidate.id(self._zone) == backup:
                return candidate
        hint = f"`restoredrill backups {self._spec.name}` lists what is there now"
        raise VaultError(
            "find", f"dump {backup}", "it was replaced or removed since it was picked", hint=hint
        )

    def _looked_at(self, candidate: Candidate) -> Dump:
        try:
            seen, form, problem = self._seen(candidate)
        except (KeyMissing, KeyWrong, ConfigError, CloudError, ToolMissing) as error:
            seen, form, problem = Seen("", _UNKNOWN), "packed", f"not looked into: {error.reason}"
        except VaultError as error:
            if type(error) not in (VaultError, VaultMissing):
                raise
            seen, form, problem = Seen("", _UNKNOWN), "unknown", f"it can't be read: {error.reason}"
        return Dump(self._manifest(candidate, seen), candidate.key, form, problem)

    def _seen(self, candidate: Candidate) -> tuple[Seen, str, str]:
        """What its beginning says, what form it has, and what speaks against it."""
        if candidate.folder and TOC not in candidate.entries:
            return Seen("", _UNKNOWN), "directory", "it has data files of pg_dump's, and no toc.dat"
        form, beginning, why = self._beginning(candidate)
        if not beginning:
            empty = (
                "it is empty" if not candidate.size_bytes else f"it holds nothing{f': {why}' if why else ''}"
            )
            return Seen("", _UNKNOWN), form or "empty", empty
        seen = self._look(beginning)
        return seen, "+".join(part for part in (seen.kind or "unknown", form) if part), seen.reason

    def _beginning(self, candidate: Candidate) -> tuple[str, bytes, str]:
        """Layers, first plain bytes, why no more came.

        Raises `KeyMissing`, `KeyWrong` and what finding the key raises.
        """
        entry = candidate.entries[TOC] if candidate.folder else next(iter(candidate.entries.values()))
        stored = b"".join(self._store.fetch(entry.key, 0, _BEGINNING_BYTES))
        outer = unpack.layer(stored)
        if not outer:
            return "", stored, ""
        unsealer = self._unseal() if outer == unpack.AGE else None
        chunks = self._store.fetch(entry.key, 0, _FETCHED_BYTES)
        return unpack.layers(chunks, unsealer, entry.key, _BEGINNING_BYTES)

    def _promises(self, candidate: Candidate, there: Grouped) -> Iterator[checksums.Promise]:
        for where in checksums.beside(candidate.key, there.entries):
            if there.entries[where].size_bytes <= checksums.LARGEST_BYTES:
                text = b"".join(self._store.fetch(where)).decode("utf-8", "replace")
                yield from checksums.promises(candidate.key, where, text)

    def _manifest(self, candidate: Candidate, seen: Seen) -> Manifest:
        named = names.time_in(candidate.key, self._zone)
        made_at = None if seen.made_at is None else seen.made_at.replace(tzinfo=self._zone).astimezone(UTC)
        taken_at = names.best_time(named, made_at, candidate.modified_at, clock.utcnow())
        database = seen.server.database or self._spec.database or self._spec.name
        return Manifest(
            id=candidate.id(self._zone),
            database=self._spec.name,
            started_at=taken_at,
            taken_at=taken_at,
            finished_at=max(taken_at, candidate.modified_at),
            server=seen.server.model_copy(
                update={"database": database, "size_bytes": seen.server.size_bytes or candidate.size_bytes}
            ),
            client_version=seen.client_version,
            files=tuple(_file(name, candidate) for name in sorted(candidate.entries)),
            fingerprint=Fingerprint(level=FingerprintLevel.NONE, algorithm="none", notes=_NOT_PROVEN),
            notes=(candidate.key,),
            made_by=f"somebody else; found by restoredrill {__version__}",
        )


_NOT_PROVEN = (
    "structure and content: the dump was taken by somebody else, and nobody noted what was in the database",
)


def _file(name: str, candidate: Candidate) -> StoredFile:
    entry = candidate.entries[name]
    size = entry.size_bytes
    return StoredFile(name=name, key=entry.key, size_bytes=size, sha256=UNHASHED, plain_bytes=size)
