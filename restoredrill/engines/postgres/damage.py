"""Quiet damage inside a table's data file: it stays a valid archive, and COPY takes every row of it."""

import zstandard

from restoredrill.engines.postgres.toc import data_files
from restoredrill.engines.postgres.tocfile import parse
from restoredrill.errors import ArchiveCorrupt

_END = b"\\."


def data_file(toc: bytes, table: str, names: tuple[str, ...]) -> str:
    """The file among `names` that holds the rows of `table` (`schema.name`). Raises `ArchiveCorrupt`."""
    for entry in data_files(parse(toc), dict.fromkeys(names, 1), {}):
        if entry.object == table and entry.files:
            return entry.files[0]
    raise ArchiveCorrupt("find", table, "no rows of it in the archive")


def swap_field(content: bytes, column: int) -> bytes:
    """Exchange one field (counted from 0) between the first two rows that differ in it, in a zstd data file.

    Row count, size of the text and every value stay; only who has which changes. Raises `ArchiveCorrupt` if
    no two rows differ.
    """
    text = zstandard.ZstdDecompressor().decompressobj().decompress(content)
    lines = text.split(b"\n")
    rows = [line.split(b"\t") for line in lines[:1000] if line and line != _END]
    for number in range(1, len(rows)):
        if rows[number][column] != rows[0][column] and rows[number] != rows[0]:
            rows[0][column], rows[number][column] = rows[number][column], rows[0][column]
            lines[0], lines[number] = b"\t".join(rows[0]), b"\t".join(rows[number])
            return zstandard.ZstdCompressor(level=3).compress(b"\n".join(lines))
    raise ArchiveCorrupt("damage", f"column {column}", "no two rows differ in it")
