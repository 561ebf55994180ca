"""Restores pg_dump's archives that somebody else has taken: custom and tar ones from this machine's disk, the
first in parallel; a directory archive that somebody packed with `tar` as what it is once it is extracted.
"""

import re
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path

import psycopg

from restoredrill import clock, process
from restoredrill.engines.postgres import restore as restoring
from restoredrill.engines.postgres import watch
from restoredrill.engines.postgres.foreign.look import MEMBER
from restoredrill.engines.postgres.foreign.replay import make_role
from restoredrill.engines.postgres.messages import classify
from restoredrill.engines.postgres.restore import Scene
from restoredrill.engines.postgres.roles import statements
from restoredrill.errors import DiskFull, DumpUnfit, VaultMissing
from restoredrill.model import Manifest, Phase, StoredFile
from restoredrill.protocols import Archive, Progress, Restored

_PATIENCE_S = 3600.0  # for a table of contents as a script
_LOOK_S = 0.2
_KILLED = -9
_IDENTIFIER = r'("(?:[^"]|"")+"|[^\s",;]+)'
_LIST = rf"{_IDENTIFIER}(?:\s*,\s*{_IDENTIFIER})*"
_NAMES = re.compile(_IDENTIFIER)

# Where a script of pg_dump's names roles.
_ROLES = (
    re.compile(rf"\sOWNER TO {_IDENTIFIER}\s*$"),
    re.compile(rf"^(?:GRANT|REVOKE)\s.*\s(?:TO|FROM) ({_LIST})(?: WITH GRANT OPTION)?\s*$", re.DOTALL),
    re.compile(rf"^ALTER DEFAULT PRIVILEGES FOR ROLE {_IDENTIFIER}"),
    re.compile(
        rf"^ALTER DEFAULT PRIVILEGES .*\s(?:TO|FROM) {_IDENTIFIER}(?: WITH GRANT OPTION)?\s*$", re.DOTALL
    ),
    re.compile(rf"^SET SESSION AUTHORIZATION '?{_IDENTIFIER}'?\s*$"),
    re.compile(rf"^CREATE POLICY .*?\sTO ({_LIST})(?:\s+(?:USING|WITH CHECK) |\s*$)", re.DOTALL),
    re.compile(rf"^CREATE USER MAPPING .*? FOR {_IDENTIFIER}\s"),
    re.compile(rf"^ALTER ROLE {_IDENTIFIER} IN DATABASE"),
)
_NOBODY = frozenset({"public", "PUBLIC", "current_user", "session_user", "CURRENT_USER", "SESSION_USER"})
_OF_THE_DATABASE = re.compile(
    rb"\s*((ALTER|COMMENT\s+ON|SECURITY\s+LABEL\s.*?ON|GRANT\s.*?ON|REVOKE\s.*?ON)\s+DATABASE|ALTER\s+ROLE\s.*?IN\s+DATABASE)\b",
    re.DOTALL,
)


# Onto the disk ------------------------------------------------------------------------------------------


def spooled(chunks: Iterator[bytes], path: Path, progress: Progress) -> int:
    """Write a stream to a file; its bytes. Raises `DiskFull`, and what reading it raises."""
    have = 0
    try:
        with path.open("wb") as sink:
            for chunk in chunks:
                sink.write(chunk)
                have += len(chunk)
                progress(f"fetch: {have >> 20} MB", None, None)
    except OSError as error:
        hint = "a custom or tar archive has to lie on the machine's disk beside what is restored from it"
        raise DiskFull("write", str(path), error.strerror or str(error), hint=hint) from error
    return have


class _Stream(BufferedIOBase):
    """Chunks as a file that is read once. What the chunks raise passes."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        parts, have = [self._rest], len(self._rest)
        while size is None or size < 0 or have < size:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            parts.append(chunk)
            have += len(chunk)
        whole = b"".join(parts)
        wanted = len(whole) if size is None or size < 0 else size
        self._rest = whole[wanted:]
        return whole[:wanted]


@dataclass(frozen=True)
class ExtractedArchive:
    """An `Archive` of the files of a tar archive, as they lie on this machine's disk."""

    manifest: Manifest
    paths: Mapping[str, Path]
    fetched_bytes: int = 0

    def open(self, name: str) -> Iterator[bytes]:
        """See `Archive.open`."""
        path = self.paths.get(name)
        if path is None:
            raise VaultMissing("open", name, "the tar archive has no such file")
        with path.open("rb") as source:
            while chunk := source.read(1 << 20):
                yield chunk


def extracted(chunks: Iterator[bytes], thing: str, directory: Path, manifest: Manifest) -> ExtractedArchive:
    """The members of a tar archive that pg_dump writes, as files of their own names: nothing else of it is
    written. Raises `DumpUnfit` if it is cut off, `DiskFull`.
    """
    paths: dict[str, Path] = {}
    try:
        with tarfile.open(fileobj=_Stream(chunks), mode="r|", bufsize=1 << 20) as tar:
            for member in tar:
                named = MEMBER.fullmatch(member.name)
                if named is None or not member.isfile():
                    continue
                paths[named[1]] = directory / named[1]
                source = tar.extractfile(member)
                assert source is not None  # it is a file
                with paths[named[1]].open("wb") as sink:
                    shutil.copyfileobj(source, sink, 1 << 20)
                if paths[named[1]].stat().st_size != member.size:
                    raise tarfile.ReadError("unexpected end of data")
        for _ in chunks:  # what lies behind its end counts for a checksum, too
            pass
    except tarfile.TarError as error:
        raise _cut(thing, error) from error
    except OSError as error:
        raise DiskFull("write", str(directory), error.strerror or str(error)) from error
    files = tuple(
        StoredFile(name=n, key=n, size_bytes=p.stat().st_size, sha256="0" * 64, plain_bytes=p.stat().st_size)
        for n, p in sorted(paths.items())
    )
    return ExtractedArchive(manifest.model_copy(update={"files": files}), paths)


def is_pg_dumps(path: Path, thing: str) -> bool:
    """Did pg_dump itself write this tar file, and not somebody who packed a directory archive. All of it is
    looked at. Raises `DumpUnfit` if it is cut off.
    """
    try:
        with tarfile.open(path, mode="r:") as tar:
            names = [member.name for member in tar]
        if not _ends_well(path):
            raise tarfile.ReadError("unexpected end of data")
    except tarfile.TarError as error:
        raise _cut(thing, error) from error
    return "restore.sql" in names


def _ends_well(path: Path) -> bool:
    """A tar file ends with two blocks of zeros; one that was cut between two members has none."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 1024))
        return file.read() == b"\0" * 1024


def _cut(thing: str, error: tarfile.TarError) -> DumpUnfit:
    reason = f"the tar archive is cut off or damaged: {str(error).lower()}"
    hint = "the dump is bad: keep another, and find out what cut it off"
    return DumpUnfit("read", thing, reason, rule="DUMP_CUT", hint=hint)


def beginning(archive: Archive, name: str, path: Path) -> Path:
    """A directory archive's table of contents alone, in a directory of its own: all that a script needs."""
    path.mkdir(mode=0o700)
    (path / name).write_bytes(b"".join(archive.open(name)))
    return path


# What a table of contents names -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Contents:
    """What an archive's schema says: the statement that makes its database, others about the database, and
    the roles that it names.
    """

    create_database: bytes | None
    of_database: tuple[bytes, ...]
    roles: tuple[str, ...]


def contents(scene: Scene, path: Path, form: str) -> Contents:
    """Read an archive's schema. Raises `DumpUnfit` if pg_restore can't, `ServerFailed`."""
    program = scene.client.program("pg_restore")
    script = path.with_name("contents.sql")
    words: list[str | Path] = [
        program,
        f"--format={form}",
        "--schema-only",
        "--create",
        f"--file={script}",
        path,
    ]
    done = process.run(words, extra_env={"LC_ALL": "C"}, timeout_s=_PATIENCE_S, cwd=scene.directory)
    if done.code != 0:
        messages = [m for m in classify(done.err.splitlines(), done.code, 1) if not m.harmless]
        restoring.raise_for_machine(scene.server, messages)
        why = messages[0].text if messages else f"pg_restore ended with status {done.code}"
        raise DumpUnfit(
            "read", "its table of contents", why, rule="ARCHIVE_UNREADABLE", hint="the dump is damaged"
        )
    found = list(statements(script.read_bytes()))
    script.unlink()
    made = next((one for one in found if one.startswith(b"CREATE DATABASE")), None)
    return Contents(made, tuple(one for one in found if _OF_THE_DATABASE.match(one)), _roles_in(found))


def _roles_in(found: list[bytes]) -> tuple[str, ...]:
    roles: dict[str, None] = {}
    for statement in found:
        text = statement.decode("utf-8", "surrogateescape").strip()
        for pattern in _ROLES:
            if match := pattern.search(text):
                for name in _NAMES.findall(match[1]):
                    if name not in _NOBODY:
                        roles[name[1:-1].replace('""', '"') if name.startswith('"') else name] = None
    return tuple(roles)


def make_roles(connection: psycopg.Connection, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Make those of the roles that are not there; their names. The connection is an autocommit one."""
    there = {name for (name,) in connection.execute(b"SELECT rolname FROM pg_catalog.pg_roles")}
    missing = tuple(name for name in wanted if name not in there and not name.startswith("pg_"))
    for name in missing:
        make_role(connection, name)
    return missing


# A file -------------------------------------------------------------------------------------------


def restore_file(scene: Scene, path: Path, form: str, database: str, progress: Progress) -> Restored:
    """`pg_restore` of an archive (`form`: custom, tar) into `database`, which is there and empty. Only a
    custom one can be read by several jobs.

    Raises `ServerFailed`, `DiskFull` for what says nothing about the dump.
    """
    began_s = clock.monotonic_s()
    jobs = scene.jobs if form == "custom" else 1
    words: list[str | Path] = [scene.client.program("pg_restore"), f"--format={form}", f"--jobs={jobs}"]
    words += ["--no-tablespaces", "--no-subscriptions", "--no-password", f"--role={scene.server.superuser}"]
    words += [f"--dbname={scene.server.url(database)}", path]
    code, bottleneck = _run(scene, words, progress)
    if code:
        restoring.require_room(scene)
    scene.server.check("restore into")
    said = scene.said.read_text(encoding="utf-8", errors="replace")
    messages = classify(said.splitlines(), _KILLED if code is None else code, jobs)
    restoring.raise_for_machine(scene.server, messages)
    findings = tuple(message.finding() for message in messages if not message.harmless)
    harmless = tuple(dict.fromkeys(message.text for message in messages if message.harmless))
    seconds = clock.monotonic_s() - began_s
    phases = (Phase(name="pg_restore", seconds=seconds, bytes=path.stat().st_size),)
    return Restored(findings, harmless, phases, bottleneck)


def _run(scene: Scene, words: list[str | Path], progress: Progress) -> tuple[int | None, str | None]:
    tally = watch.Tally()
    with restoring.session(scene) as watching, scene.said.open("wb") as sink:
        child = process.start(
            words, extra_env=restoring.environment(scene), cwd=scene.directory, stderr=sink, tied=True
        )
        try:
            while child.poll() is None:
                clock.sleep(_LOOK_S)
                work = restoring.look(watching)
                tally.add(work, _LOOK_S, starving=False)
                progress(restoring.busy_with(work), None, None)
            return child.poll(), tally.bottleneck
        finally:
            restoring.end(child, scene.directory)
