"""The bytes of a directory archive's table of contents (`toc.dat`): read them, write them back.

The format is that of PostgreSQL's src/bin/pg_dump/pg_backup_archiver.c (`WriteHead`, `WriteToc`, `WriteInt`,
`WriteStr`) with the directory format's extra field (pg_backup_directory.c, `_WriteExtraToc`): archive
versions 1.14 (pg_dump 13 to 15), 1.15 (16) and 1.16 (17, 18). Text is kept as it is whatever its encoding:
bytes that are not UTF-8 become lone surrogates and go back as they came.
"""

import struct
from dataclasses import dataclass
from typing import NoReturn

from restoredrill.errors import ArchiveCorrupt

MAGIC = b"PGDMP"
VERSIONS = ((1, 14), (1, 15), (1, 16))

# teSection, pg_backup.h
SECTION_NONE, SECTION_PRE_DATA, SECTION_DATA, SECTION_POST_DATA = 1, 2, 3, 4

# pg_compress_algorithm, src/include/common/compression.h
COMPRESSIONS = ("none", "gzip", "lz4", "zstd")

# archTar, pg_backup.h: a directory archive's table of contents shares the tar format's code and says so.
_FORMAT = 3

# WriteInt: a sign byte, then sizeof(int) bytes, which is 4 wherever PostgreSQL 13 or newer runs.
_INTEGER = struct.Struct("<BI")
_LARGEST = 0x7FFFFFFF


@dataclass(frozen=True, slots=True)
class Header:
    """What the file begins with.

    `created` is C's struct tm (second, minute, hour, day, month from 0, year from 1900, summer time) in the
    local time of the dumping host, whose zone is not recorded: so it is no datetime here. `level` is the gzip
    level that archives before 1.15 store in place of the algorithm (-1: the default, 0: not compressed).
    """

    version: tuple[int, int, int]
    int_size: int
    offset_size: int
    compression: str
    level: int | None
    created: tuple[int, ...]
    dbname: str | None
    remote_version: str | None
    dump_version: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One object, or one object's data. `None` and the empty string are different things in the file."""

    dump_id: int
    had_dumper: bool
    table_oid: int
    oid: int
    tag: str | None
    desc: str | None
    section: int
    definition: str | None
    drop: str | None
    copy: str | None
    namespace: str | None
    tablespace: str | None
    tableam: str | None
    relkind: int | None
    owner: str | None
    dependencies: tuple[int, ...]
    filename: str

    @property
    def has_data(self) -> bool:
        """Does pg_restore open files for it?"""
        return self.had_dumper and bool(self.filename)

    @property
    def object(self) -> str:
        """`schema.name`, unquoted, for people."""
        return ".".join(part for part in (self.namespace, self.tag) if part)


@dataclass(frozen=True, slots=True)
class Toc:
    """A whole table of contents; entries in the order of the file."""

    header: Header
    entries: tuple[Entry, ...]

    def dump(self) -> bytes:
        """The bytes of `toc.dat`; `parse(data).dump() == data`."""
        writer = _Writer()
        _write_header(writer, self.header)
        writer.integer(len(self.entries))
        for entry in self.entries:
            _write_entry(writer, entry, self.header.version)
        return bytes(writer.out)


def parse(data: bytes) -> Toc:
    """Read `toc.dat`. Raises `ArchiveCorrupt` for anything pg_dump 13 to 18 would not have written."""
    reader = _Reader(data)
    header = _read_header(reader)
    count = reader.integer()
    # An entry has 17 integers at least (numbers and lengths): nothing is made for a nonsense count.
    if not 0 <= count <= reader.left // (17 * _INTEGER.size):
        reader.fail(f"{count} entries can't be in {reader.left} bytes")
    entries = tuple(_read_entry(reader, header.version) for _ in range(count))
    if reader.left:
        reader.fail(f"{reader.left} bytes after the last entry")
    if len({entry.dump_id for entry in entries}) != count:
        reader.fail("two entries have the same id")
    return Toc(header, entries)


# Reading ----------------------------------------------------------------------------------------------------


class _Reader:
    """A place in the bytes. Nothing is allocated before it is known to be there."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def fail(self, reason: str) -> NoReturn:
        raise ArchiveCorrupt(
            "read",
            "toc.dat",
            f"{reason} (at byte {self._at})",
            hint="the backup is damaged or was not made by pg_dump 13 to 18",
        )

    def take(self, count: int) -> bytes:
        start, end = self._at, self._at + count
        if end > len(self._data):
            self.fail(f"{count} bytes wanted, {self.left} left")
        self._at = end
        return self._data[start:end]

    def byte(self) -> int:
        return self.take(1)[0]

    def integer(self) -> int:
        """A sign byte and four bytes, least significant first."""
        sign: int
        value: int
        sign, value = _INTEGER.unpack(self.take(_INTEGER.size))
        if sign > 1 or (sign and not value) or value > _LARGEST:
            self.fail("no integer as pg_dump writes it")
        return -value if sign else value

    def text(self) -> str | None:
        """A length and as many bytes; -1 is no text at all."""
        length = self.integer()
        if length < 0:
            return None if length == -1 else self.fail(f"a text of {length} bytes")
        return self.take(length).decode("utf-8", "surrogateescape")

    def number(self) -> int | None:
        """A number written as text, or nothing."""
        text = self.text()
        if text is None:
            return None
        # ASCII digits only: int() alone takes underscores, spaces and other scripts' digits, at any length.
        if not (text.isascii() and text.isdecimal() and len(text) <= 10 and text == str(int(text))):
            self.fail("no number where one belongs")
        return int(text)

    def must(self, value: int | None) -> int:
        if value is None:
            self.fail("no number where one belongs")
        return value

    def flag(self) -> bool:
        value = self.integer()
        if value not in (0, 1):
            self.fail(f"{value} is neither yes nor no")
        return value == 1


def _read_header(reader: _Reader) -> Header:
    if reader.left < len(MAGIC) or reader.take(len(MAGIC)) != MAGIC:
        reader.fail("no PostgreSQL archive")
    version = (reader.byte(), reader.byte(), reader.byte())
    if version[:2] not in VERSIONS:
        reader.fail(f"archive version {version[0]}.{version[1]} is not known")
    int_size, offset_size = reader.byte(), reader.byte()
    if int_size != _INTEGER.size - 1:
        reader.fail(f"integers of {int_size} bytes")
    if (fmt := reader.byte()) != _FORMAT:
        reader.fail(f"archive format {fmt} is no directory's")
    compression, level = _read_compression(reader, version)
    created = tuple(reader.integer() for _ in range(7))
    names = (reader.text(), reader.text(), reader.text())
    return Header(version, int_size, offset_size, compression, level, created, *names)


def _read_compression(reader: _Reader, version: tuple[int, int, int]) -> tuple[str, int | None]:
    if version < (1, 15):
        level = reader.integer()
        return ("none" if level == 0 else "gzip"), level
    algorithm = reader.byte()
    if algorithm >= len(COMPRESSIONS):
        reader.fail(f"compression {algorithm} is not known")
    return COMPRESSIONS[algorithm], None


def _read_entry(reader: _Reader, version: tuple[int, int, int]) -> Entry:
    dump_id = reader.integer()
    if dump_id <= 0:
        reader.fail(f"an entry with the id {dump_id}")
    had_dumper = reader.flag()
    table_oid, oid = reader.must(reader.number()), reader.must(reader.number())
    tag, desc = reader.text(), reader.text()
    section = reader.integer()
    if not SECTION_NONE <= section <= SECTION_POST_DATA:
        reader.fail(f"section {section} is not known")
    definition, drop, copy = reader.text(), reader.text(), reader.text()
    namespace, tablespace, tableam = reader.text(), reader.text(), reader.text()
    relkind = reader.integer() if version >= (1, 16) else None
    owner = reader.text()
    if reader.text() != "false":  # WITH OIDS, which no server since 12 has
        reader.fail("a table with oids")
    dependencies = tuple(iter(reader.number, None))
    filename = reader.text()
    if filename is None or "/" in filename or filename in (".", ".."):
        reader.fail("no file name where one belongs")
    return Entry(
        dump_id=dump_id,
        had_dumper=had_dumper,
        table_oid=table_oid,
        oid=oid,
        tag=tag,
        desc=desc,
        section=section,
        definition=definition,
        drop=drop,
        copy=copy,
        namespace=namespace,
        tablespace=tablespace,
        tableam=tableam,
        relkind=relkind,
        owner=owner,
        dependencies=dependencies,
        filename=filename,
    )


# Writing ----------------------------------------------------------------------------------------------------


class _Writer:
    """Bytes so far."""

    def __init__(self) -> None:
        self.out = bytearray()

    def integer(self, value: int) -> None:
        self.out += _INTEGER.pack(value < 0, abs(value))

    def text(self, value: str | None) -> None:
        if value is None:
            self.integer(-1)
            return
        raw = value.encode("utf-8", "surrogateescape")
        self.integer(len(raw))
        self.out += raw


def _write_header(writer: _Writer, header: Header) -> None:
    writer.out += MAGIC
    writer.out += bytes((*header.version, header.int_size, header.offset_size, _FORMAT))
    if header.level is not None:
        writer.integer(header.level)
    else:
        writer.out.append(COMPRESSIONS.index(header.compression))
    for part in header.created:
        writer.integer(part)
    for text in (header.dbname, header.remote_version, header.dump_version):
        writer.text(text)


def _write_entry(writer: _Writer, entry: Entry, version: tuple[int, int, int]) -> None:
    writer.integer(entry.dump_id)
    writer.integer(entry.had_dumper)
    for text in (str(entry.table_oid), str(entry.oid), entry.tag, entry.desc):
        writer.text(text)
    writer.integer(entry.section)
    for part in (entry.definition, entry.drop, entry.copy, entry.namespace, entry.tablespace, entry.tableam):
        writer.text(part)
    if version >= (1, 16):
        writer.integer(entry.relkind or 0)
    writer.text(entry.owner)
    writer.text("false")
    for dependency in entry.dependencies:
        writer.text(str(dependency))
    writer.text(None)
    writer.text(entry.filename)
