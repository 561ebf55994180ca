"""What only a folder can get wrong."""

import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from restoredrill.errors import VaultDenied, VaultError, VaultMissing
from restoredrill.vault.folder import FolderStore


def modes(top: Path) -> dict[str, str]:
    """Relative path -> permissions, of everything below `top` and itself."""
    return {str(path.relative_to(top)): stat.filemode(path.stat().st_mode) for path in (top, *top.rglob("*"))}


@contextmanager
def as_somebody_else() -> Iterator[None]:
    """Permissions count for root too."""
    if os.geteuid() != 0:
        yield
        return
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def test_folders_and_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = FolderStore(tmp_path / "deep" / "vault")
        store.put("backups/x/data/toc.dat", [b"x"])
        store.put_once("backups/x/manifest.json", b"{}")
    finally:
        os.umask(before)
    found = modes(tmp_path / "deep")
    files = {path for path, mode in found.items() if mode == "-rw-------"}
    assert files == {"vault/backups/x/data/toc.dat", "vault/backups/x/manifest.json"}
    assert {mode for path, mode in found.items() if path not in files} == {"drwx------"}


def test_nothing_is_made_by_reading(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "vault")
    assert list(store.list()) == []
    assert store.unfinished() == ()
    with pytest.raises(VaultMissing):
        list(store.fetch("a"))
    store.delete(["a"])
    assert list(tmp_path.iterdir()) == []


def test_empty_folders_go_and_the_vault_stays(folder_store: FolderStore, tmp_path: Path) -> None:
    folder_store.put("a/b/c", [b"x"])
    folder_store.put("a/d", [b"x"])
    folder_store.delete(["a/b/c"])
    assert [entry.key for entry in folder_store.list("", folders=True)] == ["a/"]
    folder_store.delete(["a/d"])
    assert list(folder_store.list("", folders=True)) == []
    assert (tmp_path / "vault").is_dir()


def test_symlinks_and_half_written_files_are_not_listed(folder_store: FolderStore, tmp_path: Path) -> None:
    folder_store.put("a/file", [b"x"])
    (tmp_path / "vault" / "a" / "link").symlink_to("/etc/passwd")
    (tmp_path / "vault" / "loop").symlink_to(tmp_path / "vault")
    (tmp_path / "vault" / ".unfinished" / "b~1").write_bytes(b"half")
    assert [entry.key for entry in folder_store.list()] == ["a/file"]
    assert [upload.key for upload in folder_store.unfinished()] == ["b"]


def test_a_folder_that_may_not_be_written_is_denied(tmp_path: Path) -> None:
    FolderStore(tmp_path / "vault").put("file", [b"x"])
    (tmp_path / "vault" / ".unfinished").chmod(0o500)
    (tmp_path / "vault").chmod(0o500)
    try:
        with as_somebody_else():
            store = FolderStore(tmp_path / "vault")
            with pytest.raises(VaultDenied, match="permission denied") as caught:
                store.put("a", [b"x"])
            assert caught.value.hint
            with pytest.raises(VaultDenied):
                store.put_once("a", b"x")
    finally:
        (tmp_path / "vault").chmod(0o700)
        (tmp_path / "vault" / ".unfinished").chmod(0o700)


def test_a_folder_that_may_not_be_read_is_denied(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "vault")
    store.put("file", [b"x"])
    (tmp_path / "vault").chmod(0)
    try:
        with as_somebody_else():
            with pytest.raises(VaultDenied):
                list(store.list())
            with pytest.raises(VaultDenied):
                list(store.fetch("file"))
    finally:
        (tmp_path / "vault").chmod(0o700)


def test_a_file_in_the_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "vault").write_text("not a folder")
    store = FolderStore(tmp_path / "vault")
    with pytest.raises(VaultError):
        store.put("a", [b"x"])
    assert (tmp_path / "vault").read_text() == "not a folder"


FILL = """
import resource, sys
from pathlib import Path
from restoredrill.errors import VaultFull
from restoredrill.vault.folder import FolderStore

store = FolderStore(Path(sys.argv[1]))
store.put("small", [b"x" * 1000])
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
try:
    store.put("large", (b"x" * 30_000 for _ in range(10)))
except VaultFull as error:
    print([entry.key for entry in store.list()], store.unfinished(), error.hint)
"""


def test_a_full_disk_is_said_to_be_full_and_leaves_nothing(tmp_path: Path) -> None:
    # A limit on the size of files fails a write in the middle, as a full disk does, and needs no mount.
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    found = subprocess.run(
        [sys.executable, "-c", FILL, tmp_path / "vault"], capture_output=True, text=True, timeout=60
    )
    assert found.stdout.startswith("['small'] () "), found.stderr
    assert found.stdout.strip().endswith("files as large as this")


KILLED = """
import os, signal, sys
from pathlib import Path
from restoredrill.vault.folder import FolderStore

def chunks():
    yield b"x" * 100_000
    os.kill(os.getpid(), signal.SIGKILL)

FolderStore(Path(sys.argv[1])).put("backups/x/data/1.dat", chunks())
"""


def test_promise_3_a_writer_that_is_killed_leaves_nothing_visible(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "vault"], timeout=60)
    assert killed.returncode == -signal.SIGKILL
    store = FolderStore(tmp_path / "vault")
    assert list(store.list()) == []
    [left] = store.unfinished("backups/x/")
    store.abandon([left])
    assert store.unfinished() == ()
