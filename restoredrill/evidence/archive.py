"""One file for the auditor: a .zip, as every desktop opens it. The same documents make the same bytes.

What passes is written at once and forgotten: a vault's manifests may be more than memory holds.
"""

import os
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from restoredrill.errors import RestoredrillError
from restoredrill.evidence import index, statements, summary
from restoredrill.evidence.coverage import Coverage, Period
from restoredrill.evidence.index import Index, IndexedFile
from restoredrill.evidence.notes import Notes
from restoredrill.evidence.signing import Signer

_FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # the least a .zip can say: no time of ours makes a difference
_LEVEL = 6
_UNIX, _MODE = 3, 0o100644 << 16

Named = Iterable[tuple[str, bytes]]
Folders = Iterable[tuple[str, Mapping[str, bytes]]]


def write(
    path: Path, period: Period, backups: Named, drills: Folders, tasks: Named, key: Signer | None
) -> Coverage:
    """Write the archive; it is there whole or not at all. `backups` are manifests by id, `drills` folders of
    files by id, `tasks` documents by id, each in ascending order.

    Raises `RestoredrillError` if `path` can't be written, and whatever the iterators raise.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        with zipfile.ZipFile(unfinished, "w") as file:
            coverage = _fill(_Archive(file), period, backups, drills, tasks, key)
        unfinished.replace(path)
    except OSError as error:
        raise RestoredrillError("write", str(path), (error.strerror or str(error)).lower()) from error
    finally:
        unfinished.unlink(missing_ok=True)
    return coverage


class _Archive:
    """A .zip that remembers what it holds."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file
        self.files: dict[str, IndexedFile] = {}

    def add(self, name: str, body: bytes) -> None:
        info = zipfile.ZipInfo(name, _FIRST_DAY)
        info.compress_type, info.create_system, info.external_attr = zipfile.ZIP_DEFLATED, _UNIX, _MODE
        self._file.writestr(info, body, compresslevel=_LEVEL)
        self.files[name] = IndexedFile(sha256=statements.sha256(body), size_bytes=len(body))

    def add_all(self, bodies: Mapping[str, bytes]) -> None:
        for name in sorted(bodies):
            self.add(name, bodies[name])


def _fill(
    archive: _Archive, period: Period, backups: Named, drills: Folders, tasks: Named, key: Signer | None
) -> Coverage:
    notes = Notes(period)
    archive.add(index.README, summary.readme(period, key is not None).encode())
    for identity, body in backups:
        archive.add_all(notes.backup(identity, body))
    for identity, files in drills:
        archive.add_all(notes.drill(identity, files))
    for identity, body in tasks:
        archive.add_all(notes.task(identity, body))
    coverage = notes.coverage()
    archive.add(index.COVERAGE, coverage.model_dump_json(by_alias=True, indent=1).encode())
    archive.add(index.SUMMARY, summary.as_html(coverage, None if key is None else key.keyid).encode())
    if key is not None:
        archive.add(index.PUBLIC_KEY, key.public.encode())
    _sign(archive, period, key)
    return coverage


def _sign(archive: _Archive, period: Period, key: Signer | None) -> None:
    """The index comes last, and the signature under it: nothing is added after that."""
    files = dict(sorted(archive.files.items()))
    body = Index(period=period, files=files).model_dump_json(by_alias=True, indent=1).encode()
    archive.add(index.INDEX, body)
    if key is not None:
        statement = statements.of_archive(index.INDEX, body, period.model_dump(mode="json"))
        archive.add(index.SIGNED_INDEX, key.envelope(statement))
