"""Damage done on purpose to a copy of a backup, so that a drill can be seen to catch it."""

from collections.abc import Callable, Iterator

from restoredrill import __version__
from restoredrill.model import Manifest, StoredFile
from restoredrill.protocols import Archive, Backups

Edit = Callable[[bytes], bytes]


def plant(archive: Archive, backups: Backups, backup: str, edits: dict[str, Edit]) -> Manifest:
    """Copy a backup under the id `backup`, with the files named in `edits` changed on the way.

    Sizes and checksums in the copy's manifest are those of the changed files: nothing that looks at objects
    alone can tell. The files in `edits` are held in memory whole. Raises `VaultError`, and what `archive`
    raises.
    """
    original = archive.manifest

    def copy(file: StoredFile) -> StoredFile:
        chunks = archive.open(file.name)
        edit = edits.get(file.name)
        return backups.keep(backup, file.name, chunks if edit is None else _edited(chunks, edit))

    files = tuple(copy(file) for file in original.files)
    planted = original.model_copy(update={"id": backup, "files": files, "made_by": MADE_BY})
    backups.publish(planted)
    return planted


MADE_BY = f"restoredrill {__version__}, damaged on purpose"


def _edited(chunks: Iterator[bytes], edit: Edit) -> Iterator[bytes]:
    yield edit(b"".join(chunks))


def flipped(body: bytes) -> bytes:
    """One bit in the middle is another."""
    changed = bytearray(body)
    changed[len(body) // 2] ^= 1
    return bytes(changed)
