"""A vault in a folder: the same promises as S3, kept by rename(2), link(2) and fsync(2)."""

import contextlib
import errno
import functools
import io
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, unquote

from restoredrill.errors import VaultConflict, VaultDenied, VaultError, VaultFull, VaultMissing
from restoredrill.protocols import Entry
from restoredrill.vault.layout import UNFINISHED, checked
from restoredrill.vault.store import Unfinished

_CHUNK_BYTES = 256 * 1024
_FOLDER_ATTEMPTS = 20

_KINDS: dict[int, tuple[type[VaultError], str]] = {
    errno.ENOENT: (VaultMissing, "check the vault's url"),
    errno.EISDIR: (VaultMissing, "a folder is where a file should be"),
    errno.ENOTDIR: (VaultMissing, "a file is where a folder should be"),
    errno.EACCES: (VaultDenied, "give this user the folder, or run as the user who owns it"),
    errno.EPERM: (VaultDenied, "is the file immutable, or the filesystem one without hard links?"),
    errno.EROFS: (VaultDenied, "the filesystem is mounted read-only"),
    errno.ENOSPC: (VaultFull, "make room, or prune"),
    errno.EDQUOT: (VaultFull, "raise the quota, or prune"),
    errno.EFBIG: (VaultFull, "the filesystem or a limit does not allow files as large as this"),
}


class FolderStore:
    """A `Store` below one directory. Directories are 0700 and files 0600, whatever the umask says."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    def put(self, key: str, chunks: Iterable[bytes]) -> None:
        """See `Store.put`: written beside, synced, then renamed into place."""
        target = self._path(key)
        with self._written(key, chunks) as temporary, _as_vault_error("write", target):
            _in_folder(target, lambda: temporary.rename(target))
            _sync_folder(target.parent)

    def put_once(self, key: str, body: bytes) -> None:
        """See `Store.put_once`: link(2) is atomic and never replaces."""
        target = self._path(key)
        with self._written(key, [body]) as temporary, _as_vault_error("write", target):
            try:
                _in_folder(target, lambda: target.hardlink_to(temporary))
            except FileExistsError as error:
                raise VaultConflict("write", str(target), "it is there already") from error
            _sync_folder(target.parent)

    def fetch(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See `Store.fetch`. A range beyond the end is empty."""
        path = self._path(key)
        with _as_vault_error("read", path):
            file = path.open("rb", buffering=0)
        left = length
        with file:
            file.seek(start)
            while left is None or left > 0:
                with _as_vault_error("read", path):
                    chunk = file.read(_CHUNK_BYTES if left is None else min(_CHUNK_BYTES, left))
                if not chunk:
                    return
                left = None if left is None else left - len(chunk)
                yield chunk

    def list(self, prefix: str = "", *, folders: bool = False) -> Iterator[Entry]:
        """See `Store.list`. The whole listing is held in memory, a few hundred bytes an object."""
        with _as_vault_error("list", self._root / prefix):
            found = self._folders(prefix) if folders else self._files(prefix)
            entries = sorted(found, key=lambda entry: entry.key.encode())
        yield from entries

    def delete(self, keys: Sequence[str]) -> None:
        """See `Store.delete`. Folders that get empty go too."""
        for path in [self._path(key) for key in keys]:
            with _as_vault_error("delete", path):
                path.unlink(missing_ok=True)
                self._remove_empty(path.parent)

    # Housekeeping -----------------------------------------------------------------------------------------

    def held(self, keys: Sequence[str]) -> tuple[str, ...]:
        """See `Housekeeping.held`. A folder knows no retention."""
        return ()

    def unfinished(self, prefix: str = "") -> tuple[Unfinished, ...]:
        """See `Housekeeping.unfinished`."""
        found = []
        with _as_vault_error("list", self._root / UNFINISHED):
            for path in sorted((self._root / UNFINISHED).glob("*")):
                key = unquote(path.name.rpartition("~")[0])
                with contextlib.suppress(FileNotFoundError):
                    if key.startswith(prefix):
                        found.append(Unfinished(key, _modified_at(path.stat()), path.name))
        return tuple(found)

    def abandon(self, uploads: Sequence[Unfinished]) -> None:
        """See `Housekeeping.abandon`."""
        for upload in uploads:
            path = self._root / UNFINISHED / Path(upload.token).name
            with _as_vault_error("delete", path):
                path.unlink(missing_ok=True)

    # Inside -----------------------------------------------------------------------------------------------

    def _path(self, key: str) -> Path:
        return self._root / checked(key)

    @contextlib.contextmanager
    def _written(self, key: str, chunks: Iterable[bytes]) -> Iterator[Path]:
        """A synced temporary file with `chunks` in it; gone afterwards unless it was renamed."""
        # The key is for whoever looks. File names end at 255 bytes.
        temporary = self._root / UNFINISHED / f"{quote(key, safe='')[:220]}~{secrets.token_hex(8)}"
        writing = functools.partial(_as_vault_error, "write", self._root / key)
        try:
            with writing():
                file = _in_folder(temporary, lambda: _create(temporary))
            with file:
                for chunk in chunks:  # its errors are the caller's own and pass as they are
                    with writing():
                        _write_all(file, chunk)
                with writing():
                    os.fsync(file.fileno())
            yield temporary
        finally:
            with writing():
                temporary.unlink(missing_ok=True)

    def _files(self, prefix: str) -> Iterator[Entry]:
        top = self._root / prefix.rpartition("/")[0]
        for folder, names, files in os.walk(top, onerror=_raise_unless_gone):
            here = Path(folder)
            if here == self._root and UNFINISHED in names:
                names.remove(UNFINISHED)
            for name in files:
                path = here / name
                key = path.relative_to(self._root).as_posix()
                with contextlib.suppress(FileNotFoundError):
                    if key.startswith(prefix) and path.is_file() and not path.is_symlink():
                        facts = path.stat()
                        yield Entry(key, facts.st_size, _modified_at(facts))

    def _folders(self, prefix: str) -> Iterator[Entry]:
        above, _, _ = prefix.rpartition("/")
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            for path in (self._root / above).iterdir():
                key = f"{path.relative_to(self._root).as_posix()}/"
                if path.is_dir() and key.startswith(prefix) and path != self._root / UNFINISHED:
                    yield Entry(key, 0, _modified_at(path.stat()))

    def _remove_empty(self, folder: Path) -> None:
        with contextlib.suppress(OSError):  # not empty, or gone already
            while folder != self._root and folder.is_relative_to(self._root):
                folder.rmdir()
                folder = folder.parent


@contextlib.contextmanager
def _as_vault_error(operation: str, thing: Path) -> Iterator[None]:
    """The one place where the system's errors become the vault's."""
    try:
        yield
    except OSError as error:
        kind, hint = _KINDS.get(error.errno or 0, (VaultError, ""))
        raise kind(operation, str(thing), (error.strerror or str(error)).lower(), hint=hint) from error


def _create(path: Path) -> io.FileIO:
    # Unbuffered: closing a buffered file writes, and may fail where nobody expects it.
    return io.FileIO(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w")


def _write_all(file: io.FileIO, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[file.write(rest) or 0 :]


_Made = TypeVar("_Made")


def _in_folder(target: Path, action: Callable[[], _Made]) -> _Made:
    """Do what makes `target`, with its folder made first where it is missing."""
    for _ in range(_FOLDER_ATTEMPTS):
        try:
            return action()
        except FileNotFoundError:
            # Missing, or just removed by a `delete` that found it empty.
            _make_folder(target.parent)
    return action()


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    with contextlib.suppress(FileExistsError, FileNotFoundError):
        folder.mkdir(mode=0o700)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    """Make names in `folder` outlast a power cut: fsync(2) of a file says nothing about its name."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _raise_unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error


def _modified_at(facts: os.stat_result) -> datetime:
    return datetime.fromtimestamp(facts.st_mtime, UTC)
