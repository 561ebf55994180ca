"""What stands for the vault where a dump is tested: a folder, and a hook to break things at any moment."""

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import zstandard

from restoredrill import process
from restoredrill.model import StoredFile

GENEROUS_S = 60.0

Hook = Callable[[str, int], None]
"""hook(name, chunks so far): called before a chunk is stored; may block or raise."""


class Keeping:
    """A `Keep`: stores files in `folder`, calls `hook` at each chunk, forgets a file whose chunks raise."""

    def __init__(self, folder: Path, hook: Hook = lambda name, number: None) -> None:
        self.folder = folder
        self.begun: list[str] = []
        self._hook = hook
        folder.mkdir(exist_ok=True)

    def __call__(self, name: str, chunks: Iterator[bytes]) -> StoredFile:
        self.begun.append(name)
        digest, size = hashlib.sha256(), 0
        part = self.folder / f".{name}.part"
        try:
            with part.open("wb") as file:
                for number, chunk in enumerate(chunks):
                    assert 0 < len(chunk) <= 1 << 20
                    self._hook(name, number)
                    digest.update(chunk)
                    size += len(chunk)
                    file.write(chunk)
            part.rename(self.folder / name)
        finally:
            part.unlink(missing_ok=True)
        return StoredFile(
            name=name, key=f"data/{name}", size_bytes=size, sha256=digest.hexdigest(), plain_bytes=size
        )

    @property
    def names(self) -> set[str]:
        """Files that are stored whole."""
        return {path.name for path in self.folder.iterdir() if path.suffix != ".part"}

    def read(self, name: str) -> bytes:
        """A stored file, decompressed if its name says so."""
        content = (self.folder / name).read_bytes()
        return (
            zstandard.ZstdDecompressor().decompressobj().decompress(content)
            if name.endswith(".zst")
            else content
        )


def quiet(message: str, percent: float | None, mb_per_s: float | None) -> None:
    """A `Progress` that nobody watches."""


def pg_dumps(spool: Path) -> list[psutil.Process]:
    """The processes of pg_dump that work for `spool`, its leader first."""
    found = []
    for proc in process.running_below(spool):
        with contextlib.suppress(psutil.NoSuchProcess):
            found.append(psutil.Process(proc.pid))
    return found


def await_that(condition: Callable[[], bool], what: str) -> None:
    """Return once it is so; fail after a generous while."""
    pause = threading.Event()
    for _ in range(int(GENEROUS_S / 0.03)):
        if condition():
            return
        pause.wait(0.03)
    raise AssertionError(f"waited in vain until {what}")


def nothing_left(spool: Path) -> bool:
    """No thread and no file of a dump, and soon no process: the kernel takes a moment to bury one."""
    threads = [thread for thread in threading.enumerate() if thread.name.startswith(("keep", "words"))]
    files = list(spool.iterdir())
    await_that(lambda: not pg_dumps(spool), "the last process of pg_dump is gone")
    return not threads and not files
