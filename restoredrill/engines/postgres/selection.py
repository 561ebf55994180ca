"""A part of a backup as if it were the whole: the schema, and the rows of some tables with what they need.

The table of contents is rewritten on its way; the backup stays as it is.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from restoredrill.engines.postgres.layout import TOC
from restoredrill.engines.postgres.tocfile import Entry, Toc, parse
from restoredrill.errors import UsageError
from restoredrill.model import Manifest
from restoredrill.protocols import Archive

_NAME = r'(?:"(?:[^"]|"")+"|[^\s.(,;"]+)'
_TABLE = rf"({_NAME}\.{_NAME})"
_FOREIGN = re.compile(rf"ALTER TABLE (?:ONLY )?{_TABLE}\s+ADD CONSTRAINT .*? REFERENCES {_TABLE}", re.DOTALL)
_ATTACHED = re.compile(rf"ALTER TABLE (?:ONLY )?{_TABLE} ATTACH PARTITION {_TABLE}")
_LARGE_OBJECTS = ("BLOB", "BLOBS", "BLOB METADATA")


class PartialArchive:
    """An `Archive` of which only some tables have rows, and no large object is there."""

    def __init__(self, archive: Archive, tables: Collection[str]) -> None:
        """`tables` as users write them, `public.orders`. Raises `UsageError` for one that is not there."""
        self._archive = archive
        whole = parse(b"".join(archive.open(TOC)))
        self.tables = _with_what_they_need(whole, tables)
        self._toc = _reduced(whole, self.tables)
        read = {entry.filename for entry in self._toc.entries if entry.has_data}
        files = (file for file in archive.manifest.files if _is_read(file.name, read))
        self._manifest = archive.manifest.model_copy(update={"files": tuple(files)})

    @property
    def manifest(self) -> Manifest:
        """With the files that are read, and no others."""
        return self._manifest

    def open(self, name: str) -> Iterator[bytes]:
        """See `Archive.open`."""
        return iter([self._toc.dump()]) if name == TOC else self._archive.open(name)

    @property
    def fetched_bytes(self) -> int:
        """See `Archive.fetched_bytes`."""
        return self._archive.fetched_bytes


def _is_read(name: str, read: Collection[str]) -> bool:
    """Data files are stored under their name and maybe a compression's suffix."""
    if name == TOC or name.startswith("globals."):
        return True
    return name in read or name.rpartition(".")[0] in read


def _with_what_they_need(whole: Toc, tables: Collection[str]) -> frozenset[str]:
    """Unquoted, qualified names: with the partitions of each, and all that foreign keys lead to."""
    there = {entry.object for entry in whole.entries if entry.desc == "TABLE"}
    leads_to = _leads(whole)
    wanted = [_found(name, there) for name in tables]
    needed: set[str] = set()
    while wanted:
        table = wanted.pop()
        if table not in needed:
            needed.add(table)
            wanted += leads_to.get(table, ())
    return frozenset(needed)


def _found(name: str, there: Collection[str]) -> str:
    plain = _plain(name)
    for spelt in (plain, f"public.{plain}"):
        if spelt in there:
            return spelt
    hint = "name tables as schema.table in drill.sample"
    raise UsageError("sample", name, "the backup has no such table", hint=hint)


def _leads(whole: Toc) -> Mapping[str, list[str]]:
    leads: defaultdict[str, list[str]] = defaultdict(list)
    for entry in whole.entries:
        pattern = {"FK CONSTRAINT": _FOREIGN, "TABLE ATTACH": _ATTACHED}.get(entry.desc or "")
        found = pattern.search(entry.definition or "") if pattern else None
        if found:
            leads[_plain(found[1])].append(_plain(found[2]))
    return leads


def _plain(name: str) -> str:
    return name.replace('""', "\0").replace('"', "").replace("\0", '"')


def _reduced(whole: Toc, tables: Collection[str]) -> Toc:
    return Toc(whole.header, tuple(entry for entry in whole.entries if _stays(entry, tables)))


def _stays(entry: Entry, tables: Collection[str]) -> bool:
    if entry.desc == "TABLE DATA":
        return entry.object in tables
    about_large_objects = (entry.tag or "").startswith("LARGE OBJECT")
    return entry.desc not in _LARGE_OBJECTS and not about_large_objects
