"""Where sabotage happens: a good backup to copy from, and a scratch vault for the copies."""

import functools
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import zstandard
from pyrage import x25519

from restoredrill.engines.postgres.toc import data_files
from restoredrill.engines.postgres.tocfile import Entry, Toc, parse
from restoredrill.errors import ArchiveCorrupt
from restoredrill.known import Measured
from restoredrill.model import CheckSpec, Manifest
from restoredrill.protocols import Archive, Store
from restoredrill.sabotage.planting import MADE_BY, Edit
from restoredrill.vault.catalog import VaultBackups
from restoredrill.vault.layout import backup_folder, manifest_key
from restoredrill.vault.sealing import AgeSealer
from restoredrill.vault.store import VaultStore

TOC = "toc.dat"
_EDITED_AT_MOST = 64 << 20  # bytes of a file that is changed in memory
_END = b"\\."


class NotApplicable(Exception):
    """The good backup has nothing that this could be done to: which kind of thing, in a few words."""


@dataclass(frozen=True)
class Planted:
    """A broken backup, and what of the drill's request is otherwise than usual."""

    backup: str
    decrypt_with: str | None = None  # a reference to another key; "": none at all
    checks: tuple[CheckSpec, ...] = ()
    before: Measured | None = None  # what the last pass is said to have measured
    stale_after_s: float | None = None
    deadline_s: float | None = None


@dataclass(frozen=True)
class Sabotage:
    """One way to break a backup. A drill of it must not pass, for one of `rules`; without any, because a
    check did not run.
    """

    name: str
    rules: tuple[str, ...]
    make: Callable[["Bench"], Planted]


@dataclass(frozen=True)
class Bench:
    """`archive` is the good backup, its objects below `source`; copies go below `scratch`, under ids from
    `names`. `before` is what a drill of the good one has measured, `folder` a place for keys.
    """

    archive: Archive
    source: Store
    scratch: VaultStore
    names: Iterator[str] = field(repr=False)
    before: Measured
    folder: Path

    @property
    def manifest(self) -> Manifest:
        """Of the good backup."""
        return self.archive.manifest

    @functools.cached_property
    def toc(self) -> Toc:
        """Of the good backup."""
        return parse(self.read(TOC))

    def read(self, name: str) -> bytes:
        """A whole file of the good backup, unsealed."""
        return b"".join(self.archive.open(name))

    def copy(
        self,
        edits: Mapping[str, Edit] | None = None,
        *,
        without: Collection[str] = (),
        more: Mapping[str, bytes] | None = None,
        strangers: Collection[str] = (),
        manifest: Callable[[Manifest], Manifest] = lambda manifest: manifest,
    ) -> str:
        """A copy with some files changed, left out, added or sealed to somebody else, and every size and
        checksum right; its id. What is not changed is copied as it is stored. `manifest` has the last word on
        the copy's.
        """
        backup, edits = next(self.names), edits or {}
        ours = VaultBackups(self.scratch, AgeSealer(self.manifest.recipients))
        theirs = VaultBackups(self.scratch, AgeSealer([str(x25519.Identity.generate().to_public())]))
        files = []
        for file in self.manifest.files:
            if file.name in edits:
                files.append(ours.keep(backup, file.name, iter([edits[file.name](self.read(file.name))])))
            elif file.name in strangers:
                files.append(theirs.keep(backup, file.name, self.archive.open(file.name)))
            elif file.name not in without:
                stored = self.source.fetch(f"{backup_folder(self.manifest.id)}{file.key}")
                self.scratch.put(f"{backup_folder(backup)}{file.key}", stored)
                files.append(file)
        files += [ours.keep(backup, name, iter([body])) for name, body in (more or {}).items()]
        update = {"id": backup, "files": tuple(files), "made_by": MADE_BY}
        ours.publish(manifest(self.manifest.model_copy(update=update)))
        return backup

    def copy_with(self, change: Callable[[Toc], Toc], *, without: Collection[str] = ()) -> str:
        """A copy with another table of contents."""
        return self.copy({TOC: lambda toc: change(parse(toc)).dump()}, without=without)

    # What lies in the scratch vault, behind its manifest's back --------------------------------------------

    def key(self, backup: str, name: str) -> str:
        """Where a file of a copy lies."""
        file = next(file for file in self.manifest.files if file.name == name)
        return f"{backup_folder(backup)}{file.key}"

    def stored(self, backup: str, name: str) -> bytes:
        """A file of a copy as it is stored."""
        return b"".join(self.scratch.fetch(self.key(backup, name)))

    def spoil(self, backup: str, name: str, edit: Edit) -> None:
        """Change a stored object and tell nobody."""
        self._overwrite(self.key(backup, name), edit)

    def spoil_manifest(self, backup: str, edit: Edit) -> None:
        """Change a manifest as it is stored."""
        self._overwrite(manifest_key(backup), edit)

    def _overwrite(self, key: str, edit: Edit) -> None:
        self.scratch.put(key, [edit(b"".join(self.scratch.fetch(key)))])

    # Keys --------------------------------------------------------------------------------------------------

    def require_sealed(self) -> None:
        """Raises `NotApplicable` if the good backup is not encrypted."""
        if not self.manifest.recipients:
            raise NotApplicable("it is not encrypted")

    def another_key(self) -> str:
        """A reference to a private key that opens nothing here."""
        path = self.folder / "another-key"
        path.write_text(str(x25519.Identity.generate()), encoding="ascii")
        path.chmod(0o600)
        return f"file:{path}"

    # What there is to break --------------------------------------------------------------------------------

    def entries(self, desc: str, fits: Callable[[Entry], bool] = lambda entry: True) -> tuple[Entry, ...]:
        """Entries of the table of contents of this kind. Raises `NotApplicable` if there is none."""
        found = tuple(entry for entry in self.toc.entries if entry.desc == desc and fits(entry))
        if not found:
            raise NotApplicable(f"it has no {desc.lower()} that could be broken")
        return found

    @functools.cached_property
    def tables(self) -> tuple[tuple[Entry, str], ...]:
        """Tables that hold two different rows at least, each with its data file, the smallest first.

        Raises `NotApplicable`.
        """
        sizes = {file.name: file.size_bytes for file in self.manifest.files}
        by_id = {entry.dump_id: entry for entry in self.toc.entries}
        try:
            data = [one for one in data_files(self._without_large_objects(), sizes, {}) if one.files]
        except ArchiveCorrupt as error:
            raise NotApplicable(str(error)) from error
        data.sort(key=lambda one: one.size_bytes)
        found = []
        for one in data:
            if one.size_bytes <= _EDITED_AT_MOST and len(set(rows(self.read(one.files[0])))) > 1:
                found.append((by_id[one.dump_id], one.files[0]))
            if len(found) == _TABLES:
                break
        if not found:
            raise NotApplicable("it has no table with two different rows")
        return tuple(found)

    def two_tables(self) -> tuple[str, str]:
        """Their data files. Raises `NotApplicable`."""
        if len(self.tables) < _TABLES:
            raise NotApplicable("it has no two tables with rows")
        return self.tables[0][1], self.tables[1][1]

    def with_what_needs_it(self, data: Entry) -> tuple[Entry, ...]:
        """The table that these rows are of, and everything that depends on it."""
        gone = {data.dump_id, *data.dependencies[:1]}
        while True:
            more = {e.dump_id for e in self.toc.entries if gone.intersection(e.dependencies)} - gone
            if not more:
                return tuple(e for e in self.toc.entries if e.dump_id in gone)
            gone |= more

    def told_name(self, data: Entry) -> str:
        """What the fingerprint calls the table that these rows are of. Raises `NotApplicable`."""
        plain = f"{data.namespace}.{data.tag}".replace('"', "")
        for table in self.manifest.fingerprint.tables:
            if table.table.replace('"', "") == plain:
                return table.table
        raise NotApplicable("its fingerprint does not name the table")

    def _without_large_objects(self) -> Toc:
        kept = tuple(entry for entry in self.toc.entries if entry.desc == "TABLE DATA")
        return Toc(self.toc.header, kept)


_TABLES = 2  # as many as any sabotage needs


def rows(stored: bytes) -> list[bytes]:
    """The lines of a table's data file, without the one that ends it."""
    lines = unpacked(stored).split(b"\n")
    return lines[: lines.index(_END)] if _END in lines else lines[:-1]


def packed(lines: list[bytes]) -> bytes:
    """A table's data file out of such lines."""
    return zstandard.ZstdCompressor().compress(b"".join(line + b"\n" for line in (*lines, _END, b"", b"")))


def unpacked(stored: bytes) -> bytes:
    """What a data file's frames hold."""
    return zstandard.ZstdDecompressor().decompressobj(read_across_frames=True).decompress(stored)


def without(entries: Collection[Entry]) -> Callable[[Toc], Toc]:
    """A table of contents that lacks these."""
    gone = {entry.dump_id for entry in entries}
    return lambda toc: Toc(toc.header, tuple(e for e in toc.entries if e.dump_id not in gone))


def instead(old: Entry, new: Entry) -> Callable[[Toc], Toc]:
    """A table of contents in which one entry is another."""
    return lambda toc: Toc(toc.header, tuple(new if e.dump_id == old.dump_id else e for e in toc.entries))
