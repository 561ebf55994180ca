"""The table of contents ends too early, and every checksum agrees."""

from restoredrill.sabotage.bench import TOC, Bench, Planted, Sabotage


def make(bench: Bench) -> Planted:
    return Planted(bench.copy({TOC: lambda toc: toc[: len(toc) // 2]}))


SABOTAGE = Sabotage("contents cut", ("ARCHIVE_CORRUPT", "ARCHIVE_UNREADABLE"), make)
