"""An archive's data files by its table of contents, and how to have the largest restored first.

Sizes decide what `pg_restore -j` does first. It takes them from the data files, and a FIFO has none: so the
table of contents it gets is written anew, with ids dealt out in the order that the sizes would have made.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from restoredrill.engines.postgres.tocfile import (
    SECTION_DATA,
    SECTION_POST_DATA,
    Entry,
    Header,
    Toc,
    parse,
)
from restoredrill.errors import ArchiveCorrupt

__all__ = [
    "DataEntry",
    "Entry",
    "Header",
    "Toc",
    "blob_lists",
    "data_files",
    "opening_order",
    "parse",
    "prioritised",
]

# What a data file's name may end in, in the order in which pg_restore looks for them (compress_io.c).
_SUFFIXES = ("", ".gz", ".lz4", ".zst")

# pg_restore takes large objects for 1024 times the size of their list (pg_backup_directory.c,
# _PrepParallelRestore).
_BLOB_FACTOR = 1024
_BLOB_LINE = re.compile(rb"\d+ (blob_\d+\.dat)")


@dataclass(frozen=True, slots=True)
class DataEntry:
    """One piece of work that reads data: the files pg_restore opens for it, in that order, as stored."""

    dump_id: int
    object: str
    files: tuple[str, ...]
    size_bytes: int


def blob_lists(toc: Toc) -> tuple[str, ...]:
    """The small files that list large objects; pg_restore needs them as real files beside `toc.dat`.

    Before 1.16 there is one at most, always under the same name, whatever the entry says (_LoadLOs).
    """
    return tuple(dict.fromkeys(name for entry in toc.entries if (name := _list_name(toc, entry))))


def data_files(toc: Toc, sizes: Mapping[str, int], lists: Mapping[str, bytes]) -> tuple[DataEntry, ...]:
    """Every entry with data, in the order of the file.

    `sizes` maps the names of the backup's files (`toc.dat`, `3412.dat.zst`) to bytes, `lists` the names of
    `blob_lists` to their content. Raises `ArchiveCorrupt` if a file is missing or a list is garbage.
    """
    return tuple(_data_entry(toc, entry, sizes, lists) for entry in toc.entries if entry.has_data)


def prioritised(toc: Toc, sizes: Mapping[str, int]) -> Toc:
    """The same archive with its ids dealt out anew, so that `pg_restore -j` starts with the largest tables
    though it can't see any size.

    pg_restore orders the work that is ready by size, largest first, then by id (TocEntrySizeCompareQsort). A
    FIFO's size is 0, so ids alone decide: here they are dealt out in the order that the sizes would have
    made. Ids of entries and dependencies on them change; the set of ids, the order of the file and
    dependencies on ids that no entry has stay. A list for `pg_restore -L` must be made from the result.
    """
    lengths = _lengths(toc, sizes)
    ranked = sorted(toc.entries, key=lambda entry: (-lengths[entry.dump_id], entry.dump_id))
    renamed = {entry.dump_id: new for entry, new in zip(ranked, sorted(lengths), strict=True)}
    return replace(toc, entries=tuple(_renumber(entry, renamed) for entry in toc.entries))


def opening_order(
    toc: Toc, entries: Iterable[DataEntry], sizes: Mapping[str, int], jobs: int
) -> tuple[DataEntry, ...]:
    """`entries` (of this very toc) in the order that `pg_restore -j JOBS` starts them when their files are
    FIFOs; with one job that is the order of the file.

    Index builds come in between, and some work has to wait for others' locks: this is no timetable.
    """
    if jobs <= 1:
        return tuple(entries)
    by_id = {entry.dump_id: entry for entry in toc.entries}

    def rank(data: DataEntry) -> tuple[int, int]:
        entry = by_id[data.dump_id]
        name = _list_name(toc, entry)
        if name is None:
            return entry.dump_id, 0
        # The list is a real file and has a size: its turn comes as soon as its large objects have been made.
        return max((m.dump_id for m in _makers(entry, by_id)), default=0), -sizes.get(name, 0)

    return tuple(sorted(entries, key=rank))


def _list_name(toc: Toc, entry: Entry) -> str | None:
    """The list's name if this is a group of large objects."""
    if entry.desc != "BLOBS" or not entry.had_dumper:
        return None
    return "blobs.toc" if toc.header.version < (1, 16) else entry.filename


def _makers(entry: Entry, by_id: Mapping[int, Entry]) -> list[Entry]:
    """Since 1.16 large objects are made by work of its own (BLOB METADATA), which has no file."""
    found = (by_id[dependency] for dependency in entry.dependencies if dependency in by_id)
    return [other for other in found if other.section == SECTION_DATA]


def _stored_name(name: str, sizes: Mapping[str, int]) -> str:
    """The name a data file is stored under: as it is or with a compression's suffix."""
    for suffix in _SUFFIXES:
        if name + suffix in sizes:
            return name + suffix
    raise ArchiveCorrupt("read", name, "the table of contents names it, but it is not in the backup")


def _data_entry(toc: Toc, entry: Entry, sizes: Mapping[str, int], lists: Mapping[str, bytes]) -> DataEntry:
    name = _list_name(toc, entry)
    if name is None:
        files: tuple[str, ...] = (_stored_name(entry.filename, sizes),)
    elif name in lists:
        files = tuple(_stored_name(blob, sizes) for blob in _blob_names(name, lists[name]))
    else:
        raise ArchiveCorrupt("read", name, "the list of large objects is not in the backup")
    return DataEntry(entry.dump_id, entry.object, files, sum(sizes[file] for file in files))


def _blob_names(name: str, content: bytes) -> list[str]:
    """File names from lines of `<oid> <file name>` (_LoadLOs)."""
    names = []
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):
        if (match := _BLOB_LINE.fullmatch(line)) is None:
            raise ArchiveCorrupt("read", name, f"line {number} names no large object")
        names.append(match[1].decode("ascii"))
    return names


def _lengths(toc: Toc, sizes: Mapping[str, int]) -> dict[int, int]:
    """What pg_restore's `dataLength` would be with real files, by id: a data file's size, and for what comes
    after the data the largest of the tables it directly depends on (repoint_table_dependencies).

    Only for what makes large objects it would be 0: pg_restore leaves them to the end, on one job.
    """
    lengths = {entry.dump_id: _length(toc, entry, sizes) for entry in toc.entries}
    by_id = {entry.dump_id: entry for entry in toc.entries}
    data = (entry for entry in toc.entries if entry.desc == "TABLE DATA" and entry.dependencies)
    table_data = {entry.dependencies[0]: entry.dump_id for entry in data}
    for entry in toc.entries:
        own = lengths[entry.dump_id]
        if entry.section == SECTION_POST_DATA:
            tables = (table_data[table] for table in entry.dependencies if table in table_data)
            lengths[entry.dump_id] = max([own, *(lengths[table] for table in tables)])
        elif _list_name(toc, entry) is not None:
            for maker in _makers(entry, by_id):
                lengths[maker.dump_id] = max(lengths[maker.dump_id], own)
    return lengths


def _length(toc: Toc, entry: Entry, sizes: Mapping[str, int]) -> int:
    name = _list_name(toc, entry)
    if name is not None:
        return sizes.get(name, 0) * _BLOB_FACTOR
    if not entry.has_data:
        return 0
    return next((sizes[entry.filename + s] for s in _SUFFIXES if entry.filename + s in sizes), 0)


def _renumber(entry: Entry, ids: Mapping[int, int]) -> Entry:
    """`entry` under its new id. What depends on nothing in the archive keeps the number: nobody has it."""
    dependencies = tuple(ids.get(dependency, dependency) for dependency in entry.dependencies)
    return replace(entry, dump_id=ids[entry.dump_id], dependencies=dependencies)
