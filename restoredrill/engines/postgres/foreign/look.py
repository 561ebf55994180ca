"""What the first bytes of a dump say of it: its format, the server it comes from, when it was made. Pure.

An archive's header is that of PostgreSQL's src/bin/pg_dump/pg_backup_archiver.c (`ReadHead`), the same since
archive version 1.10 but for how compression is told. Text is that of pg_dump.c and pg_dumpall.c.
"""

import io
import re
import struct
import tarfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from restoredrill.model import ServerFacts
from restoredrill.seeing import Seen

MAGIC = b"PGDMP"
CUSTOM, DIRECTORY, TAR, PLAIN, CLUSTER = "custom", "directory", "tar", "plain", "cluster"

MEMBER = re.compile(r"(?:^|.*/)(toc\.dat|blobs(?:_\d+)?\.toc|(?:\d+|blob_\d+)\.dat(?:\.gz|\.lz4|\.zst)?)")

_FORMATS = {1: CUSTOM, 3: DIRECTORY}  # archCustom; archTar, which a directory's table of contents says, too
_BOM = b"\xef\xbb\xbf"
_HEAD_BYTES = 4096  # a dump's first comment stands above everything else
_HEAD = re.compile(rb"^-- PostgreSQL database (cluster )?dump\s*$", re.MULTILINE)
_SERVER = re.compile(rb"^-- Dumped from database version (\S+)", re.MULTILINE)
_CLIENT = re.compile(rb"^-- Dumped by pg_dump(?:all)? version (\S+)", re.MULTILINE)
_STARTED = re.compile(rb"^-- Started on (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)", re.MULTILINE)
_ENCODING = re.compile(rb"^SET client_encoding = '([A-Za-z0-9_]+)';", re.MULTILINE)
_VERSION = re.compile(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?")
_BASE_BACKUP = ("backup_label", "base.tar", "PG_VERSION", "global/pg_control", "tablespace_map")


def look(beginning: bytes) -> Seen:
    """See `protocols.Look`."""
    if beginning.startswith(MAGIC):
        return _archive(beginning)
    if _is_tar(beginning):
        return _tar(beginning)
    if beginning.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _none(
            "it is text in UTF-16, which psql can't read: made by a shell that changes what goes to a file"
        )
    return _text(beginning)


def facts(version: str = "", database: str = "", encoding: str = "") -> ServerFacts:
    """What is known of a server; a version that says nothing is `unknown` and 0."""
    match = _VERSION.match(version)
    parts = [int(part or 0) for part in match.groups()] if match else [0, 0, 0]
    # Before 10 a major was two numbers: 9.6.24 is 90624.
    number = parts[0] * 10000 + (parts[1] if parts[0] >= 10 else parts[1] * 100 + parts[2])
    return ServerFacts(
        version=version or "unknown",
        version_num=number,
        database=database,
        encoding=encoding or "UTF8",
        collate="C",
        ctype="C",
        size_bytes=0,
    )


def _none(reason: str) -> Seen:
    return Seen("", facts(), reason=reason)


# Archives -------------------------------------------------------------------------------------------------


@dataclass
class _Bytes:
    """A place in a header. Raises `struct.error` or `ValueError` at its end."""

    data: bytes
    at: int = 0

    def byte(self) -> int:
        self.at += 1
        return int(struct.unpack_from("B", self.data, self.at - 1)[0])

    def integer(self, size: int) -> int:
        sign = self.byte()
        value = sum(self.byte() << (8 * i) for i in range(size))
        return -value if sign else value

    def text(self, size: int) -> str:
        length = self.integer(size)
        if not 0 <= length <= 4096:
            return ""
        if self.at + length > len(self.data):
            raise ValueError("cut off")
        self.at += length
        return self.data[self.at - length : self.at].decode("utf-8", "replace")


def _archive(data: bytes) -> Seen:
    try:
        read = _Bytes(data, len(MAGIC))
        version = (read.byte(), read.byte(), read.byte())
        size, _, form = read.byte(), read.byte(), read.byte()
        if size > 8 or form not in _FORMATS:
            return _none(f"it says that it is a pg_dump archive of format {form}, which nobody knows")
        if version >= (1, 15, 0):
            read.byte()
        else:
            read.integer(size)
        made = [read.integer(size) for _ in range(7)]
        database, server, client = read.text(size), read.text(size), read.text(size)
    except (struct.error, ValueError):
        # Whoever restores it says so in the end; it surely is an archive.
        return Seen(CUSTOM, facts(), reason="it is cut off in its header")
    kind = _FORMATS[form]
    return Seen(
        kind,
        facts(server.split()[0] if server else "", database),
        client.split()[0] if client else "",
        _made(made),
    )


def _made(parts: list[int]) -> datetime | None:
    second, minute, hour, day, month, year, _ = parts
    with suppress(ValueError):
        return datetime(year + 1900, month + 1, day, hour, minute, min(second, 59))  # noqa: DTZ001 - no zone
    return None


def _is_tar(data: bytes) -> bool:
    return data[257:262] == b"ustar"


def _tar(data: bytes) -> Seen:
    """pg_dump's own, or a directory archive that somebody packed: extracted they are the same."""
    seen: Seen | None = None
    names: list[str] = []
    with suppress(tarfile.TarError, EOFError), tarfile.open(fileobj=io.BytesIO(data), mode="r|") as tar:
        for member in tar:
            names.append(member.name)
            if member.name.rpartition("/")[2] == "toc.dat" and (file := tar.extractfile(member)):
                seen = _archive(file.read(_HEAD_BYTES))
    if seen is not None:
        return Seen(TAR, seen.server, seen.client_version, seen.made_at, seen.reason)
    if any(MEMBER.fullmatch(name) for name in names):
        return Seen(TAR, facts())
    if any(name.startswith(_BASE_BACKUP) for name in names):
        return _none("it is a base backup, a server's files, and no dump")
    return _none("it is a tar file without pg_dump's toc.dat")


# Text -----------------------------------------------------------------------------------------------------


def _text(data: bytes) -> Seen:
    head = _HEAD.search(data.removeprefix(_BOM), 0, _HEAD_BYTES)
    if head is None or b"\0" in data[:_HEAD_BYTES]:
        return _none("it is neither an archive of pg_dump nor SQL that pg_dump or pg_dumpall has written")
    started = _STARTED.search(data)
    made_at = datetime.fromisoformat(started[1].decode()) if started else None
    kind = CLUSTER if head[1] else PLAIN
    encoding = "" if kind == CLUSTER else _first(_ENCODING, data)
    return Seen(kind, facts(_first(_SERVER, data), "", encoding), _first(_CLIENT, data), made_at)


def _first(pattern: re.Pattern[bytes], data: bytes) -> str:
    match = pattern.search(data)
    return match[1].decode("ascii", "replace") if match else ""
